"""Proxies: a password of any characters, and failures that name the proxy and the real cause."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import crawler
from crawler import BearerAuth, TokenRefresh
from crawler.errors import ConnectFailed, FetchError, Refused, UnknownHost
from crawler.fetching.outgoing import outgoing
from crawler.redaction import redact
from crawler.testing.raw import CLOSE, READ, RawServer, answer
from tests.engine.shop import crawl, opened
from tests.hosts import Net

OK = answer(b"<p>via proxy</p>")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def told(server: RawServer) -> list[str]:
    """The credentials that came to a proxy."""
    found = re.findall(rb"(?im)^proxy-authorization: basic (\S+)", b"\n".join(server.requests))
    return [base64.b64decode(each).decode() for each in found]


PASSWORDS = [
    "p@ss",
    "a@b@c",
    "p:w",
    "s/l/ash",
    "ha#sh",
    "que?ry",
    "per%cent",
    "a b",
    "p\u00e4ss",
    "\u043f\u0430\u0440",
    "=&+,;!",
]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("spelling", ["as it is", "escaped"])
def test_a_password_of_any_characters_reaches_the_proxy(net: Net, password: str, spelling: str) -> None:
    written = password if spelling == "as it is" else quote(password, safe="")
    with RawServer([READ, OK]) as proxy:
        session = net.session("http://shop.test", proxy=f"http://ann:{written}@127.0.0.1:{proxy.port}")

        assert session.get("http://shop.test/page").text == "<p>via proxy</p>"

        assert told(proxy) == [f"ann:{password}"]


NO_PROXIES = [
    "http://",
    "ftp://127.0.0.1:1",
    "http://ann:pw@",
    "http://a b:1",
    "http://h:99999999",
    "http://ann:wordofpower@h/p",
]


@pytest.mark.parametrize("url", NO_PROXIES)
def test_an_invalid_proxy_is_refused_with_the_expected_form(net: Net, url: str) -> None:
    with pytest.raises(Refused, match="http://host:port") as refused:
        net.session("http://shop.test", proxy=url).get("http://shop.test/")

    assert "wordofpower" not in str(refused.value)


@pytest.mark.parametrize(
    ("userinfo", "told_of"),
    [("ann:p@ss-one", True), ("ann@corp:pw", True), ("a@b@c:d@e", True), ("ann:p%40ss", False), ("ann:pw", False)],
)
def test_the_reading_of_an_unescaped_at_sign_in_a_proxy_url_is_reported(
    net: Net, caplog: pytest.LogCaptureFixture, userinfo: str, told_of: bool
) -> None:
    place = f"127.0.0.1:{closed_port()}"  # another one each time: it is told once
    session = net.session("http://shop.test", proxy=f"http://{userinfo}@{place}")

    for _ in range(2):
        with pytest.raises(ConnectFailed, match="the proxy"):
            session.get("http://shop.test/")

    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    form = "scheme://user:password@host:port"
    assert said == [f"the proxy's URL is read as {form}: its last @ stands before {place}; %40 is an @"] * told_of
    assert [redact(each) for each in said] == said, "and our help does not hide itself"


FAILURES: dict[str, tuple[list[Any], str, type[FetchError], str]] = {
    "407": ([READ, answer(b"", "407 Proxy Authentication Required")], "http", Refused, "wants other credentials"),
    "407 to CONNECT": ([READ, answer(b"", "407 P")], "https", Refused, "wants other credentials"),
    "403 to CONNECT": ([READ, answer(b"", "403 No")], "https", Refused, "refused to connect us .status 403"),
    "502 to CONNECT": ([READ, answer(b"", "502 Bad")], "https", ConnectFailed, "refused to connect us .status 502"),
    "hangs up": ([READ, CLOSE], "http", ConnectFailed, "proxy"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_of_the_proxy_is_reported_as_one(net: Net, kind: str) -> None:
    script, scheme, error, words = FAILURES[kind]
    with RawServer(script) as proxy:
        session = net.session(proxy=f"http://ann:wordofpower@127.0.0.1:{proxy.port}")

        with pytest.raises(error, match=words) as raised:
            session.get(f"{scheme}://shop.test/page")

        assert f"the proxy 127.0.0.1:{proxy.port}" in str(raised.value)
        assert "wordofpower" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_running_is_named(net: Net, scheme: str) -> None:
    place = f"127.0.0.1:{closed_port()}"

    with pytest.raises(ConnectFailed, match=f"the proxy {place}"):
        net.session(proxy=f"http://{place}").get(f"{scheme}://shop.test/page")


def test_a_proxy_whose_name_is_unknown_is_named(net: Net) -> None:
    with pytest.raises(UnknownHost, match=r"no host named nowhere\.invalid, the proxy"):
        net.session(proxy="http://nowhere.invalid:3128").get("http://shop.test/page")


def test_two_socks_users_are_refused_by_name() -> None:
    request = crawler.Request("http://shop.test/")
    prepared = Net().session().prepare_link(request)
    asked = outgoing(prepared, {"http": "socks5h://ann:p@ss@127.0.0.1:1080"})

    assert asked.proxy is not None
    assert (asked.proxy.url, asked.proxy.username, asked.proxy.password) == ("socks5h://127.0.0.1:1080", "ann", "p@ss")


class One(crawler.Spider):
    name = "one"
    start_urls = ("http://127.0.0.1:9/page",)

    def parse(self, response: crawler.Response) -> Any:
        yield {"id": 1, "said": response.css("p::text").get()}


def failed(folder: Path) -> str:
    with opened(folder) as database:
        return "\n".join(row[0] or "" for row in database.execute("SELECT error FROM crawl_requests"))


@pytest.mark.parametrize("make", [lambda proxy: proxy], ids=["crawl"])
def test_a_crawl_through_a_proxy_with_any_password(tmp_path: Path, make: Callable[[Any], Any]) -> None:
    with RawServer([READ, OK, CLOSE]) as proxy:
        summary = crawl(One, "", tmp_path, proxy=f"http://ann:p@ss/w\u00f6rd@127.0.0.1:{proxy.port}")

        assert (summary.ending, summary.pages) == ("finished", 1)
        assert set(told(proxy)) == {"ann:p@ss/w\u00f6rd"}


def test_a_token_of_a_browser_is_renewed_through_the_proxy_of_its_session(net: Net) -> None:
    given = answer(b'{"access_token": "new-token-1", "token_type": "Bearer"}')
    with RawServer([READ, given], [READ, OK]) as proxy:
        session = net.session("http://shop.test", proxy=f"http://ann:pw@127.0.0.1:{proxy.port}")
        refresh = TokenRefresh("http://127.0.0.1:9/token", "web", ("refresh",))
        session.auth = BearerAuth.from_storage("http://shop.test", "access", refresh=refresh)
        session.storage.load({"http://shop.test": {"local": {"refresh": "old-refresh-1"}}})

        assert session.get("http://shop.test/page").text == "<p>via proxy</p>"

    assert [each.split(b" ")[1] for each in proxy.requests] == [b"http://127.0.0.1:9/token", b"http://shop.test/page"]
    assert b"Authorization: Bearer new-token-1" in proxy.requests[1]
