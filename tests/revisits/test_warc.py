"""Kept pages as WARC: read by another tool, and taken back into another store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.errors import UsageError
from crawler.output.warc import read_warc
from crawler.replay.archives import export_warc, import_warc
from crawler.replay.kept_pages import parse_kept
from tests.files.portal import Portal, Supplier, crawl, pdf
from tests.revisits.site import Shop, Site, night, value

fastwarc = pytest.importorskip("fastwarc.warc")


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.headers["/p/1"] = [("Set-Cookie", "sid=very-secret-value"), ("X-A", "b")]
    yield made
    made.close()


def store_in(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    return {"store": str(folder / "crawl.db")}


@pytest.mark.parametrize("name", ["pages.warc", "pages.warc.gz"])
def test_another_tool_reads_the_pages_that_were_kept(name: str, site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path, keep_pages=True)
    site.asked.clear()

    count, files = export_warc(Shop, tmp_path / name, arguments={"site": site.url}, settings=store_in(tmp_path))

    with (tmp_path / name).open("rb") as file:
        found = {
            record.headers["WARC-Target-URI"]: (record.http_headers.status_code, record.reader.read(), record)
            for record in fastwarc.ArchiveIterator(file, record_types=fastwarc.WarcRecordType.response)
        }
    assert (count, files) == (7, 0)
    assert {url.removeprefix(site.url): body.decode() for url, (_, body, _) in found.items()} == site.pages
    assert {status for status, _, _ in found.values()} == {200}
    heads = dict(found[f"{site.url}/p/1"][2].http_headers)
    assert heads["X-A"] == "b"
    assert "Set-Cookie" not in heads
    assert site.asked == {}


def test_files_that_are_not_in_it_are_counted(tmp_path: Path) -> None:
    portal = Portal()
    try:
        portal.list_files("1.pdf", "2.pdf")
        for name in ("1.pdf", "2.pdf"):
            portal.add(name, pdf(name, 3_000))
        crawl(portal, tmp_path, keep_pages=True)
    finally:
        portal.shutdown()
        portal.server_close()
    store = {"store": str(tmp_path / "data" / "crawl.db")}

    written = export_warc(Supplier, tmp_path / "pages.warc", arguments={"site": portal.url}, settings=store)

    assert written == (1, 2)


def test_pages_of_a_warc_file_become_a_crawl_that_can_be_read(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path, keep_pages=True)
    arguments, file = {"site": site.url}, tmp_path / "pages.warc.gz"
    export_warc(Shop, file, arguments=arguments, settings=store_in(tmp_path))
    site.asked.clear()
    other = store_in(tmp_path / "other")

    assert import_warc(Shop, file, arguments=arguments, settings=other) == (1, 7, 0)
    reading = parse_kept(Shop, arguments=arguments, settings=other, write=True)

    assert (reading.pages, reading.failed, reading.items) == (7, 0, {"items": (0, 6)})
    assert value(tmp_path / "other", "SELECT count(*) FROM items") == 6
    assert site.asked == {}
    assert parse_kept(Shop, arguments=arguments, settings=other).differ == 0


def test_pages_of_other_sites_and_twins_are_passed_over(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path, keep_pages=True)
    file = tmp_path / "pages.warc"
    export_warc(Shop, file, arguments={"site": site.url}, settings=store_in(tmp_path))
    file.write_bytes(file.read_bytes() * 2)

    class Elsewhere(Shop):
        name = "elsewhere"

    settings = store_in(tmp_path / "other")
    assert import_warc(Shop, file, arguments={"site": site.url}, settings=settings) == (1, 7, 7)
    assert import_warc(Elsewhere, file, arguments={"site": "http://other.test"}, settings=settings) == (2, 0, 14)


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"WARC/1.0\r\nbroken"], ids=["empty", "text", "cut"])
def test_a_file_that_is_not_a_warc_file_starts_no_crawl(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "odd.warc"
    file.write_bytes(content)
    settings = store_in(tmp_path / "other")

    with pytest.raises(UsageError, match="WARC"):
        import_warc(Shop, file, arguments={"site": "http://shop.test"}, settings=settings)
    assert not Path(settings["store"]).exists()


def test_what_another_program_wrote_is_decoded(tmp_path: Path) -> None:
    """A coded and chunked body, as archives of other crawlers have it."""
    import gzip

    body = gzip.compress(b"<h1>1</h1><p class=price>5</p>")
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    payload = head + chunked
    record = (
        (
            b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://shop.test/p/1\r\n"
            b"WARC-Date: 2026-11-01T00:00:00Z\r\n"
            b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
            b"Content-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n" % len(payload)
        )
        + payload
        + b"\r\n\r\n"
    )
    file = tmp_path / "other.warc"
    file.write_bytes(record)

    [(url, page)] = read_warc(file)

    assert (url, page.body) == ("http://shop.test/p/1", b"<h1>1</h1><p class=price>5</p>")
    assert [name for name, _ in page.head] == ["Content-Type"]


def test_without_kept_pages_there_is_nothing_to_write(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path)

    with pytest.raises(UsageError, match="kept no pages"):
        export_warc(Shop, tmp_path / "a.warc", arguments={"site": site.url}, settings=store_in(tmp_path))
    assert not (tmp_path / "a.warc").exists()
