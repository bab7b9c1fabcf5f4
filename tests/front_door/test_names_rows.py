"""Rows B through a proxy: cookies of names and public suffixes, and what proxies and destinations see of each other.

A proxy answers for every name, so that one crawl meets co.uk and github.io without a resolver of its own; https goes
through it by CONNECT to one host of the test. Settings are those by default, but for that proxy and for the authority
that the certificates of the test are issued by.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import trustme

import crawler
from crawler import Identity, Request
from crawler.testing.raw import answer
from tests.engine.shop import opened
from tests.fetching.rawserver import relay
from tests.front_door.hosts import NO_ROBOTS, Peer, RowHost, tls

#: By row the pages in the order in which they are asked for.
CHAINS: dict[str, tuple[str, ...]] = {
    "B2-co.uk": ("http://one.co.uk/set/co.uk", "http://one.co.uk/again", "http://two.co.uk/page"),
    "B2-github.io": ("http://ann.github.io/set/github.io", "http://ann.github.io/again", "http://bob.github.io/page"),
    "B2-kawasaki.jp": (
        "http://a.x.kawasaki.jp/set/x.kawasaki.jp",
        "http://a.x.kawasaki.jp/again",
        "http://b.x.kawasaki.jp/page",
    ),
    "B2-com": ("http://shop-one.com/set/com", "http://shop-one.com/again", "http://shop-two.com/page"),
    "B2-s3": (
        "http://one.s3.amazonaws.com/set/s3.amazonaws.com",
        "http://one.s3.amazonaws.com/again",
        "http://two.s3.amazonaws.com/page",
    ),
    "B2-a-suffix-itself": ("http://gitlab.io/set/gitlab.io", "http://gitlab.io/again", "http://ann.gitlab.io/page"),
    "B2-a-site": ("http://www.shop.org/set/shop.org", "http://www.shop.org/again", "http://api.shop.org/page"),
    "B21": ("http://host.example.org/set-own", "http://host.example.org/again", "http://sub.host.example.org/page"),
    "B25-http": ("http://plain.example.net/prefixes", "http://plain.example.net/again"),
    "B25-https": ("https://safe.example.net/prefixes", "https://safe.example.net/again"),
    "B25-over": (
        "https://both.example.net/right",
        "http://both.example.net/wrong",
        "https://both.example.net/again",
        "http://both.example.net/last",
    ),
    "B10-http-to-https": ("http://b10.example.net/to-https",),
    "B10-https-to-https": ("https://b10.example.net/to-other-https",),
    "B10-https-to-http": ("https://b10.example.net/to-http",),
}
#: By row the cookies of its further pages, in order: what a browser would send.
COOKIES: dict[str, tuple[str, ...]] = {
    "B2-co.uk": ("mine=1", ""),
    "B2-github.io": ("mine=1", ""),
    "B2-kawasaki.jp": ("mine=1", ""),
    "B2-com": ("mine=1", ""),
    "B2-s3": ("mine=1", ""),
    "B2-a-suffix-itself": ("mine=1; wide=1", ""),
    "B2-a-site": ("mine=1; wide=1", "wide=1"),
    "B21": ("own=1", ""),
    "B25-http": ("good=1",),
    "B25-https": ("__Host-kept=1; __Secure-kept=1; good=1",),
    "B25-over": ("", "other=1; sid=right", "other=1"),
}
PREFIXES = (
    "__Host-kept=1; Secure; Path=/",
    "__Secure-kept=1; Secure",
    "__Host-domain=1; Secure; Path=/; Domain=example.net",
    "__Host-path=1; Secure; Path=/prefixes",
    "__Host-insecure=1; Path=/",
    "__Secure-insecure=1",
    "good=1",
)
MOVES = {
    "/to-https": "https://end.example.net/end-of-http-to-https",
    "/to-other-https": "https://end.example.net/end-of-https-to-https",
    "/to-http": "http://end.example.net/end-of-https-to-http",
}


def cookies_of(path: str) -> Iterable[str]:
    kind, _, rest = path.strip("/").partition("/")
    if kind == "set":
        return "mine=1; Path=/", f"wide=1; Path=/; Domain={rest}"
    if kind in ("go", "hop"):
        who = rest.partition("/")[0]
        return () if kind == "go" and rest.endswith("/again") else (f"{kind}={who}; Path=/",)
    return {
        "set-own": ("own=1",),
        "prefixes": PREFIXES if kind == "prefixes" else (),
        "right": ("sid=right; Secure; Path=/",),
        "wrong": ("sid=wrong; Path=/", "other=1; Path=/"),
    }.get(kind, ())


def site(peer: Peer, visit: int, target: str) -> None:
    """Any host of the test: the path says what it answers."""
    path = re.sub(r"^\w+://[^/]*", "", target)
    lines = [f"Set-Cookie: {each}" for each in cookies_of(path)]
    place = MOVES.get(path, "")
    if path.startswith("/go/"):
        place = f"http://right.example.info/hop/{path[4:]}"
    elif path.startswith("/hop/"):
        place = f"http://left.example.info/end/{path[5:]}"
    if path == "/robots.txt":
        peer.send(NO_ROBOTS)
    elif place:
        peer.send(answer(b"", "302 Found", f"Location: {place}", *lines))
    else:
        peer.send(answer(b"<html><body><p>good</p></body></html>", "200 OK", *lines))


class Proxy(RowHost):
    """Answers for all names itself, and connects every CONNECT to *secure*; */refused* it refuses to all."""

    def __init__(self, address: str, secure: RowHost | None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(address, self._pass_on, tls)
        self._secure = secure

    def with_user(self, user: str) -> str:
        return self.url.replace("://", f"://{user}@")

    def _pass_on(self, peer: Peer, visit: int, target: str) -> None:
        if "://" in target or self._secure is None:
            refused = target.endswith("/refused")
            return peer.send(answer(b"", "407 Other credentials")) if refused else site(peer, visit, target)
        place, _, port = self._secure.url.rpartition("/")[2].rpartition(":")
        with socket.create_connection((place, int(port))) as there:
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            relay(peer.socket, there)
        peer.close()


class Names(crawler.Spider):
    """All chains in the first session; pairs of sessions where a row is about two."""

    name = "names"
    allowed_domains = (
        *{re.sub(r"^\w+://|/.*", "", url) for chain in CHAINS.values() for url in chain},
        "end.example.net",
        "left.example.info",
        "right.example.info",
        "turn.example.info",
        "untrusted-proxy.example.info",
    )

    proxies: ClassVar[tuple[str, ...]] = ()  # with passwords, which are no arguments

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        first, second, bad = self.proxies
        self.sessions = (
            "default",
            "ann",
            "bob",
            Identity("first", proxy=first),
            Identity("second", proxy=second),
            Identity("untrusted", proxy=bad),
        )

    def start(self) -> Iterator[Request]:
        for chain in CHAINS.values():
            yield self.next(chain)
        for number in range(8):
            for who in ("ann", "bob"):
                yield Request(f"http://left.example.info/go/{who}/{number}", session=who)
            for who in ("first", "second"):
                yield Request(f"http://turn.example.info/{who}/{number}", session=who)
        for who in ("first", "second"):
            yield Request(f"https://turn.example.info/{who}/tunnel", session=who)
        yield Request("http://turn.example.info/refused", session="first", errback=self.turn)
        for scheme in ("http", "https"):
            yield Request(f"{scheme}://untrusted-proxy.example.info/page", session="untrusted")

    def next(self, chain: Iterable[str]) -> Request:
        url, *rest = chain
        return Request(url, cb_kwargs={"rest": rest}, session="default")

    def parse(self, response: crawler.Response, rest: Iterable[str] = ()) -> Any:
        yield {"at": response.url}
        if rest:
            yield self.next(rest)

    def turn(self, error: Exception) -> Any:
        """A request that one proxy refused, through the other one."""
        yield Request("http://turn.example.info/turned", session="second")


@dataclass(slots=True)
class Ran:
    """The proxies and the https host after the crawl, and the errors by URL."""

    summary: Any
    main: Proxy
    first: Proxy
    second: Proxy
    untrusted: Proxy
    secure: RowHost
    errors: dict[str, str]

    def of(self, url: str) -> bytes:
        """The one request for a URL."""
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        where = self.secure if scheme == "https" else self.main
        wanted = f"GET {'/' + path if scheme == 'https' else url} HTTP".encode()
        (found,) = [
            each
            for each in where.asked
            if each.startswith(wanted) and f"\r\nHost: {host}\r\n".encode() in each + b"\r\n"
        ]
        return found


def header(request: bytes, name: str) -> str:
    found = re.search(rb"(?im)^" + name.encode() + rb": ([^\r]*)", request)
    return found[1].decode() if found else ""


def credentials(proxy: RowHost) -> set[str]:
    told = {header(each, "proxy-authorization").removeprefix("Basic ") for each in proxy.asked}
    return {base64.b64decode(each).decode() for each in told}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder, ours = tmp_path_factory.mktemp("names"), trustme.CA()
    ours.cert_pem.write_to_path(str(folder / "authority.pem"))
    secure = RowHost("127.0.4.1", site, tls(ours, "*.example.net", "turn.example.info"))
    main, first, second = (Proxy(f"127.0.4.{number}", secure) for number in (2, 3, 4))
    untrusted = Proxy("127.0.4.5", secure, tls(ours, "127.0.4.5"))
    Names.proxies = (first.with_user("first:one"), second.with_user("second:two"), untrusted.with_user("third:three"))
    summary = crawler.run(
        Names,
        settings={
            "store": str(folder / "crawl.db"),
            "proxy": main.with_user("main:zero"),
            "verify": str(folder / "authority.pem"),
        },
    )
    with opened(folder) as database:
        errors = dict(database.execute("SELECT url, error FROM crawl_requests WHERE error IS NOT NULL"))
    yield Ran(summary, main, first, second, untrusted, secure, errors)
    for each in (secure, main, first, second, untrusted):
        each.close()


def test_B_every_page_of_every_row_was_asked_for(ran: Ran) -> None:
    refused = {"http://turn.example.info/refused"}
    refused |= {f"{scheme}://untrusted-proxy.example.info/page" for scheme in ("http", "https")}

    assert set(ran.errors) == refused
    assert ran.summary.pages == sum(map(len, CHAINS.values())) + 2 * 8 + 2 * 8 + 2 + 1


@pytest.mark.parametrize("row", COOKIES)
def test_B2_B21_B25_each_name_gets_the_cookies_that_a_browser_would_send(ran: Ran, row: str) -> None:
    came = [header(ran.of(url), "cookie") for url in CHAINS[row][1:]]

    assert ["; ".join(sorted(each.split("; "))) for each in came] == list(COOKIES[row])


def test_B18_two_sessions_keep_their_cookies_apart_on_every_hop(ran: Ran) -> None:
    asked = [each for each in ran.main.asked if re.match(rb"GET http://(left|right)\S*/\w+/(ann|bob)/", each)]
    first = {(who, kind): 0 for who in ("ann", "bob") for kind in ("go", "hop")}

    assert len(asked) == 2 * 8 * 3
    for each in asked:
        _, kind, who = each.split(b" ")[1].decode().replace("http://", "").split("/")[:3]
        cookie = header(each, "cookie")
        if kind == "end":
            assert cookie == f"go={who}", "a redirect back to a host takes its cookies along"
        else:
            assert cookie in ("", f"{kind}={who}")
            first[who, kind] += not cookie
    assert all(1 <= without <= 8 for without in first.values()), first


def test_B6_each_proxy_sees_its_own_credentials_only_also_where_a_request_turns_to_the_other(ran: Ran) -> None:
    assert credentials(ran.first) == {"first:one"}
    assert credentials(ran.second) == {"second:two"}
    assert credentials(ran.main) == {"main:zero"}
    assert [b"/refused" in each for each in ran.first.asked].count(True) == 1
    assert [b"/turned" in each for each in ran.second.asked].count(True) == 1
    assert "407" in ran.errors["http://turn.example.info/refused"]
    for mine, theirs in (("first", ran.second), ("second", ran.first)):
        assert not [each for each in theirs.asked if f"/{mine}/".encode() in each]


@pytest.mark.parametrize("name", ["http-to-https", "https-to-https", "https-to-http"])
def test_B10_the_credentials_of_a_proxy_stay_with_it_through_redirects(ran: Ran, name: str) -> None:
    end = f"{name.rpartition('-')[2]}://end.example.net/end-of-{name}"

    assert ran.of(end)
    assert [each for each in ran.main.asked if each.startswith(b"CONNECT ")]
    for each in ran.secure.asked:
        assert b"proxy-authorization" not in each.lower()
        assert base64.b64encode(b"main:zero") not in each


def test_B14_an_https_proxy_whose_certificate_is_not_trusted_sees_nothing(ran: Ran) -> None:
    """The authority of the setting is for destinations: it does not vouch for a proxy."""
    for scheme in ("http", "https"):
        assert ran.errors[f"{scheme}://untrusted-proxy.example.info/page"].startswith("TLSFailed: ")
    assert ran.untrusted.asked == []
