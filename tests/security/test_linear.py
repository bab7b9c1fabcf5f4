"""Text that a server writes costs time in proportion to its length: shown by doubling it (row Z6)."""

from __future__ import annotations

import importlib
import inspect
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from crawler.errors import CrawlError
from crawler.fetching.heads import parse_head
from crawler.fetching.limits import Limits
from crawler.fetching.outgoing import shown
from crawler.fetching.retry import retry_after_s
from crawler.response import Response
from crawler.sessions.auth.digest import strongest
from crawler.sessions.cookies.dates import parse_cookie_date
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.redirects import location_of, next_hop
from crawler.urls import absolute, canonical, host_of, site_of

URL = "https://shop.test/a"
MODULES = (
    "crawler.fetching.response_maker",
    "crawler.fetching.fetcher",
    "crawler.fetching.heads",
    "crawler.fetching.outgoing",
    "crawler.headers",
    "crawler.sessions.foreign_answers",
    "crawler.sessions.auth.digest",
    "crawler.sessions.cookies.dates",
    "crawler.sessions.cookies.rules",
    "crawler.sessions.redirects",
    "crawler.urls",
)
PIECES = [
    " ", "\t", "a", "-", ".", "a.", "-a", "xn--", "1", "1.", "/", "//", "/a", "/.", "%", "%2", "%25", ";", ";a",
    "=", "a=", "a=a", "a=a&", "&", "?", "#", ":", "@", "://", "a://", "'", "\"", "\\\"", "\\", ", ", ",Digest ",
    ", Digest =1", "a=\"", "charset", "charset=", "charset = ", "\r", "\r\n", "\r\n ", "a: ", "a:\r\n",
    ";jsessionid=", ";aspsessionida", "e:a@", "zz:-eyJ", "\xe9", "\ufffd", "nonce=", "nonce=\"", "1:1:1 ",
    "jan", "[", "<", "+", "~", "x ",
]  # fmt: skip
HEADS = ["", "http://a", "/", "Digest ", "charset=", "?"]
TAILS = ["", "\x00", " x"]
OPERATIONS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "split")


def seconds(call: Callable[[], Any], times: int = 3) -> float:
    """CPU time of the quickest of some calls."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        try:
            call()
        except (CrawlError, ValueError):
            pass
        best = min(best, time.process_time() - began)
    return best


def grows_too_fast(call: Callable[[int], Callable[[], Any]], size: int) -> str:
    """Whether twice the input costs more than three times as much, at two sizes; "" where it does not."""
    once, twice = seconds(call(size)), seconds(call(2 * size))
    if twice < 3 * once + 0.004:
        return ""
    once, twice, four = seconds(call(size)), seconds(call(2 * size)), seconds(call(4 * size))
    return f"{once:.4f} s, {twice:.4f} s, {four:.4f} s" if twice > 2.8 * once and four > 2.8 * twice else ""


def patterns() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Each compiled pattern of the modules, with each way in which its module uses it."""
    for name in MODULES:
        module = importlib.import_module(name)
        source = inspect.getsource(module)
        for constant, value in vars(module).items():
            if isinstance(value, re.Pattern) and re.search(rf"^{constant}\b.*= re\.compile", source, re.MULTILINE):
                for operation in OPERATIONS:
                    if re.search(rf"\b{constant}\.{operation}\(", source):
                        yield f"{name}.{constant}.{operation}", value, operation


def work(pattern: re.Pattern[Any], operation: str, text: Any) -> Callable[[], Any]:
    if operation == "sub":
        return lambda: pattern.sub(text[:0], text)
    if operation == "finditer":
        return lambda: list(pattern.finditer(text))
    return lambda: getattr(pattern, operation)(text)


@pytest.mark.parametrize(("name", "pattern", "operation"), patterns(), ids=[each[0] for each in patterns()])
def test_Z6_a_pattern_of_ours_is_linear_in_what_a_server_writes(
    name: str, pattern: re.Pattern[Any], operation: str
) -> None:
    slow = {}
    for piece in PIECES:
        for head in HEADS:
            for tail in TAILS[:2] if head else TAILS:

                def call(size: int, whole: tuple[str, str, str] = (head, piece, tail)) -> Callable[[], Any]:
                    text: Any = whole[0] + whole[1] * (size // len(whole[1])) + whole[2]
                    if isinstance(pattern.pattern, bytes):
                        text = text.encode("utf-8", "surrogatepass")
                    return work(pattern, operation, text)

                if seconds(call(4_000), 1) > 0.001:
                    found = grows_too_fast(call, 4_000)
                    if found:
                        slow[head, piece, tail] = found
    assert slow == {}


def head_of(*lines: str) -> Callable[[], Any]:
    raw = [b"HTTP/1.1 200 OK\r\n", *(each.encode("latin-1") + b"\r\n" for each in lines), b"\r\n"]
    return lambda: parse_head(URL, raw, Limits(max_headers=10**6, max_header_bytes=10**8))


def status_line(reason: str) -> Callable[[], Any]:
    raw = [f"HTTP/1.1 200 {reason}\r\n".encode(), b"\r\n"]
    return lambda: parse_head(URL, raw, Limits())


def redirect_to(location: str) -> Callable[[], Any]:
    return lambda: next_hop(URL, "GET", False, 302, location)


def two_locations(location: str) -> Callable[[], Any]:
    response = Response()
    response.status_code, response.url = 302, URL
    response.headers = requests.structures.CaseInsensitiveDict({"Location": f"{location}, x"})
    response.raw_headers = [("Location", location), ("Location", "x")]
    return lambda: location_of(response)


def received(*lines: str, url: str = URL) -> Callable[[], Any]:
    return lambda: Jar(clock=lambda: 1e9).receive(url, lines)


DEEP = "https://" + "a." * 60 + "shop.test/"
DOMAINS = [DEEP.removeprefix("https://").rstrip("/")[2 * level :] for level in range(60)]
CALLS: dict[str, tuple[int, Callable[[int], Callable[[], Any]]]] = {
    "spaces in a status line": (20_000, lambda n: status_line("a" + " " * n + "b")),
    "spaces before the reason": (20_000, lambda n: status_line(" " * n)),
    "many header lines": (2_000, lambda n: head_of(*(f"x{i}: a" for i in range(n)))),
    "one name many times": (4_000, lambda n: head_of(*(["x: " + "a" * 40] * n))),
    "a folded line": (4_000, lambda n: head_of("x: a", *([" " + "a" * 40] * n))),
    "Content-Length many times": (4_000, lambda n: head_of(*(["Content-Length: 1"] * n))),
    "a header line that is none": (50_000, lambda n: head_of("x: a", "a" * n)),
    "a Location that is no URL": (15_000, lambda n: redirect_to("zz:" + "-eyJ" * (n // 4))),
    "a Location of passwords": (15_000, lambda n: redirect_to("http://[" + "a:b@" * (n // 4))),
    "a Location of names": (15_000, lambda n: redirect_to("http://[?" + "token=" * (n // 6))),
    "a Location of controls": (15_000, lambda n: redirect_to("zz:" + "\x1b" * n)),
    "Locations that differ": (15_000, lambda n: two_locations("zz:" + "-eyJ" * (n // 4))),
    "a Location of dots": (15_000, lambda n: redirect_to("/" + "../" * (n // 3))),
    "a Retry-After of digits": (20_000, lambda n: lambda: retry_after_s("1" * n, now=0, cap_s=9)),
    "a Retry-After of commas": (20_000, lambda n: lambda: retry_after_s("1, " * n, now=0, cap_s=9)),
    "challenges that are parameters": (1_000, lambda n: lambda: strongest('Digest nonce="x"' + ", Digest =1" * n)),
    "challenges in a row": (1_000, lambda n: lambda: strongest('Digest nonce="x", ' * n)),
    "a challenge without end": (20_000, lambda n: lambda: strongest('Digest nonce="' + "\\a" * n)),
    "a cookie date": (20_000, lambda n: lambda: parse_cookie_date("1-c-1" + " " * n + "!")),
    "a cookie of semicolons": (8_000, lambda n: received("a=b" + ";" * n)),
    "many cookies": (1_000, lambda n: received(*(f"c{i}=1" for i in range(n)))),
    "cookies of http": (1_000, lambda n: received(*(f"c{i}=1" for i in range(n)), url="http://shop.test/")),
    "deletions": (2_000, lambda n: received(*(f"c{i}=; Max-Age=0" for i in range(n)))),
    "a path of a URL": (15_000, lambda n: lambda: canonical("https://a.test/" + "%41;" * (n // 4))),
    "ids of sessions in a path": (
        15_000,
        lambda n: lambda: canonical("https://a.test" + "/sid;cfid=1/(S(1))" * (n // 18)),
    ),
    "a query of a URL": (15_000, lambda n: lambda: canonical("https://a.test/?" + "b=1&a&" * (n // 6))),
    "a host": (15_000, lambda n: lambda: absolute("", "https://" + "a." * (n // 2) + "test/")),
    "a host of letters": (15_000, lambda n: lambda: absolute("", "https://" + "é" * n + ".test/")),
    "a site": (15_000, lambda n: lambda: site_of("1." * (n // 2))),
    "a host with colons": (15_000, lambda n: lambda: host_of("https://[" + "1:" * (n // 2) + "]/")),
    "what is shown of a URL": (15_000, lambda n: lambda: shown("//a@" * (n // 4))),
}


@pytest.mark.parametrize(("size", "call"), CALLS.values(), ids=CALLS)
def test_Z6_twice_the_text_of_a_server_costs_about_twice_the_time(
    size: int, call: Callable[[int], Callable[[], Any]]
) -> None:
    assert grows_too_fast(call, size) == ""
    assert seconds(call(size)) < 0.5


def test_Z6_cookies_of_many_domains_of_one_site_cost_no_more_for_being_many() -> None:
    jar = Jar(clock=lambda: 1e9)
    lines = [f"c{i}=1; Domain={domain}" for domain in DOMAINS for i in range(60)]
    first = seconds(lambda: jar.receive(DEEP, lines), 1)  # 3,600: the site is full now

    again = [f"d{i}=1; Domain={domain}" for domain in DOMAINS for i in range(60)]

    assert seconds(lambda: jar.receive(DEEP, again), 1) < 3 * first + 0.5
    assert len(jar) <= 3_600
