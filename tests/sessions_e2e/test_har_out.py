"""A page as a HAR file, by `crawl fetch --har`: without secrets, or with them and good for another session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Host, Net

SID, TOKEN = "sid-4711-k3J9xQ", "token-0815-Zw81pL"
SPIDER = """
from crawler import Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/home"]

    def login(self, session):
        session.post("{url}/login", data={{"user": session.account.username, "password": session.account.password}})

    def parse(self, response):
        yield {{"said": response.css("p::text").get()}}
"""


def members(call: WireRequest) -> Answer:
    if call.path == "/login":
        return Answer(headers=[("Set-Cookie", f"sid={SID}; Path=/; HttpOnly")])
    if call.cookies().get("sid") != SID:
        return Answer(401, b"who?")
    if call.path == "/go":
        return Answer.redirect(f"/home?access_token={TOKEN}&page=2")
    page = f'<p>h\u00f6me</p><input type=hidden name=csrf_token value="{TOKEN}"><input name=q value="shoes">'
    page += f'<meta name=csrf-token content={TOKEN}><script>a = {{"access_token": "{TOKEN}"}}</script>'
    page += "<a href=/out>Log out</a>"
    return Answer(body=page.encode(), content_type="text/html; charset=utf-8")


@pytest.fixture
def host(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    net = Net()
    found = net.host({"/robots.txt": Answer(404), "*": members})
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=found.url))
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "a password of ann")
    yield found
    net.close()


def recorded(project: Path) -> Any:
    return json.loads((project / "page.har").read_text())["log"]


def test_a_page_and_its_redirects_are_recorded_without_a_secret(host: Host, project: Path, command: Crawl) -> None:
    done = command("fetch", f"{host.url}/go", "--spider", "orders", "--har", "page.har")

    assert done.code == 0, done.err
    assert "without cookies, secrets masked" in done.err
    log, text = recorded(project), (project / "page.har").read_text()
    assert (project / "page.har").stat().st_mode & 0o777 == 0o600
    assert [each["response"]["status"] for each in log["entries"]] == [302, 200]
    assert log["entries"][1]["request"]["queryString"] == [
        {"name": "access_token", "value": "***"},
        {"name": "page", "value": "2"},
    ]
    assert "h\u00f6me" in log["entries"][1]["response"]["content"]["text"]
    assert 'value=\\"shoes\\"' in text
    assert not [secret for secret in (SID, TOKEN, "a password of ann") if secret in text]
    refused = command("sessions", "import", "orders", "page.har", "--store", "other.db")
    assert "holds no cookies" in refused.err


def test_what_the_format_asks_for_is_there(host: Host, project: Path, command: Crawl) -> None:
    """Source: the HAR 1.2 specification: names that are not optional."""
    command("fetch", f"{host.url}/home", "--spider", "orders", "--har", "page.har", "--unmasked")

    log = recorded(project)
    entry = log["entries"][0]

    assert (log["version"], set(log["creator"])) == ("1.2", {"name", "version"})
    assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
    both = {"httpVersion", "cookies", "headers", "headersSize", "bodySize"}
    assert both | {"method", "url", "queryString"} <= set(entry["request"])
    assert both | {"status", "statusText", "content", "redirectURL"} <= set(entry["response"])
    assert {"size", "mimeType"} <= set(entry["response"]["content"])
    assert {"send", "wait", "receive"} <= set(entry["timings"])
    assert entry["time"] == sum(entry["timings"].values())
    assert entry["request"]["cookies"] == [{"name": "sid", "value": SID, "httpOnly": False, "secure": False}]


def test_unmasked_another_store_is_logged_in_by_it(host: Host, project: Path, command: Crawl) -> None:
    done = command("fetch", f"{host.url}/go", "--spider", "orders", "--har", "page.har", "--unmasked")
    moved = command("sessions", "import", "orders", "page.har", "--store", "other.db")
    run = command("run", "orders", "--store", "other.db", "--json")

    assert "logs in whoever reads it" in done.err
    assert (moved.code, run.code) == (0, 0), moved.err + run.err
    assert json.loads(run.out)["logins"] == 0
    assert len(host.seen("/login")) == 1


def test_secrets_are_asked_for_with_a_file_only(project: Path, command: Crawl) -> None:
    refused = command("fetch", "http://127.0.0.1:9/", "--unmasked")

    assert (refused.code, "--unmasked goes with --har" in refused.err) == (2, True)
