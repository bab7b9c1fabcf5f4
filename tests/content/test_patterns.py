"""Every pattern of ours takes time in proportion to the text, whatever a server writes: none is quadratic."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import LinkExtractor, Response
from crawler.errors import CrawlError
from crawler.frontier.robots import Robots
from crawler.pages import charsets
from crawler.pages.downloads import name_of
from crawler.sessions.login.page_marks import has_login_form, plain_text
from crawler.sitemaps import parse_sitemap, sitemaps_of_robots

#: what people type or keep in files of their own, and what is for tests
ELSEWHERE = ("crawler.cli", "crawler.schedule", "crawler.testing", "crawler.loading", "crawler.sessions.formats")
CHARACTERS = 16_000
ENOUGH_S = 0.012  # so little says nothing about how it grows
MUCH_S = 0.4
#: never asked about what a server writes as it is
GUARDED = {
    "crawler.fetching.heads._FIELD": "asked only about heads that _WELL_FORMED has taken whole",
}
SOURCE = "\n".join(path.read_text() for path in Path(crawler.__path__[0]).rglob("*.py"))


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(crawler.__path__, "crawler."):
        if not found.name.startswith(ELSEWHERE):
            yield importlib.import_module(found.name)


def inside(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from inside(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from inside(each)


@functools.cache
def patterns() -> dict[str, re.Pattern[Any]]:
    found: dict[re.Pattern[Any], str] = {}
    for module in modules():
        for name, value in vars(module).items():
            for number, pattern in enumerate(inside(value)):
                if isinstance(value, re.Pattern):
                    found.setdefault(pattern, f"{module.__name__}.{name}")
                else:
                    found.setdefault(pattern, f"{module.__name__}.{name}[{number}]")
    return {name: pattern for pattern, name in found.items()}


PARTS = 4  # finding them loads the whole package: that is for a test, not for whoever lists the tests
PIECES = (
    *(
        " ",
        "\t",
        "\n",
        "a",
        "0",
        "<",
        ">",
        '"',
        "'",
        "=",
        "&",
        "/",
        "-",
        "_",
        ".",
        ",",
        ":",
        "\\",
        "%41",
        "(",
        "\u00e9",
    ),
    *("<a ", "<!--", "<input ", "<meta ", "<script>", 'a="', "a b ", "a-", "a.", "/a", "1/", "&a=", " =", "aA"),
)


def written(pattern: re.Pattern[Any]) -> list[str]:
    """Runs of plain characters in the source of a pattern: what it looks for, and what a hostile text repeats."""
    source = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    plain = re.sub(r"\\[a-zA-Z]|\[[^\]]*\]|\(\?[:=!<>imsx]*|[*+?{}^$]", " ", source.replace(r"\s", " "))
    words = [word.strip("\\") for word in re.split(r"[()|]|\s{2,}", plain)]
    return sorted({word for word in words if word}, key=lambda word: (-len(word), word))[:8]


def hostile(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Texts that begin like what is looked for, and repeat something for ever."""
    words = written(pattern)
    pieces = [*PIECES, *words]
    for piece in pieces:
        yield piece
    for word in words[:3]:
        for piece in (" ", "a", "=", "<"):
            yield word + piece
        yield "-" + word  # each of them begins a word of its own, and what may follow goes on to the end


def searches(name: str) -> bool:
    """Whether the pattern is looked for anywhere in a text, not only at one place."""
    module, _, variable = name.rpartition(".")
    source = SOURCE
    if variable.startswith("_"):  # of this module only
        source = Path(str(importlib.import_module(module).__file__)).read_text()
    used = set(re.findall(rf"\b{re.escape(variable)}\.(\w+)", source))
    return not used or bool(used - {"match", "fullmatch"})


def took_s(pattern: re.Pattern[Any], text: Any, everywhere: bool) -> float:
    started = time.thread_time()
    if everywhere:
        for _ in pattern.finditer(text):
            pass
    pattern.fullmatch(text)
    return time.thread_time() - started


def slowest(pattern: re.Pattern[Any], everywhere: bool = True) -> list[str]:
    """The texts of which twice as much takes more than three times as long."""
    as_bytes = isinstance(pattern.pattern, bytes)
    for piece in hostile(pattern):
        for beginning in ("", *written(pattern)[:1]):
            text, double = (beginning + piece * (times * CHARACTERS // len(piece)) + "!" for times in (1, 2))
            raw, raw_double = (text.encode(), double.encode()) if as_bytes else (text, double)
            first = took_s(pattern, raw, everywhere)
            if first < ENOUGH_S:
                continue
            if first > MUCH_S:
                return [f"{beginning!r} + {piece!r} * n: {first:.3f} s"]
            once = min(took_s(pattern, raw, everywhere) for _ in range(3))
            if once < ENOUGH_S:
                continue
            twice = min(took_s(pattern, raw_double, everywhere) for _ in range(2))
            if twice > 3 * once:
                return [f"{beginning!r} + {piece!r} * n: {once:.3f} s, {twice:.3f} s"]
    return []


@pytest.mark.parametrize("part", range(PARTS))
def test_twice_the_text_takes_twice_the_time(part: int) -> None:
    names = sorted(patterns().keys() - GUARDED.keys())[part::PARTS]

    assert len(names) > 20
    assert {name: found for name in names if (found := slowest(patterns()[name], searches(name)))} == {}


def markup_of(body: bytes) -> object:
    response = Response()
    response._content, response._content_consumed, response.status_code = body, True, 200  # type: ignore[attr-defined]
    response.url, response.headers["Content-Type"] = "http://shop.test/", "text/html"
    return [*response.follow_all(css="a"), *LinkExtractor().extract_links(response), has_login_form(response)]


READERS: dict[str, Callable[[bytes], object]] = {
    "charset": lambda body: charsets.read("text/html", body),
    "charset-of-a-header": lambda body: charsets.read(body.decode("latin-1"), b"x"),
    "name-of-a-download": lambda body: name_of("http://shop.test/" + body.decode("latin-1"), body.decode("latin-1")),
    "robots": lambda body: Robots("User-agent: *\n" + body.decode("latin-1")),
    "sitemap": lambda body: parse_sitemap(b"<urlset>" + body, url="http://shop.test/s.xml"),
    "sitemap-as-text": lambda body: parse_sitemap(body, url="http://shop.test/s.txt"),
    "sitemaps-of-robots": lambda body: sitemaps_of_robots(body.decode("latin-1")),
    "plain-text": lambda body: plain_text(body.decode("latin-1")),
    "page": markup_of,
}
REPEATED = (
    *(
        b" ",
        b"\n",
        b"\r",
        b"a",
        b"<",
        b">",
        b"&",
        b";",
        b"=",
        b'"',
        b"%25",
        b"\xe9",
        b"\0",
        b"<a>",
        b"<a href=x>",
        b"</a>",
    ),
    *(
        b"<!--",
        b"<![CDATA[",
        b"]]>",
        b"<url><loc>",
        b"<loc>x</loc>",
        b"<meta charset=x>",
        b"Disallow: /",
        b"User-agent: x\n",
    ),
    *(b"Crawl-delay: 1\nUser-agent: x\n", b"Sitemap: ", b"filename*0=", b"</html>x", b"<b>", b"<input type=password>"),
    b"<script>",
)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_twice_the_time_for_twice_the_bytes(name: str) -> None:
    read = READERS[name]

    def spent_s(body: bytes) -> float:
        started = time.thread_time()
        try:
            read(body)
        except CrawlError:
            pass
        return time.thread_time() - started

    for piece in REPEATED:
        once, twice = (piece * (times * 60_000 // len(piece)) for times in (1, 2))
        if spent_s(once) > 0.15:
            assert min(spent_s(twice) for _ in range(2)) < 3 * min(spent_s(once) for _ in range(2)), piece


def test_a_pattern_with_quadratic_cost_is_found() -> None:
    assert slowest(re.compile(r"<a\s[^>]*href"))
    assert slowest(re.compile(rb"\s+\Z"))
    assert not slowest(re.compile(r"<a\s[^<>]*href"))


def test_the_guarded_patterns_exist() -> None:
    assert GUARDED.keys() <= patterns().keys()
