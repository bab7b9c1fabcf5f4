"""Credentials go to exact origins, and a secret in `params` is in no row of the store (rows B3, B23; X9)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Identity
from crawler.sessions.session_setup import without_params
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, opened
from tests.hosts import Net

SECRET = "wordofpower77"
SECRETS = ("authorization", "x-api-key", "cookie")
NAMES = {"shop.test": "127.0.0.1", "www.shop.test": "127.0.0.1", "evil.shop.test": "127.0.0.1"}


@pytest.mark.parametrize("way", ["link", "redirect", "asked"])
def test_B3_a_subdomain_of_a_start_host_gets_no_credentials(net: Net, way: str) -> None:
    own = net.host({"/go": lambda call: Answer.redirect(own.named("evil.shop.test", "/there"))})
    identity = Identity(
        "default",
        auth=("ann", SECRET),
        headers={"X-Api-Key": SECRET},
        secret_headers=("X-Api-Key",),
        params={"api_key": SECRET},
    )
    session = net.session(own.named("shop.test"), names=NAMES, identity=identity)
    url = own.named("shop.test", "/go") if way == "redirect" else own.named("evil.shop.test", "/there")

    if way == "link":
        session.send(session.prepare_link(crawler.Request(url)))
    else:
        session.get(url)

    (told,) = own.seen("/there")
    assert not set(SECRETS) & set(told.headers)
    assert told.query_text == ""


class Keyed(crawler.Spider):
    """An API key in the parameters; links, redirects and errors of a server that writes it into all of its URLs."""

    name = "keyed"
    sessions = (Identity("default", params={"k": SECRET, "lang": "en"}),)
    custom_settings = {"retries": 0}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/start"]

    def parse(self, response: crawler.Response) -> Any:
        yield {"id": 1, "url": response.url}
        yield from response.follow_all(css="a")


def echoing(call: WireRequest) -> Answer:
    """Every URL of this server carries on what it was asked with."""
    asked = call.query_text
    if call.path == "/start":
        targets = ("/moved", "/gone", "/loop", "/two", "/broken", "/page")
        return Answer(body="".join(f"<a href='{each}?{asked}&x=1'>x</a>" for each in targets).encode())
    if call.path == "/moved":
        return Answer.redirect(f"/landed?{asked}")
    if call.path == "/gone":
        return Answer(404)
    if call.path == "/loop":
        return Answer.redirect(f"/loop?{asked}")
    if call.path == "/two":
        return Answer.redirect(f"ftp://127.0.0.1/?{asked}")
    if call.path == "/broken":
        return Answer(body=b"x" * 100, reset_after=120)
    return Answer(body=b"<p>x</p>") if call.path != "/robots.txt" else Answer(404)


def test_X9_a_secret_in_params_is_in_no_row_whatever_the_server_writes(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"*": echoing})

    summary = crawl(Keyed, own.url, tmp_path)

    asked = {call.path: call.query() for call in own.calls if call.path != "/robots.txt"}
    assert {query.get("k") for query in asked.values()} == {SECRET}
    assert asked["/landed"] == {"k": SECRET, "lang": "en", "x": "1"}
    assert summary.pages == 3, summary
    with opened(tmp_path) as database:
        dump = "\n".join(database.iterdump())
    assert SECRET not in dump
    assert "/landed?x=1" in dump
    assert "lang=en" not in dump


WITHOUT = [
    ("http://a/", {"k": "1"}, "http://a/"),
    ("http://a/?k=1", {"k": "1"}, "http://a/"),
    ("http://a/?k=1#part", {"k": "1"}, "http://a/#part"),
    ("http://a/?b=2&k=1&c", {"k": "1"}, "http://a/?b=2&c"),
    ("http://a/?k=2", {"k": "1"}, "http://a/?k=2"),
    ("http://a/?k=a%20b&k=a+b", {"k": "a b"}, "http://a/"),
    ("http://a/?%6b=1", {"k": "1"}, "http://a/"),
    ("http://a/?k=1", {"k": 1}, "http://a/"),
    ("http://a/?k=1", [("k", "1"), ("k", "2")], "http://a/"),
    ("http://a/?k=None", {"k": None}, "http://a/?k=None"),
    ("http://a/?next=/b?k=1", {"k": "1"}, "http://a/?next=/b?k=1"),
    ("http://a/?b=%C3%A9&k=%C3%A9", {"k": "é"}, "http://a/?b=%C3%A9"),
]


@pytest.mark.parametrize(("url", "params", "bare"), WITHOUT, ids=[each[0] for each in WITHOUT])
def test_a_url_is_kept_without_the_parameters_of_its_session(url: str, params: Any, bare: str) -> None:
    assert without_params(url, params) == bare
