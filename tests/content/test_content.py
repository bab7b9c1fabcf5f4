"""Pages of any depth, charset and bytes (rows C, over real sockets and whole crawls)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import crawler
from crawler import Response
from crawler.errors import SpiderError
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, opened, stored
from tests.hosts import Net


class Reader(crawler.Spider):
    """Keeps the text of each page and follows its links."""

    name = "reader"
    custom_settings = {"robots": False}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/"]

    def parse(self, response: Response) -> Any:
        yield {"id": 1, "url": response.url, "text": response.css("p::text").get()}
        yield from response.follow_all(css="a")


def page(body: bytes, content_type: str | None = "text/html") -> Response:
    response = Response()
    response._content, response._content_consumed, response.status_code = body, True, 200  # type: ignore[attr-defined]
    response.url = "http://shop.test/"
    if content_type is not None:
        response.headers["Content-Type"] = content_type
    return response


def nested(levels: int) -> bytes:
    return b"<html><body>" + b"<div>" * levels + b"<a href='/deep'>x</a>" + b"</div>" * levels


@pytest.mark.parametrize("levels", [10, 256, 500, 2_000])
def test_C1_a_link_below_many_elements_is_found(quick_net: Net, tmp_path: Path, levels: int) -> None:
    own = quick_net.host({"/": Answer(body=nested(levels))})

    summary = crawl(Reader, own.url, tmp_path)

    assert summary.ending == "finished"
    assert [call.path for call in own.calls] == ["/", "/deep"]


def test_C1_below_50_000_elements_the_tree_is_cut_with_a_warning_in_bounded_time(
    quick_net: Net, tmp_path: Path
) -> None:
    own = quick_net.host({"/": Answer(body=b"<a href=/first>f</a>" + nested(50_000))})
    started = time.process_time()

    summary = crawl(Reader, own.url, tmp_path)

    assert time.process_time() - started < 10
    assert summary.ending == "finished"
    assert "/first" in [call.path for call in own.calls], "what stands before the cut is read"
    with opened(tmp_path) as database:
        warnings = [row[0] for row in database.execute("SELECT warnings FROM crawl_pages WHERE warnings <> ''")]
    assert any("tree cut" in warning for warning in warnings)


TEXT = "Gr\u00fc\u00dfe \u2013 \u20ac"
CHARSETS = {
    "header-says-latin-1-but-a-mark-says-utf-8": ("text/html; charset=latin-1", "\ufeff{}".encode("utf-8"), "utf-8"),
    "header": ("text/html; charset=windows-1252", None, "windows-1252"),
    "header-wins-over-meta": ("text/html; charset=utf-8", b"<meta charset=latin-1>", "utf-8"),
    "meta-only": ("text/html", b"<meta charset=windows-1252>", "windows-1252"),
    "meta-http-equiv": (
        "text/html",
        b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">',
        "windows-1252",
    ),
    "meta-as-most-pages-have-it": (
        "text/html",
        b'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        "utf-8",
    ),
    "another-one-before-it": (
        "text/html",
        b'<!DOCTYPE html><html><meta charset=windows-1252><meta charset="utf-8">',
        "windows-1252",
    ),
    "none-at-all": ("text/html", None, "utf-8"),
    "no-content-type": (None, None, "utf-8"),
    "utf-16-with-mark": ("text/html", None, "utf-16"),
    "utf-16-mark-against-header": ("text/html; charset=utf-8", None, "utf-16"),
}


@pytest.mark.parametrize("name", CHARSETS)
def test_C2_the_charset_is_found_by_mark_header_meta_and_then_utf_8(name: str) -> None:
    content_type, prefix, codec = CHARSETS[name]
    text = f"<html><p>{TEXT}</p></html>"
    if prefix is not None and b"{}" in prefix:
        body = b"\xef\xbb\xbf" + text.encode()
    else:
        body = (prefix or b"") + text.encode(codec)
    response = page(body, content_type)

    assert TEXT in response.text
    assert response.css("p::text").get() == TEXT


@pytest.mark.parametrize(
    "charset", ["rot13", "no-such-charset", "hex", "base64", "idna", "utf-7\x00", "'", "x" * 500, "undefined"]
)
@pytest.mark.parametrize("where", ["header", "meta", "both"])
def test_C3_an_unknown_charset_falls_back_and_never_raises(net: Net, charset: str, where: str) -> None:
    meta = f'<meta charset="{charset}">'.encode() if where != "header" else b""
    kind = f"text/html; charset={charset}".replace("\x00", "") if where != "meta" else "text/html"
    own = net.host({"/": Answer(body=meta + f"<p>{TEXT}</p>".encode(), content_type=kind)})

    response = net.session(own.url).get(f"{own.url}/")

    assert response.css("p::text").get() == TEXT
    assert TEXT in response.text
    response.encoding = charset
    response._text = None
    assert TEXT in response.text


ODD_PAGES = {
    "nul": b"<p>a\x00b</p><a href='/after'>x</a>",
    "invalid-utf-8": b"<p>a\xff\xfe\xc3(b</p><a href='/after'>x</a>",
    "surrogate": b"<p>a\xed\xa0\x80b</p><a href='/after'>x</a>",
    "binary": bytes(range(256)) * 20 + b"<p>x</p><a href='/after'>x</a>",
    "nothing": b"",
    "entity": b"<p>&#xD800;&#0;&#x110000;</p><a href='/after'>x</a>",
    "half-a-tag": b"<p>a</p><a href='/after'>x</a><a href=",
}


@pytest.mark.parametrize("name", ODD_PAGES)
def test_C4_a_page_of_odd_bytes_is_stored_and_read_back(quick_net: Net, tmp_path: Path, name: str) -> None:
    own = quick_net.host({"/": Answer(body=ODD_PAGES[name])})

    summary = crawl(Reader, own.url, tmp_path)

    assert (summary.ending, summary.failed) == ("finished", 0)
    assert len(stored(tmp_path, "text")) == len(own.calls) == (1 if name == "nothing" else 2)


ODD_VALUES = [
    "a\x00b",
    "\ud800",
    "\udfff x",
    "\x00",
    "a\x1b[2J",
    "\u2028",
    "x" * 100_000,
    {"k\x00": "\ud800"},
    [b"\x00\xff"],
]


def test_C4_odd_values_and_keys_of_items_lose_neither_the_item_nor_the_batch(quick_net: Net, tmp_path: Path) -> None:
    class Odd(Reader):
        name = "odd"

        def parse(self, response: Response) -> Any:
            for number, value in enumerate(ODD_VALUES):
                yield {"id": number, "value": value, f"key{number}\x00\ud800": 1}

    own = quick_net.host()

    summary = crawl(Odd, own.url, tmp_path)

    assert (summary.ending, summary.failed) == ("finished", 0), summary.errors
    assert summary.items == {"items": len(ODD_VALUES)}
    assert len(stored(tmp_path, "id")) == len(ODD_VALUES)


@given(
    st.binary(max_size=400),
    st.sampled_from(
        [None, "text/html", "text/html; charset=utf-8", "application/xml", "application/json", "text/html; charset=x"]
    ),
)
def test_C4_no_bytes_can_break_a_response(body: bytes, kind: str | None) -> None:
    response = page(body, kind)

    assert isinstance(response.text, str)
    if response.file_type:
        with pytest.raises(SpiderError, match="is a file"):
            response.css("a::attr(href)")
    elif not (kind or "").endswith("json"):
        assert isinstance(response.css("a::attr(href)").getall(), list)
        assert isinstance(list(response.follow_all(css="a")), list)


SECRET_FILE = "s3cret-of-a-file"


@pytest.mark.parametrize("kind", ["entity", "parameter-entity", "external-dtd", "xinclude"])
def test_C5_xml_neither_reads_files_nor_asks_for_document_types(net: Net, tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret.txt").write_text(SECRET_FILE)
    other = net.host(
        {"*": Answer(body=b"<!ENTITY x 'fetched'>", content_type="application/xml-dtd")}, address="127.0.0.2"
    )
    file = f"file://{tmp_path}/secret.txt"
    document = {
        "entity": f'<!DOCTYPE u [<!ENTITY x SYSTEM "{file}">]><u><loc>&x;</loc></u>',
        "parameter-entity": f'<!DOCTYPE u [<!ENTITY % x SYSTEM "{other.url}/dtd"> %x;]><u><loc>&x;</loc></u>',
        "external-dtd": f'<!DOCTYPE u SYSTEM "{other.url}/dtd"><u><loc>&x;</loc></u>',
        "xinclude": f'<u xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="{file}" parse="text"/></u>',
    }[kind]
    own = net.host({"/x.xml": Answer(body=document.encode(), content_type="application/xml")})

    response = net.session(own.url).get(f"{own.url}/x.xml")

    assert SECRET_FILE not in json.dumps(response.xpath("//text()").getall())
    assert "fetched" not in json.dumps(response.xpath("//text()").getall())
    assert other.calls == []


@pytest.mark.parametrize("kind", ["entity", "external-dtd"])
def test_C5_a_hostile_sitemap_in_a_crawl_gives_no_item_of_a_file(quick_net: Net, tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret.txt").write_text(SECRET_FILE)
    other = quick_net.host(address="127.0.0.2")
    entity = f'<!DOCTYPE u [<!ENTITY x SYSTEM "file://{tmp_path}/secret.txt">]>'
    outside = f'<!DOCTYPE u SYSTEM "{other.url}/dtd">'
    head = entity if kind == "entity" else outside
    document = f"{head}<urlset><url><loc>/p?q=&x;</loc></url><url><loc>/good</loc></url></urlset>"
    own = quick_net.host({"/sitemap.xml": Answer(body=document.encode(), content_type="application/xml")})

    crawl(_mapped(), own.url, tmp_path)

    assert other.calls == []
    with opened(tmp_path) as database:
        assert SECRET_FILE not in "\n".join(database.iterdump())


def _mapped() -> type[crawler.SitemapSpider]:
    class Mapped(crawler.SitemapSpider):
        name = "mapped"
        custom_settings = {"robots": False}

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.sitemap_urls = [f"{arguments['site']}/sitemap.xml"]

        def parse(self, response: Response) -> Any:
            yield {"id": 1, "url": response.url}

    return Mapped


def test_C6_an_index_that_lists_itself_under_new_names_ends_by_itself(quick_net: Net, tmp_path: Path) -> None:
    def index(call: WireRequest) -> Answer:
        number = int(call.query().get("n", "0"))
        entries = "".join(f"<sitemap><loc>/sitemap.xml?n={number * 3 + each}</loc></sitemap>" for each in (1, 2, 3))
        return Answer(body=f"<sitemapindex>{entries}</sitemapindex>".encode(), content_type="application/xml")

    own = quick_net.host({"*": index})

    summary = crawl(_mapped(), own.url, tmp_path, max_pages=500)

    assert (summary.ending, summary.exit_code) == ("no items", 9), "it lists no page at all"
    assert len(own.calls) <= 40


def test_C6_addresses_off_site_and_of_other_schemes_are_not_followed(quick_net: Net, tmp_path: Path) -> None:
    other = quick_net.host(address="127.0.0.2")
    targets = [f"{other.url}/x", "file:///etc/passwd", "//127.0.0.2/x", "/good"]
    entries = "".join(f"<url><loc>{target}</loc></url>" for target in targets)
    document = Answer(body=f"<urlset>{entries}</urlset>".encode(), content_type="application/xml")
    own = quick_net.host({"/sitemap.xml": document})

    crawl(_mapped(), own.url, tmp_path)

    assert [call.path for call in own.calls] == ["/sitemap.xml", "/good"]
    assert other.calls == []


def test_Z11_a_great_many_links_of_a_page_are_taken_in_portions_and_once_each(quick_net: Net, tmp_path: Path) -> None:
    class Many(Reader):
        name = "many"

        def parse(self, response: Response) -> Any:
            if response.url.endswith("/"):
                yield from response.follow_all(css="a")
                for number in range(30_000):
                    yield response.follow(f"/more/{number % 10_000}")

    body = b"".join(b"<a href='/p/%d'>x</a>" % (number % 20_000) for number in range(50_000))
    own = quick_net.host({"/": Answer(body=body)})

    summary = crawl(Many, own.url, tmp_path, max_pages=1)

    assert (summary.pages, summary.known) == (1, 30_001)


@pytest.mark.parametrize("beginning", [b"", b"<!doctype html>", b"<html><head>"], ids=["nothing", "doctype", "head"])
def test_C2_the_charset_of_a_page_of_spaces_is_found_quickly(beginning: bytes) -> None:
    body = beginning + b" " * 200_000
    started = time.thread_time()

    assert page(body, "text/html").is_plain_utf8
    assert time.thread_time() - started < 1


def test_an_item_with_a_generator_is_kept_out_and_counted_and_the_rest_of_the_page_stays(
    quick_net: Net, tmp_path: Path
) -> None:
    class Careless(Reader):
        name = "careless"

        def parse(self, response: Response) -> Any:
            yield {"id": 1, "tags": [tag.get() for tag in response.css("b::text")]}
            yield {"id": 2, "tags": (tag.get() for tag in response.css("b::text"))}
            yield {"id": 3, "tags": response.css("b::text")}
            yield {"id": 4, "tags": (tag.get() for tag in response.css("b::text"))}
            yield {"id": 5, "tags": response.css("b::text").getall()}
            yield from response.follow_all(css="a")

    own = quick_net.host({"/": Answer(body=b"<b>x</b><a href=/a>a</a>")})

    summary = crawl(Careless, own.url, tmp_path, max_pages=1)

    assert [row["id"] for row in stored(tmp_path, "id", "tags")] == [1, 5]
    assert (summary.pages, summary.known, summary.failed) == (1, 2, 0)
    assert any("1 page has a warning (2 items kept out: field 'tags' holds a generator" in m for m in summary.messages)
    with opened(tmp_path) as database:
        (warnings,) = database.execute("SELECT warnings FROM crawl_pages").fetchone()
    assert json.loads(warnings) == [
        "2 items kept out: field 'tags' holds a generator: write list(...)",
        "1 item kept out: field 'tags' holds a SelectorList: add .get() or .getall()",
    ]


def test_only_the_beginning_of_a_robots_txt_of_two_megabytes_counts(quick_net: Net, tmp_path: Path) -> None:
    class Polite(Reader):
        name = "polite"
        custom_settings = {"robots": True}

    own = quick_net.host(
        {
            "/robots.txt": Answer(
                body=b"User-agent: *\nDisallow: /x\n" + b"# filling filling filling\n" * 80_000,
                content_type="text/plain",
            ),
            "/": Answer(body=b"<p>1</p><a href=/x>x</a><a href=/y>y</a>"),
            "/y": Answer(body=b"<p>2</p>"),
        }
    )

    summary = crawl(Polite, own.url, tmp_path)

    assert (summary.ending, summary.pages, summary.skipped_by) == ("finished", 2, {"robots": 1})
    assert [call.path for call in own.calls if call.path != "/robots.txt"] == ["/", "/y"]
