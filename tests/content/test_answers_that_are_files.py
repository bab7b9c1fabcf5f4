"""An archive, a picture or a PDF in place of a page: it has no elements, which is said, and its charset is nobody's."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from crawler.errors import SpiderError
from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

from .test_content import page

__all__ = ["_clean", "crawl", "project"]


def a_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "hello " * 500)
    return made.getvalue()


def a_tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return made.getvalue()


PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1"
FILES = {
    "zip": (a_zip(), "application/zip", "application/zip"),
    "zip-as-bytes": (a_zip(), "application/octet-stream", "application/zip"),
    "zip-as-text": (a_zip(), "text/plain", "application/zip"),
    "zip-without-a-type": (a_zip(), None, "application/zip"),
    "book": (a_zip(), "application/epub+zip", "application/epub+zip"),
    "tarball": (gzip.compress(b"x" * 99), "application/gzip", "application/gzip"),
    "tar": (a_tar(), "application/x-tar", "application/x-tar"),
    "pdf": (PDF, "application/pdf", "application/pdf"),
    "pdf-as-a-page": (PDF, "text/html", "application/pdf"),
    "picture": (PNG, "image/png", "image/png"),
    "picture-by-another-name": (PNG, "image/jpeg", "image/png"),
    "woff": (b"wOF2\0\1\0\0\0\0", "font/woff2", "font/woff2"),
    "ttf": (b"\0\1\0\0\0\x12\1\0\0\4", "font/ttf", "font/ttf"),
    "bytes": (bytes(range(256)), "application/octet-stream", "application/octet-stream"),
}
TEXTS = {
    "page": (b"<p>hello</p>", "text/html"),
    "page-in-latin-1": ("<p>Größe</p>".encode("cp1252"), "text/html"),
    "page-with-a-zero": (b"<p>he\0llo</p>", "text/html"),
    "page-named-a-zip": (b"<!doctype html><p>hello</p>", "application/zip"),
    "page-named-bytes": (b"<p>hello</p>", "application/octet-stream"),
    "utf-16": ("\ufeff<p>hello</p>".encode("utf-16-le"), "application/octet-stream"),
    "plain": (b"hello", "text/plain"),
    "plain-that-begins-as-a-file": (b"%PDF- is how a PDF begins", "text/plain"),
    "csv": (b"a;b\n1;2\n", "text/csv"),
    "csv-named-bytes": (b"a;b\n1;2\n", "application/octet-stream"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    "script": (b"var a = 1", "application/javascript"),
    "json": (b"{}", "application/json"),
    "nothing": (b"", "application/zip"),
}


@pytest.mark.parametrize("name", FILES)
def test_elements_of_a_file_are_refused_with_what_to_do(name: str) -> None:
    body, declared, kind = FILES[name]
    response = page(body, declared)

    for ask in (lambda: response.css("title"), lambda: response.xpath("//a"), lambda: response.selector):
        with pytest.raises(SpiderError, match=r"is a file \(.*response\.body .*response\.file\(link\)") as caught:
            ask()
        assert f"({kind})" in str(caught.value)
    assert (response.file_type, response.has_elements, response.is_html) == (kind, False, False)


@pytest.mark.parametrize("name", FILES)
def test_nobody_asks_for_the_charset_of_a_file(name: str) -> None:
    response = page(*FILES[name][:2])

    assert isinstance(response.text, str)
    assert (response.charset, response.urljoin("/a"), response.warnings) == ("utf-8", "http://shop.test/a", [])


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_no_file_whatever_it_is_called(name: str) -> None:
    assert page(*TEXTS[name]).file_type == ""


def test_a_base_element_in_an_archive_is_not_looked_for() -> None:
    assert page(b"PK\3\4\0\xff<base href='http://other.test/'>", "application/zip").base_url == "http://shop.test/"


SPIDERS = """
from crawler import CrawlSpider, LinkExtractor, Rule, Spider


class Rules(CrawlSpider):
    name = "rules"
    start_urls = ["{url}/"]
    rules = [Rule(LinkExtractor(), callback="page", follow=True)]

    def page(self, response):
        yield {{"url": response.url, "title": response.css("title::text").get()}}


class Saves(Rules):
    name = "saves"

    def page(self, response):
        yield {{"size": len(response.body)}}


class Fails(Rules):
    name = "fails"

    def page(self, response):
        response.follow_all()
        yield {{}}


class Plain(Spider):
    name = "plain"
    start_urls = ["{url}/debug"]

    def parse(self, response):
        yield {{"title": response.css("title::text").get()}}
"""
PAGES = {
    "/robots.txt": Answer(404),
    "/": Answer(body=b"<title>list</title><a href=/debug>pack</a><a href=/also>also</a><a href=/x>x</a>"),
    "/x": Answer(body=b"<title>x</title>"),
    "/debug": Answer(body=a_zip(), content_type="application/zip"),
    "/also": Answer(body=a_zip(), content_type="application/zip"),
}


@pytest.fixture
def written(project: Path) -> Path:
    (project / "spiders").mkdir()
    return project / "spiders" / "all.py"


def test_a_file_that_a_rule_leads_to_is_counted_and_named_and_is_no_item(written: Path, crawl: Crawl) -> None:
    with closing(Host(PAGES, "127.0.0.1", None)) as host:
        written.write_text(SPIDERS.format(url=host.url))
        run = crawl("run", "rules", "-s", "delay=0", "--json")
        status = json.loads(crawl("status", "rules", "--json").out)["warned_by"]
        shown = crawl("status", "rules").out

    assert run.code == 0, run.err
    assert json.loads(run.out)["items"] == {"items": 1}
    assert [each["pages"] for each in status.values()] == [2]
    assert "2 x a file and no page (application/zip): the callback of its rule" in shown
    assert "charset" not in shown


def test_a_callback_of_a_rule_may_take_files(written: Path, crawl: Crawl) -> None:
    with closing(Host(PAGES, "127.0.0.1", None)) as host:
        written.write_text(SPIDERS.format(url=host.url))
        run = crawl("run", "saves", "-s", "delay=0", "--json")
        status = json.loads(crawl("status", "saves", "--json").out)

    assert json.loads(run.out)["items"] == {"items": 3}
    assert not status["warned_by"]


def test_other_errors_of_a_rules_callback_still_fail_the_page(written: Path, crawl: Crawl) -> None:
    with closing(Host(PAGES, "127.0.0.1", None)) as host:
        written.write_text(SPIDERS.format(url=host.url))
        run = crawl("run", "fails", "-s", "delay=0", "--json")

    assert run.code == 1
    assert json.loads(run.out)["failed"] == 3


def test_a_file_in_place_of_a_page_fails_with_what_to_do(written: Path, crawl: Crawl) -> None:
    with closing(Host(PAGES, "127.0.0.1", None)) as host:
        written.write_text(SPIDERS.format(url=host.url))
        run = crawl("run", "plain", "-s", "delay=0")
        status = crawl("status", "plain").out

    assert run.code == 1
    assert "is a file (application/zip), which has no elements to find" in run.out + status
    assert "charset" not in run.out + status


def test_a_spider_made_for_a_file_is_said_to_be_a_beginning(project: Path, crawl: Crawl) -> None:
    with closing(Host({"/robots.txt": Answer(404), **PAGES}, "127.0.0.1", None)) as host:
        made = crawl("new", "pack", f"{host.url}/debug", "-s", "delay=0.01")
        run = crawl("run", "pack", "-s", "delay=0", "--json")

    assert "a file and no page (application/zip): response.file(link)" in made.out
    assert json.loads(run.out)["items"] == {"items": 1}
