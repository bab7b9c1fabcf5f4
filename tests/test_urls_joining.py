"""Links of a page, joined with its address."""

from __future__ import annotations

import time

import ada_url
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import urls
from crawler.errors import InvalidURL
from crawler.pages import targets
from crawler.pages.targets import Targets
from tests.addresses import addresses, paths, queries

PAGE = "https://shop.example/a/b.html?x=1#top"


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        pytest.param("c.html", "https://shop.example/a/c.html", id="relative"),
        pytest.param("/c", "https://shop.example/c", id="from-the-root"),
        pytest.param("../../../c", "https://shop.example/c", id="above-the-root"),
        pytest.param("//cdn.example/c", "https://cdn.example/c", id="without-scheme"),
        pytest.param("?y=2", "https://shop.example/a/b.html?y=2", id="query-alone"),
        pytest.param("#end", "https://shop.example/a/b.html?x=1#end", id="fragment-alone"),
        pytest.param("", "https://shop.example/a/b.html?x=1", id="empty"),
        pytest.param(" \n/c\t ", "https://shop.example/c", id="white-space"),
        pytest.param("HTTPS://SHOP.example:443/c d", "https://shop.example/c%20d", id="normal-form"),
        pytest.param(r"\c", "https://shop.example/c", id="backslash"),
        pytest.param("https://bücher.example/", "https://xn--bcher-kva.example/", id="punycode"),
        pytest.param("/\ud800", "https://shop.example/%EF%BF%BD", id="half-a-character"),
        pytest.param("http://0x7f.1/", "http://127.0.0.1/", id="X8-odd-spelling-of-loopback"),
        pytest.param("http://2130706433/", "http://127.0.0.1/", id="X8-number-as-host"),
        pytest.param("/c\r\nX-Evil: 1", "https://shop.example/cX-Evil:%201", id="X14-line-ends-vanish"),
    ],
)
def test_a_link_is_resolved_as_a_browser_would(link: str, wanted: str) -> None:
    assert urls.absolute(PAGE, link) == wanted


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("http://[::bad/", id="U2-broken-address"),
        pytest.param("javascript:void(0)", id="U3-javascript"),
        pytest.param("mailto:a@b.example", id="U3-mailto"),
        pytest.param("file:///etc/passwd", id="U3-file"),
        pytest.param("data:text/html,x", id="U3-data"),
        pytest.param("ftp://a.example/", id="U3-ftp"),
        pytest.param("http://", id="no-host"),
        pytest.param("http://a b/", id="space-in-host"),
        pytest.param("http://a.example:99999/", id="port-out-of-range"),
        pytest.param("http://" + "ü" * 100_000 + "/", id="Z6-label-of-100-kB"),
        pytest.param("/" + "a" * 100_000, id="longer-than-any-link"),
        pytest.param("/" + "ü" * 20_000, id="longer-once-escaped"),
    ],
)
def test_what_cannot_be_fetched_is_an_invalid_url_and_nothing_else(link: str) -> None:
    started = time.thread_time()
    with pytest.raises(InvalidURL) as raised:
        urls.absolute(PAGE, link)
    assert len(raised.value.url) <= 500
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("link", [b"/c", None, 5], ids=["bytes", "none", "number"])
def test_a_link_that_is_not_a_string_is_an_invalid_url(link: object) -> None:
    for call in (lambda: urls.absolute(PAGE, link), lambda: urls.canonical(link)):  # type: ignore[arg-type]
        with pytest.raises(InvalidURL):
            call()


@given(
    st.text(max_size=60), st.sampled_from(["", PAGE, "http://u:p@a.example:80/x", "mailto:x", "\ud800", "http://[x"])
)
def test_joining_any_text_gives_a_normal_url_or_an_invalid_url(link: str, base: str) -> None:
    try:
        joined = urls.absolute(base, link)
    except InvalidURL:
        return
    assert joined.startswith(("http://", "https://"))
    assert urls.absolute("", joined) == joined


@given(addresses, paths, queries)
def test_the_quick_way_of_joining_agrees_with_the_full_way(base: str, path: str, query: str) -> None:
    def joined(link: str) -> str:
        try:
            return urls.absolute(base, link)
        except InvalidURL:
            return "invalid"

    link = f"/{path}?{query}" if query else f"/{path}"
    assert joined(link) == joined(" " + link)  # the space keeps it off the quick way and means nothing


_pieces = st.sampled_from(
    [
        "a",
        "b.html",
        "/",
        "//",
        "..",
        ".",
        "?",
        "x=1",
        "#",
        "#top",
        " ",
        "\t",
        "%20",
        ":",
        "\\",
        "ä",
        "http:",
        ";",
        "\u2003",
        "HTTPS://",
        "https://",
        "WWW.Shop.example/",
        "A\u212a",  # its lower case is a plain k
        "XN--",
        "@",
    ]
)


@given(
    base=st.sampled_from(
        ["http://shop.test/a/b.html", "https://shop.test:8443/", "http://127.0.0.1:61234/c/d?e#f", "http://[::1]/x"]
    ),
    link=st.lists(_pieces, max_size=6).map("".join),
)
def test_links_of_a_page_lead_where_each_would_lead_by_itself(base: str, link: str) -> None:
    found = Targets(base)(link)

    if link.strip()[:1] in ("", "#"):
        assert found == ""
    else:
        try:
            assert found == urls.absolute(base, link.strip()).partition("#")[0]
        except InvalidURL:
            assert found == ""


_chunks = st.sampled_from(
    [
        "a",
        "b.html",
        "a%20b",
        "%2e",
        "%2E%2e",
        "%2F",
        "caf%C3%A9",
        "..",
        ".",
        "a..",
        "..a",
        "~x",
        "a;b=c",
        "&amp",
        "'",
        "(1)",
        "@",
        "!",
        "*",
        "$",
        ":",
        "x:y",
        "|",
        "[",
        "^",
        "{",
        '"',
        "<",
        "`",
        "%",
        "%g1",
        "+",
        ",",
        "=",
        "&",
        "é",
        "\x00",
    ]
)
_ways = st.sampled_from(
    [
        "",
        "/",
        "./",
        "../",
        "../../",
        "../../../../",
        "//other.test/",
        "//SHOP.test:80/",
        "http://shop.test:8080/",
        "https://a.b.test/",
        "HTTP://shop.test/",
        "http://user@shop.test/",
        "http:/",
        "http:",
        "//",
        "/./",
        "/../",
        "mailto:",
        "ftp:",
        "hTTps://shop.test/",
        "x:",
        "x-y:",
        "//shop.test:81/",
    ]
)
_ends = st.sampled_from(
    ["", "/", "?", "?a=b&c=%20d", "?q='x'", "?u=%2Fi%2F5&t=a|b", "?a/b?c", "#", "#top", "#a b", "#\t"]
)


@given(
    base=st.sampled_from(
        [
            "http://shop.test/a/b.html",
            "https://shop.test:8443/",
            "http://127.0.0.1:61234/c//d/e/?e#f",
            "http://[::1]/x",
            "http://shop.test/a b/c",
            "http://shop.test/%2e/x/y",
            "http://user@shop.test/a/b",
            "http://SHOP.test/A/",
        ]
    ),
    way=_ways,
    path=st.lists(_chunks, max_size=3).map("/".join),
    end=_ends,
)
@settings(max_examples=1_500)
def test_the_quick_way_of_links_leads_where_the_parser_of_browsers_does(
    base: str, way: str, path: str, end: str
) -> None:
    link = f"{way}{path}{end}"
    try:
        there = ada_url.URL(link, base)
        there.username = there.password = ""  # secrets, not of the page's address
        wanted = there.href.partition("#")[0] if link.partition("#")[0].strip() else ""
    except ValueError:
        wanted = ""

    assert Targets(base)(link) == (wanted if wanted.startswith(("http://", "https://")) else "")


@given(way=_ways, path=st.lists(_chunks, max_size=3).map("/".join), end=_ends)
@settings(max_examples=1_500)
def test_what_is_said_to_be_left_alone_is_left_alone_by_the_parser_of_browsers(way: str, path: str, end: str) -> None:
    url = f"{way}{path}{end}"

    assert not urls.is_kept(url) or ada_url.normalize_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.test/a/b.html?x=1&y=%20z",
        "https://127.0.0.1:8443/caf%C3%A9/x;y=1",
        "https://chirp.test/share?u=%2Fitem%2F5&t=a/b",
    ],
)
def test_ordinary_addresses_need_no_parser(url: str) -> None:
    assert urls.is_kept(url)


def test_what_is_remembered_of_odd_links_is_bounded_however_many_sites_there_are() -> None:
    for site in range(300):
        target = Targets(f"http://shop{site}.test/a/b.html")
        for number in range(50):
            assert target(f"{number} x.html") == f"http://shop{site}.test/a/{number}%20x.html"

    kept = targets._slowly.cache_info()
    assert kept.maxsize is not None
    assert kept.currsize <= kept.maxsize <= 10_000
