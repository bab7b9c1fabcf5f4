"""Sitemaps: what is read, what is left out, and what hostile files cost."""

from __future__ import annotations

import gzip
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from crawler import sitemaps
from crawler.errors import BadAnswer, TooLarge
from crawler.pages.sitemap_bytes import numbered
from crawler.sitemaps import MAX_ENTRIES, MAX_NESTING, SitemapEntry, parse_sitemap

HERE = "https://shop.example/sitemap.xml"
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*locs: str) -> bytes:
    return f"<urlset {NAMESPACE}>{''.join(f'<url><loc>{loc}</loc></url>' for loc in locs)}</urlset>".encode()


def locs(body: bytes, **options: object) -> list[str]:
    return [entry.loc for entry in parse_sitemap(body, url=HERE, **options).entries]  # type: ignore[arg-type]


def test_an_entry_carries_what_the_site_says_about_it() -> None:
    body = f"""<?xml version="1.0" encoding="UTF-8"?>
      <urlset {NAMESPACE} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url>
        <loc> https://shop.example/a?x=1&amp;y=2 </loc><lastmod>2026-01-31</lastmod><changefreq>daily</changefreq>
        <priority>0.8</priority><image:image><image:loc>https://shop.example/a.png</image:loc></image:image>
      </url></urlset>""".encode()

    sitemap = parse_sitemap(body, url=HERE)

    assert sitemap.entries == (SitemapEntry("https://shop.example/a?x=1&y=2", "2026-01-31", "daily", 0.8),)
    assert (sitemap.kind, sitemap.refused, sitemap.warnings) == ("urlset", {}, ())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(urlset("/a", "/b"), id="relative"),
        pytest.param(gzip.compress(urlset("/a", "/b")), id="gzip"),
        pytest.param(
            gzip.compress(urlset("/a", "/b")[:60]) + gzip.compress(urlset("/a", "/b")[60:]), id="gzip-members"
        ),
        pytest.param(b"\xef\xbb\xbf \n" + urlset("/a", "/b"), id="byte-order-mark-and-space"),
        pytest.param(urlset("/a", "/b").decode().encode("utf-16"), id="utf-16"),
        pytest.param(b"<urlset><url><loc><![CDATA[/a]]></loc></url><url><loc>/b</loc></url></urlset>", id="cdata"),
        pytest.param(
            b"<x:urlset xmlns:x='y'><x:url><x:loc>/a</x:loc></x:url><x:url><x:loc>/b</x:loc></x:url></x:urlset>",
            id="prefix",
        ),
        pytest.param(b"https://shop.example/a\r\n\n# no\nhttps://shop.example/b", id="text"),
        pytest.param(b"\xef\xbb\xbfhttps://shop.example/a\nhttps://shop.example/b\n", id="text-with-mark"),
        pytest.param(
            b"<rss><channel><link>/</link><item><title>x</title><link>/a</link></item>"
            b"<item><link>/b</link></item></channel></rss>",
            id="rss",
        ),
        pytest.param(
            b"<feed xmlns='http://www.w3.org/2005/Atom'><link href='/'/><entry><link rel='self' href='/s'/>"
            b"<link href='/a'/></entry><entry><link rel='alternate' href='/b'/>"
            b"<author><link href='/c'/></author></entry></feed>",
            id="atom",
        ),
    ],
)
def test_every_form_of_a_sitemap_is_read(body: bytes) -> None:
    assert locs(body) == ["https://shop.example/a", "https://shop.example/b"]


def test_C6_other_sites_and_schemes_repetitions_and_itself_are_left_out_and_counted() -> None:
    body = urlset(
        "https://www.shop.example/a",
        "https://evil.example/",
        "file:///etc/passwd",
        "http://[bad/",
        "",
        HERE,
        HERE + "#x",
        "https://www.shop.example/a#again",
    )

    sitemap = parse_sitemap(body, url=HERE)

    assert [entry.loc for entry in sitemap.entries] == ["https://www.shop.example/a"]
    assert sitemap.refused == {
        "off-site": 1,
        "only http and https can be fetched": 1,
        "not a valid URL": 1,
        "no URL": 1,
        "points at itself": 2,
        "listed twice": 1,
    }


@pytest.mark.parametrize(("site", "count"), [(None, 1), ("other.example", 1), ("", 2)], ids=["own", "named", "any"])
def test_C6_the_site_that_counts_can_be_named(site: str | None, count: int) -> None:
    assert len(locs(urlset("https://a.shop.example/", "https://b.other.example/"), site=site)) == count


def test_C6_an_index_that_lists_itself_under_new_names_comes_to_an_end() -> None:
    fetched, url = 0, HERE
    while url:
        body = f"<sitemapindex><sitemap><loc>/{fetched}.xml</loc></sitemap></sitemapindex>".encode()
        sitemap = parse_sitemap(body, url=url, nesting=fetched)
        fetched += 1
        assert sitemap.kind == "index"
        assert fetched < 10
        url = sitemap.entries[0].loc if sitemap.entries else ""

    assert fetched == MAX_NESTING + 1
    assert sitemap.refused == {"index nested too deep": 1}
    assert sitemap.warnings


def test_C6_an_index_that_lists_itself_with_another_query_ends_also_without_the_nesting() -> None:
    body = f"<sitemapindex><sitemap><loc>{HERE}?page=1</loc></sitemap></sitemapindex>".encode()
    assert len(parse_sitemap(body, url=HERE).entries) == 1
    assert parse_sitemap(body, url=f"{HERE}?page=0").refused == {"points at itself": 1}
    assert len(parse_sitemap(urlset(f"{HERE}?page=1"), url=f"{HERE}?page=0").entries) == 1


def test_the_sitemaps_of_a_robots_txt_are_found() -> None:
    text = "\ufeffSitemap: /a.xml # x\nUser-agent: *\r\n  SITEMAP :https://b.example/b.xml\n"
    text += "Disallow: /sitemap: no\nSitemap:\nSitemap: # none\n"
    assert sitemaps.sitemaps_of_robots(text) == ["/a.xml", "https://b.example/b.xml"]


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param(urlset("/a", "/b")[:-30], ["/a"], id="cut-off"),
        pytest.param(gzip.compress(urlset("/a", "/b"))[:-8], ["/a", "/b"], id="gzip-without-its-end"),
        pytest.param(urlset("/a", "/b").replace(b"/a</loc>", b"/a"), ["/a", "/b"], id="missing-end-tag"),
        pytest.param(urlset("/a", "/b") + b"<!-- x --><oops>", ["/a", "/b"], id="something-after-the-end"),
        pytest.param(b"junk", [], id="neither"),
        pytest.param(b"", [], id="empty"),
        pytest.param(b"<", [], id="one-sign"),
        pytest.param(b"<html><body><a href='/a'>", [], id="a-web-page"),
        pytest.param(b"\x1f\x8b", [], id="gzip-without-content"),
        pytest.param(b"\x1f\x8bnonsense", [], id="no-gzip-after-all"),
    ],
)
def test_a_broken_sitemap_gives_what_can_be_read_and_a_warning(body: bytes, wanted: list[str]) -> None:
    sitemap = parse_sitemap(body, url=HERE)
    assert [entry.loc.removeprefix("https://shop.example") for entry in sitemap.entries] == wanted
    assert sitemap.warnings


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(urlset("/a?x=1&y=2"), id="as-it-is"),
        pytest.param(urlset("/a?x=1&amp;y=2"), id="named"),
        pytest.param(urlset("/a?x=1&#38;y=2"), id="numbered"),
        pytest.param(urlset("/a?x=1&#x26;y=2"), id="numbered-in-hex"),
        pytest.param(b"\n<?xml version='1.0'?>" + urlset("/a?x=1&amp;y=2"), id="after-an-error"),
        pytest.param(urlset("<![CDATA[/a?x=1&y=2]]>"), id="cdata"),
    ],
)
def test_an_ampersand_is_never_lost(body: bytes) -> None:
    assert locs(body) == ["https://shop.example/a?x=1&y=2"]


marks = st.sampled_from(
    [
        b"&",
        b"&amp;",
        b"&lt;",
        b"<![CDATA[",
        b"]]>",
        b"a",
        b"&#38;",
        b"&#x26;",
        b"<a>",
        b";",
        b"<![CDA",
        b"]]",
        b"&am",
        b"&n;",
    ]
)


@given(st.lists(marks, max_size=12).map(b"".join), st.lists(st.integers(1, 12), max_size=12))
def test_where_a_file_is_cut_into_pieces_does_not_matter(body: bytes, lengths: list[int]) -> None:
    pieces, rest = [], body
    for length in lengths:
        pieces.append(rest[:length])
        rest = rest[length:]
    pieces = [piece for piece in [*pieces, rest] if piece]

    assert b"".join(numbered(pieces)) == b"".join(numbered([body] if body else []))


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_give_a_sitemap(body: bytes, tagged: bool) -> None:
    sitemap = parse_sitemap(b"<urlset>" + body if tagged else body, url=HERE)
    assert all(entry.loc.startswith(("http://", "https://")) for entry in sitemap.entries)


# --- attacks ----------------------------------------------------------------------------------------------------------

NESTED = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))


@pytest.mark.parametrize(
    "document_type",
    [
        pytest.param(b'<!DOCTYPE urlset [<!ENTITY e0 "lol">' + NESTED + b"]>", id="Z7-nested"),
        pytest.param(b'<!DOCTYPE urlset [<!ENTITY e11 "' + b"x" * 100_000 + b'">]>', id="Z7-one-long"),
        pytest.param(b'<!DOCTYPE urlset [<!ENTITY e11 SYSTEM "file:///etc/passwd">]>', id="C5-file"),
        pytest.param(b'<!DOCTYPE urlset [<!ENTITY % d SYSTEM "http://127.0.0.1:9/d">%d;]>', id="C5-parameter"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_Z7_C5_a_sitemap_that_declares_entities_is_refused(document_type: bytes, encoding: str) -> None:
    body = (document_type + urlset("/&e11;" * 3_000)).decode().encode(encoding)
    started = time.thread_time()
    with pytest.raises(BadAnswer, match="entities"):
        parse_sitemap(body, url=HERE)
    assert time.thread_time() - started < 1


def test_C5_an_external_document_type_is_not_asked_for(httpserver: HTTPServer) -> None:
    url = httpserver.url_for("/sitemap.dtd")
    body = f'<!DOCTYPE urlset SYSTEM "{url}">'.encode() + urlset("/a")

    assert locs(body) == ["https://shop.example/a"]
    assert httpserver.log == []


@pytest.mark.parametrize("filler", [b"\0", b" ", b"<a/>", b"a\n"], ids=["zeros", "spaces", "elements", "lines"])
def test_Z1_a_bomb_is_stopped_at_the_limit_in_little_memory(filler: bytes) -> None:
    bomb = gzip.compress(b"<urlset>" * (filler != b"a\n") + filler * (8_000_000 // len(filler)), 1)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            parse_sitemap(bomb, url=HERE, max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_a_plain_file_above_the_limit_is_too_large() -> None:
    body = urlset("/a")
    assert locs(body, max_bytes=len(body)) == ["https://shop.example/a"]
    with pytest.raises(TooLarge):
        parse_sitemap(body, url=HERE, max_bytes=len(body) - 1)


def test_entries_above_the_limit_of_the_protocol_are_cut_with_a_warning() -> None:
    sitemap = parse_sitemap(urlset(*(f"/{number}" for number in range(MAX_ENTRIES + 10))), url=HERE)
    assert len(sitemap.entries) == MAX_ENTRIES
    assert "cut" in sitemap.warnings[0]


def test_a_file_with_a_great_many_elements_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "MAX_ELEMENTS", 1_000)
    sitemap = parse_sitemap(b"<urlset><url><loc>/a</loc></url>" + b"<a/>" * 2_000, url=HERE)
    assert len(sitemap.entries) == 1
    assert "cut" in sitemap.warnings[0]


@pytest.mark.parametrize(
    "body",
    [b"<urlset>" + b"<a>" * 200_000, b"<urlset><url><loc>" + b"a" * 5_000_000, b"a" * 5_000_000, b"&" * 2_000_000],
    ids=["deep", "long-field", "long-line", "ampersands"],
)
def test_an_odd_file_costs_little(body: bytes) -> None:
    started = time.thread_time()
    assert parse_sitemap(body, url=HERE).entries == ()
    assert time.thread_time() - started < 2


# --- files that nobody's rules foresee --------------------------------------------------------------------------------

NS = "xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'"
IMAGES = "xmlns:i='http://www.google.com/schemas/sitemap-image/1.1'"
ODD_NESTING = {
    "several-loc": ("<urlset><url><loc>/1</loc><loc>/2</loc></url></urlset>", "urlset", ["/1", "/2"]),
    "loc-without-url": (
        "<urlset><loc>/1</loc><loc>/2</loc><url><loc>/3</loc></url></urlset>",
        "urlset",
        ["/1", "/2", "/3"],
    ),
    "url-in-a-folder": ("<urlset><urls><url><loc>/1</loc></url></urls></urlset>", "urlset", ["/1"]),
    "loc-in-a-folder": (f"<urlset {NS}><url><data><loc>/1</loc></data></url></urlset>", "urlset", ["/1"]),
    "image-loc-is-no-page": (
        f"<urlset {NS} {IMAGES}><url><loc>/1</loc><i:image><i:loc>/p.png</i:loc></i:image></url></urlset>",
        "urlset",
        ["/1"],
    ),
    "image-first": (
        f"<urlset {NS} {IMAGES}><url><i:image><i:loc>/p.png</i:loc></i:image><loc>/1</loc></url></urlset>",
        "urlset",
        ["/1"],
    ),
    "url-never-closed": ("<urlset><url><loc>/1</loc><url><loc>/2</loc></url></urlset>", "urlset", ["/1", "/2"]),
    "sitemap-in-a-urlset": ("<urlset><sitemap><loc>/1</loc></sitemap></urlset>", "index", ["/1"]),
    "url-in-an-index": ("<sitemapindex><url><loc>/1</loc></url></sitemapindex>", "urlset", ["/1"]),
    "upper-case": ("<URLSET><URL><LOC>/1</LOC></URL></URLSET>", "urlset", ["/1"]),
    "rss-guid": ("<rss><channel><item><guid>http://shop.example/1</guid></item></channel></rss>", "urlset", ["/1"]),
    "rss-link-and-guid": (
        "<rss><channel><item><guid>http://shop.example/2</guid><link>/1</link></item></channel></rss>",
        "urlset",
        ["/1"],
    ),
    "spaces-before-it": (" " * 200_000 + "<urlset><url><loc>/1</loc></url></urlset>", "urlset", ["/1"]),
}


@pytest.mark.parametrize("name", ODD_NESTING)
def test_odd_nesting_loses_no_page(name: str) -> None:
    text, kind, paths = ODD_NESTING[name]

    found = parse_sitemap(text.encode(), url="http://shop.example/sitemap.xml")

    assert (found.kind, [entry.loc for entry in found.entries]) == (
        kind,
        [f"http://shop.example{path}" for path in paths],
    )


def test_a_guid_that_is_not_an_address_is_counted() -> None:
    text = b"<rss><channel><item><guid isPermaLink='false'>http://shop.example/1</guid></item></channel></rss>"

    found = parse_sitemap(text, url="http://shop.example/feed")

    assert (found.entries, found.refused) == ((), {"no URL": 1})


def test_pages_and_sitemaps_in_one_file_are_told_apart() -> None:
    text = b"<urlset><url><loc>/1</loc></url><sitemap><loc>/2</loc></sitemap></urlset>"

    found = parse_sitemap(text, url="http://shop.example/sitemap.xml")

    assert (found.kind, len(found.entries), found.warnings) == (
        "urlset",
        2,
        ("1 <sitemap> in a file of the other kind",),
    )
