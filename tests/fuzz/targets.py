"""What is fed with broken input, and what it may do with it: nothing but our own errors, in bounded time.

A target takes bytes. It may raise `crawler.errors.CrawlError`; anything else is a finding, and so is an input that
costs more than a second of processor time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from crawler.errors import CrawlError
from crawler.fetching.decoding import Decoding
from crawler.fetching.heads import parse_head
from crawler.fetching.limits import Limits
from crawler.fetching.outgoing import outgoing
from crawler.fetching.retry import retry_after_s
from crawler.frontier.guard import LogoutGuard
from crawler.frontier.guard_learned import LearnedBans
from crawler.frontier.robots import Robots, RobotsRecord, decoded
from crawler.frontier.traps import TrapGuard, TrapLimits
from crawler.links import LinkExtractor
from crawler.pages import charsets
from crawler.pages.downloads import name_of
from crawler.response import Request, Response
from crawler.sessions import snapshot
from crawler.sessions.accounts import Account
from crawler.sessions.auth.digest import strongest
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.formats.exchange import read
from crawler.sessions.login import signs
from crawler.sessions.origins import Origins
from crawler.sessions.redirects import next_hop, surviving_headers
from crawler.sessions.session import Session
from crawler.sitemaps import parse_sitemap, sitemaps_of_robots
from crawler.spider import Identity
from crawler.testing.adapter import ScriptedAdapter, reply
from crawler.urls import absolute, canonical, host_of, is_private, printable, redact, same_origin, site_of

MOST_SECONDS = 1.0
HOME = "http://www.shop.test/dir/page?a=1"


class Finding(Exception):
    """An input that did what no input may do."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads foreign bytes.

    Attributes:
        run: Reads them.
        seeds: Good and half good inputs to begin with.
    """

    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def tried(target: Target, data: bytes) -> None:
    """Feed one input. Raises Finding when it broke a promise."""
    started = time.thread_time()
    try:
        target.run(data)
    except CrawlError:
        pass
    except Exception as error:
        raise Finding(f"{type(error).__name__}: {error} from {data[:2000]!r}") from error
    took_s = time.thread_time() - started
    if took_s > MOST_SECONDS:
        raise Finding(f"{took_s:.1f} s for {len(data)} bytes: {data[:2000]!r}")


def cookies(data: bytes) -> None:
    """Set-Cookie lines, and what is sent and kept of them."""
    jar = Jar(home="http://www.shop.test:80")
    lines = data.decode("latin-1").split("\n")
    jar.receive(HOME, lines, date=lines[-1])
    sent = jar.header(HOME) or ""
    if "\r" in sent or "\n" in sent or "\0" in sent:
        raise AssertionError(f"a control character would be sent: {sent!r}")
    if jar.header("http://other.test/"):
        raise AssertionError("a cookie crossed to another site")
    kept = jar.dump()
    twin = Jar()
    if twin.load(json.loads(json.dumps(kept))).invalid:
        raise AssertionError("a kept cookie cannot be loaded")


def location(data: bytes) -> None:
    """Location headers and the decision about the next hop."""
    status, method = (301, 302, 303, 307, 308)[data[0] % 5] if data else 302, "POST" if len(data) % 2 else "GET"
    hop = next_hop(HOME, method, method == "POST", status, data[1:].decode("latin-1"))
    if not hop.url.startswith(("http://", "https://")):
        raise AssertionError(f"another scheme: {hop.url!r}")
    if hop.keeps_body and not same_origin(HOME, hop.url):
        raise AssertionError(f"a body would go to {hop.url!r}")
    headers = requests.structures.CaseInsensitiveDict({"Authorization": "x", "Cookie": "y", "X-Key": "z"})
    kept = surviving_headers(headers, hop)
    if "Cookie" in kept or (kept and not hop.keeps_headers):
        raise AssertionError(f"headers would go to {hop.url!r}: {kept}")
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.headers, prepared.body = hop.method, hop.url, headers, None
    target = outgoing(prepared, None).target
    if any(mark in target for mark in "\r\n\0 "):
        raise AssertionError(f"would break the request line: {target!r}")


def robots(data: bytes) -> None:
    """robots.txt."""
    text = decoded(data)
    rules = Robots(text)
    for url in (HOME, "http://www.shop.test/%2f%zz?" + text[:50].replace("\n", "")):
        rules.allows("crawl-sessions", absolute("", url) if url == HOME else absolute(HOME, url))
    rules.delay("crawl-sessions")
    sitemaps_of_robots(text)


def sitemap(data: bytes) -> None:
    """Sitemaps, feeds and gzip."""
    found = parse_sitemap(data, url="http://www.shop.test/sitemap.xml", max_bytes=2_000_000)
    for entry in found.entries:
        if site_of(host_of(entry.loc)) != "shop.test":
            raise AssertionError(f"off-site: {entry.loc}")


def page(data: bytes) -> None:
    """A page: charset, tree, links, forms, signs of a login page."""
    kind, _, body = data.partition(b"\n")
    response = Response()
    response._content, response._content_consumed = body, True  # type: ignore[attr-defined]
    response.status_code, response.url = 200, HOME
    response.headers["Content-Type"] = kind.decode("latin-1")
    charsets.read(kind.decode("latin-1"), body)
    if response.content_type.endswith("json"):
        return
    response.css("a::attr(href)").getall()
    for request in response.follow_all(css="a"):
        if not request.url.startswith("http"):
            raise AssertionError(request.url)
    LinkExtractor().extract_links(response)
    signs.logged_out_sign(response, asked_url=HOME, login_urls=())
    signs.logged_in_sign(response)
    signs.wrong_password_sign(response)
    form = response.form()
    filled = form.fill({})
    if site_of(host_of(filled.url)) != "shop.test":
        raise AssertionError(f"a form would go to {filled.url}")


def stored(data: bytes) -> None:
    """What the store gives back: requests, sessions, what the guard learned, robots."""
    text = data.decode("utf-8", "replace")
    session = _session()
    snapshot.put_back(session, text)
    header = session.cookies.header(HOME) or ""
    if "\n" in header or "\r" in header:
        raise AssertionError(header)
    bans = LearnedBans()
    try:
        bans.loads(text)
    except ValueError:
        pass  # its contract
    again = LearnedBans()
    again.loads(bans.dumps())
    if [ban.key for ban in again.entries()] != [ban.key for ban in bans.entries()]:
        raise AssertionError("what the guard has learned does not come back")
    for ban in bans.entries():
        bans.rule(ban.key)
    try:
        RobotsRecord.from_dict(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # what the engine forgives (engine.crawl)
    request = Request.restore(HOME, callback="", session="", priority=0, depth=0, extras=text)
    request.extras()
    prepared = session.prepare_link(request)
    outgoing(prepared, None)


def _session() -> Session:
    return Session(
        Identity("fuzz"),
        account=Account("fuzz", environ={}),
        origins=Origins([HOME]),
        transport=ScriptedAdapter(reply("x")),
        limits=Limits(),
    )


def head(data: bytes) -> None:
    """Head lines of an answer, and its content codings."""
    coding, _, raw = data.partition(b"\n")
    found = parse_head(HOME, [line + b"\n" for line in raw.split(b"\n")], Limits())
    for name, value in found.lines:
        if any(mark in name + value for mark in "\r\n\0"):
            raise AssertionError((name, value))
    retry_after_s(found.get("retry-after"), now=1_800_000_000.0, cap_s=3600.0)
    strongest(found.get("www-authenticate") or "")
    name_of(HOME, found.get("content-disposition"))
    decoding = Decoding(HOME, coding.decode("latin-1"), 4_000_000, lambda: None)
    if decoding:
        for _ in decoding.feed(raw):
            pass
        decoding.finish()


def url(data: bytes) -> None:
    """URLs, what is refused of them, and what is shown of them."""
    text = data.decode("utf-8", "surrogateescape")
    shown = printable(redact(text))
    if any(ord(character) < 32 for character in shown):
        raise AssertionError(shown)
    is_private(text)
    name_of(text, text)
    LogoutGuard().refuses(absolute(HOME, "x"), text, text)
    found = absolute(HOME, text)
    key = canonical(found)
    if canonical(key) != key:
        raise AssertionError(f"the key of a key: {key!r}")
    if absolute("", found) != found:
        raise AssertionError(f"not a fixed point: {found!r}")
    host_of(found)
    TrapGuard(TrapLimits()).refuses(found, 3, 1_800_000_000.0)
    LogoutGuard().refuses(found, "", "")


def imported(data: bytes) -> None:
    """Cookies from other programs: cookies.txt, JSON, curl commands, HAR."""
    read(data.decode("utf-8", "replace"), now=1_800_000_000.0, url=HOME)


_SNAPSHOT = json.dumps(
    {
        "cookies": [{"name": "a", "value": "b", "domain": "shop.test", "path": "/"}],
        "headers": {"User-Agent": "x"},
        "params": {},
        "auth": {"kind": "basic", "username": "a", "password": "b"},
        "login_urls": ["http://www.shop.test/login"],
        "note": {},
    }
).encode()
_EXTRAS = json.dumps(
    {
        "headers": {"X": "1"},
        "cookies": {"a": "b"},
        "cb_kwargs": {},
        "meta": {"handle_httpstatus_list": [404]},
        "body": "x",
    }
).encode()

TARGETS: dict[str, Target] = {
    "cookies": Target(
        cookies,
        (
            b"sid=1; Path=/; Domain=shop.test; Max-Age=60; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; HttpOnly",
            b"__Host-a=1; Secure; Path=/\n__Secure-b=2; Secure\nSameSite=Lax; c=3",
            b'q="a b"; domain=.TEST; path=dir\n=x\nnameless\nExpires=1-c-1' + b" " * 500 + b"!",
        ),
    ),
    "location": Target(
        location,
        (
            b"\x01/next?a=b#c",
            b"\x03//other.test/x",
            b"\x02http://[::1]/",
            b"\x01http://user:pw@shop.test:80/",
            b"\x01file:///x",
        ),
    ),
    "robots": Target(
        robots,
        (
            b"User-agent: *\nDisallow: /private/*.html$\nAllow: /\nCrawl-delay: 1.5\nSitemap: http://shop.test/s.xml\n",
            b"\xef\xbb\xbfuser-agent:crawl-sessions\r\ndisallow:/%zz%2f*******a\r\n",
        ),
    ),
    "sitemap": Target(
        sitemap,
        (
            b'<?xml version="1.0"?><urlset xmlns="x"><url><loc>http://www.shop.test/a?b=1&amp;c=2</loc></url></urlset>',
            b"<sitemapindex><sitemap><loc>/s2.xml</loc></sitemap></sitemapindex>",
            b'<!DOCTYPE u [<!ENTITY a "b">]><urlset><url><loc>&a;</loc></url></urlset>',
            b"http://www.shop.test/a\nhttp://www.shop.test/b\n",
            b"<rss><channel><item><link>http://www.shop.test/x</link></item></channel></rss>",
        ),
    ),
    "page": Target(
        page,
        (
            b"text/html; charset=utf-8\n<base href=/x/><a href='y'>log in</a><form method=post><input type=password>"
            b"<select name=s><option>1</select><input type=image name=i><button name=b value=1>go</button></form>",
            b"text/html\n<meta charset=rot13><title>Login</title><form action='http://other.test/' method=post>"
            b"<input name=u><textarea name=t></textarea></form>",
            b"application/xml\n<?xml version='1.0' encoding='x'?><a href='b'/>",
            b"text/html; charset=utf-16\n\xff\xfe<\x00a\x00>\x00",
        ),
    ),
    "stored": Target(
        stored,
        (
            _SNAPSHOT,
            _EXTRAS,
            b'{"version": 1, "banned": ["/x"], "losses": {"/y": 1}}',
            b'{"version": 2, "bans": [{"key": "http://h/x?a=\\ud800", "why": "x", "at": 1.5, "confirmed": false}]}',
            b"[" * 20_000,
            b'{"origin": "x", "fetched_at_s": 1}',
        ),
    ),
    "head": Target(
        head,
        (
            b"\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b\r\nRetry-After: 120\r\n\r\nhello",
            b"gzip\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n folded\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"deflate, gzip\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00",
            b'br\nHTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\n',
            b"\nHTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename*=UTF-8''..%2fx\r\n\r\n",
        ),
    ),
    "url": Target(
        url,
        (
            b"http://user:pw@shop.test:8080/a/../b;jsessionid=1?b=2&a=%41#f",
            b"//[::ffff:127.0.0.1]/calendar?date=2031-01-01",
            b"/a/.;jsessionid=1/%2e%2E;cfid=2/c",
            b"/a/(S(1)F(2))/sid/0f1e2d3c4b5a69788796a5b4c3d2e1f0/PHPSESSID/0f1e2d3c4b5a69788796a5b/f?p=1:2:3:4&zenid=5",
            b"logout?token=abcdef&password=%3D",
            b"eyJhbGciOi.eyJ.sig Authorization: Basic abcdefgh",
        ),
    ),
    "imported": Target(
        imported,
        (
            b"# Netscape HTTP Cookie File\n.shop.test\tTRUE\t/\tFALSE\t0\tsid\t1\n"
            b"#HttpOnly_shop.test\tFALSE\t/\tTRUE\t1\ta\tb\n",
            b"curl 'http://shop.test/' -H 'Cookie: a=b; c=d' --data-raw $'x\\u0041' -b \"e=f\" --compressed",
            b'{"cookies": [{"name": "a", "value": "b", "domain": ".shop.test", "path": "/", "expires": -1}]}',
            b'{"log": {"entries": [{"request": {"url": "http://shop.test/",'
            b' "headers": [{"name": "Cookie", "value": "a=b"}]}}]}}',
        ),
    ),
}
