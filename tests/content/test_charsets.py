"""Charsets that nobody declares, or that are declared wrongly: as browsers read them, else with a warning."""

# ruff: noqa: RUF001 - letters that look like others are the point here

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import LinkExtractor
from crawler.pages import charsets
from crawler.testing.wire import Answer
from tests.engine.shop import crawl, opened, stored
from tests.hosts import Net

from .test_content import Reader, page

GERMAN = "Größe der Tür über die Straße, Maß 5 €. Schöne Grüße aus München"
UNDECLARED = {
    "windows-1252-short": ("Café € 5", "cp1252"),
    "windows-1252": (GERMAN, "cp1252"),
    "windows-1252-quotes": ("It\u2019s a \u201cquote\u201d \u2013 fine", "cp1252"),
    "french": ("Le café été à la française, où l'élève reçoit", "cp1252"),
    "shift_jis": ("日本語のテキストです。分類表", "shift_jis"),
    "euc-jp": ("日本語のテキストです。分類表", "euc_jp"),
    "gbk": ("中文网页，没有声明编码。欢迎光临我们的网站", "gbk"),
    "big5": ("中文網頁，沒有宣告編碼。歡迎光臨我們的網站", "big5"),
    "euc-kr": ("한국어 페이지입니다. 인코딩이 선언되지 않았습니다", "euc_kr"),
    "windows-1251": ("Привет, это страница без кодировки. Добро пожаловать", "cp1251"),
    "koi8-r": ("Привет, это страница без кодировки. Добро пожаловать", "koi8_r"),
    "windows-1250": ("Příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250"),
    "windows-1253": ("Καλημέρα κόσμε, αυτή είναι μια σελίδα", "cp1253"),
    "utf-16-without-a-mark": ("Łódź, Grüße und mehr", "utf-16-le"),
    "utf-16-big-end-first": ("Łódź, Grüße und mehr", "utf-16-be"),
}


@pytest.mark.parametrize("name", UNDECLARED)
def test_an_undeclared_charset_is_guessed_with_a_warning(name: str) -> None:
    text, codec = UNDECLARED[name]
    response = page(f"<html><head><title>x</title></head><body><p>{text}</p></body></html>".encode(codec), "text/html")

    assert response.css("p::text").get() == text
    assert len(response.warnings) == 1
    assert "charset: none is declared" in response.warnings[0]
    assert "guessed" in response.warnings[0]


FITTING = "charset: "
MISDECLARED: dict[str, tuple[str, bytes, str, str]] = {
    "meta-says-utf-16-and-it-is-utf-8": ("text/html", b"<meta charset=utf-16><p>" + GERMAN.encode(), GERMAN, ""),
    "meta-says-utf-16be": ("text/html", b"<meta charset=utf-16be><p>" + GERMAN.encode(), GERMAN, ""),
    "meta-says-utf-32": ("text/html", b"<meta charset=utf-32><p>" + GERMAN.encode(), GERMAN, ""),
    "xml-declaration-says-utf-16": (
        "text/html",
        b"<?xml version='1.0' encoding='utf-16'?><p>" + GERMAN.encode(),
        GERMAN,
        "",
    ),
    "meta-says-x-user-defined": (
        "text/html",
        b"<meta charset=x-user-defined><p>" + GERMAN.encode("cp1252"),
        GERMAN,
        "",
    ),
    "header-says-utf-8-and-nothing-is": (
        "text/html; charset=utf-8",
        b"<p>" + GERMAN.encode("cp1252"),
        GERMAN,
        "guessed windows-1252",
    ),
    "header-wrong-and-meta-right": (
        "text/html; charset=utf-8",
        b"<meta charset=windows-1251><p>" + "Привет, страница".encode("cp1251"),
        "Привет, страница",
        "read as windows-1251, as the page says",
    ),
    "header-says-shift_jis-and-it-is-utf-8": (
        "text/html; charset=shift_jis",
        b"<p>" + ("日本語 " + GERMAN).encode(),
        "日本語 " + GERMAN,
        "read as utf-8",
    ),
    "one-broken-place-in-utf-8": (
        "text/html; charset=utf-8",
        b"<p>" + GERMAN.encode() + b"\xe9",
        GERMAN + "\ufffd",
        "1 characters are not utf-8 and were lost",
    ),
    "one-broken-place-where-nothing-is-declared": (
        "text/html",
        b"<p>" + GERMAN.encode() + b"\xe9",
        GERMAN + "\ufffd",
        "1 characters are not utf-8 and were lost",
    ),
    "header-says-latin-1-and-it-is-utf-8-as-browsers-read-it": (
        "text/html; charset=iso-8859-1",
        "<p>é – ü".encode(),
        "Ã© â€“ Ã¼",
        "windows-1252 is declared, but the bytes are UTF-8",
    ),
    "bytes-that-windows-1252-leaves-open": ("text/html; charset=latin-1", b"<p>a\x81\x8db\xe9", "a\x81\x8dbé", ""),
}


@pytest.mark.parametrize("name", MISDECLARED)
def test_bytes_that_do_not_fit_are_read_in_the_way_that_loses_least(name: str) -> None:
    content_type, body, text, warning = MISDECLARED[name]
    response = page(body, content_type)

    assert response.css("p::text").get() == text
    assert [warning in each for each in response.warnings] == ([True] if warning else [])


@pytest.mark.parametrize("filling", [5_000, 70_000], ids=["5-kB", "70-kB"])
@pytest.mark.parametrize("what", [b"<style>%s</style>", b"<!--%s-->", b"<script>%s</script>"])
def test_a_meta_element_counts_however_far_down_it_is(what: bytes, filling: int) -> None:
    body = (
        b"<html><head>" + what % (b"x" * filling) + b"<meta charset=windows-1251></head><p>" + "Привет".encode("cp1251")
    )

    response = page(body, "text/html")

    assert (response.css("p::text").get(), response.warnings) == ("Привет", [])


@pytest.mark.parametrize(
    "before",
    [b"<!-- <meta charset=koi8-r> -->", b"<!---><!-- <meta charset=koi8-r>--><!---->", b"<meta charset=nonsense>"],
    ids=["comment", "comments", "no-charset"],
)
def test_a_meta_element_in_a_comment_or_without_a_charset_counts_for_nothing(before: bytes) -> None:
    response = page(before + b"<meta charset=windows-1251><p>" + "Привет".encode("cp1251"), "text/html")

    assert (response.css("p::text").get(), response.warnings) == ("Привет", [])


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("x-sjis", "cp932"), ("ks_c_5601-1987", "cp949"), ("windows-949", "cp949"), ("x-gbk", "gb18030"),
        ("x-x-big5", "big5hkscs"), ("koi", "koi8-r"), ("dos-874", "cp874"), ("x-cp1251", "cp1251"),
        ("iso-8859-8-i", "iso8859-8"), ("x-mac-cyrillic", "mac-cyrillic"), ("x-euc-jp", "euc_jp"),
        ("unicode-1-1-utf-8", "utf-8"), ("iso-8859-9", "cp1254"), ("tis-620", "cp874"), ("us-ascii", "cp1252"),
    ],
)  # fmt: skip
def test_charset_labels_mean_the_same_as_in_browsers(label: str, codec: str) -> None:
    assert charsets.usable(label) == codec


@given(
    st.binary(max_size=300), st.sampled_from([None, "utf-8", "latin-1", "shift_jis", "utf-16", "gbk", "hz", "koi8-r"])
)
def test_any_bytes_become_text_of_a_known_charset(body: bytes, charset: str | None) -> None:
    found = charsets.read(f"text/html; charset={charset}" if charset else None, body)

    assert isinstance(found.text, str)
    assert charsets.usable(found.charset)


def test_a_guess_costs_milliseconds_on_a_page_of_a_megabyte() -> None:
    body = ("<p>" + GERMAN + "</p>").encode("cp1252") * 15_000
    charsets.read("text/html", body[:2_000])  # the library is loaded
    started = time.thread_time()

    found = charsets.read("text/html", body)

    assert time.thread_time() - started < 1
    assert found.charset == "cp1252"


def test_a_run_counts_pages_whose_bytes_did_not_fit_and_status_names_one(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host(
        {
            "/": Answer(body="<p>Größe</p><a href=/a>a</a><a href=/b>b</a>".encode("cp1252"), content_type="text/html"),
            "/a": Answer(body=b"<p>plain</p>"),
            "/b": Answer(body="<p>Straße</p>".encode("cp1252"), content_type="text/html"),
        }
    )

    summary = crawl(Reader, own.url, tmp_path)

    assert sorted(row["text"] for row in stored(tmp_path, "text")) == ["Größe", "Straße", "plain"]
    assert any("2 pages have a warning (charset: none is declared" in message for message in summary.messages)
    with opened(tmp_path) as database:
        kept = [row[0] for row in database.execute("SELECT warnings FROM crawl_pages WHERE warnings <> ''")]
    assert len(kept) == 2


# --- queries of links -------------------------------------------------------------------------------------------------

QUERIES = {
    "windows-1251": ("windows-1251", "/s?q=при&p=2", "/s?q=%EF%F0%E8&p=2"),
    "path-stays-utf-8": ("windows-1251", "/при?q=при", "/%D0%BF%D1%80%D0%B8?q=%EF%F0%E8"),
    "fragment-is-left-out": ("windows-1251", "/s?q=1#при", "/s?q=1"),
    "not-in-the-charset": ("windows-1252", "/s?q=é&r=&#1087;", "/s?q=%E9&r=%26%231087%3B"),
    "shift_jis": ("shift_jis", "/s?q=表", "/s?q=%95\\"),
    "euc-kr": ("euc-kr", "/s?q=한", "/s?q=%C7%D1"),
    "escapes-stay": ("windows-1251", "/s?q=%D0%BF&r=п", "/s?q=%D0%BF&r=%EF"),
    "utf-8": ("utf-8", "/s?q=при", "/s?q=%D0%BF%D1%80%D0%B8"),
    "utf-16-page-sends-utf-8": ("utf-16", "/s?q=при", "/s?q=%D0%BF%D1%80%D0%B8"),
    "only-a-query": ("windows-1251", "?q=п", "/?q=%EF"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_the_query_of_a_link_is_encoded_in_the_charset_of_its_page(name: str) -> None:
    charset, link, target = QUERIES[name]
    body = f"<p>x</p><a href='{link}'>n</a>".encode(charset)
    response = page(body, "text/html" if charset == "utf-16" else f"text/html; charset={charset}")
    wanted = "http://shop.test" + target

    assert [each.url for each in response.follow_all(css="a")] == [wanted]
    assert [each.url for each in response.follow_all(xpath="//a/@href")] == [wanted]
    assert [each.url for each in LinkExtractor().extract_links(response)] == [wanted]
    assert response.follow(response.css("a")[0]).url == wanted
    assert response.urljoin(response.css("a::attr(href)").get()).partition("#")[0] == wanted


def test_pages_of_two_charsets_do_not_share_what_a_link_means() -> None:
    link = "<a href='/s?q=п'>n</a>"
    cyrillic = page(link.encode("cp1251"), "text/html; charset=windows-1251")
    modern = page(link.encode(), "text/html; charset=utf-8")

    for _ in range(2):
        assert [each.url[-2:] for each in cyrillic.follow_all(css="a")] == ["EF"]
        assert [each.url[-6:] for each in modern.follow_all(css="a")] == ["%D0%BF"]


def test_the_server_is_asked_for_the_query_in_the_charset_of_the_page(quick_net: Net, tmp_path: Path) -> None:
    body = "<p>x</p><a href='/s?q=при'>n</a>".encode("cp1251")
    own = quick_net.host({"/": Answer(body=body, content_type="text/html; charset=windows-1251")})

    crawl(Reader, own.url, tmp_path)

    assert [call.target for call in own.calls] == ["/", "/s?q=%EF%F0%E8"]


@pytest.mark.parametrize(
    "body",
    [
        b"<html><head><style>" + b"x" * 40_000 + b"</style><base href='/deep/'></head><a href=x>x</a>",
        b"<base target=_blank><base href='/deep/'><a href=x>x</a>",
        b"<BASE HREF='/deep/'><a href=x>x</a>",
        b"<bAsE\nhref='/deep/'><a href=x>x</a>",
        b"<base target='>' href='/deep/'><a href=x>x</a>",
        "\ufeff<base href='/deep/'><a href=x>x</a>".encode("utf-16-le"),
    ],
    ids=["far-down", "second-of-two", "upper-case", "mixed-case", "behind-another-attribute", "utf-16"],
)
def test_base_href_counts_wherever_it_is(body: bytes) -> None:
    response = page(body, "text/html")

    assert response.urljoin("x") == "http://shop.test/deep/x"  # nothing has read its elements yet
    assert [each.url for each in page(body, "text/html").follow_all(css="a")] == ["http://shop.test/deep/x"]


@pytest.mark.parametrize(
    "body",
    [b" " * 600 + b"<p>x", b"\xef\xbb\xbf<p>x", "\ufeff<p>x".encode("utf-16-le"), b"\n" * 9_000 + b"<!doctype html>"],
    ids=["600-spaces", "byte-order-mark", "utf-16", "9000-lines"],
)
def test_markup_without_a_content_type_is_html_whatever_precedes_it(body: bytes) -> None:
    assert page(body, None).is_html
