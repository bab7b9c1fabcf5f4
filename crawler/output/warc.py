"""Kept pages as WARC, and back: the format that web archives read and write (ISO 28500, extra ``warc``).

Out: a `warcinfo` record, then for each page a `response` with its head and decoded body. Cookies and other credentials
were never kept; headers that describe the body on the wire are left out, since the body is stored as it was read.

In: responses become done requests of a new crawl of a spider with their pages kept, so that `crawl parse --write` reads
them as if they had been fetched. Nothing is sent.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from crawler.errors import InvalidURL, UsageError
from crawler.outcome import KeptPage
from crawler.output.export.places import whole_file
from crawler.url_users import without_user
from crawler.urls import absolute

_OF_THE_WIRE = frozenset({"content-encoding", "transfer-encoding", "content-length", "connection", "keep-alive"})
_SECRET = frozenset({"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authentication-info"})


def _library(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        raise UsageError("WARC needs the extra `warc`: pip install 'crawl-sessions[warc]'") from None


def write_warc(pages: Iterable[tuple[str, KeptPage, float]], target: Path, *, crawl: int) -> int:
    """Write kept pages to a file; ``.gz`` is compressed record by record.

    Args:
        pages: URL, page, and when it was kept, seconds since 1970.
        crawl: Number of the crawl, noted in the file.
    Returns:
        How many pages.
    Raises:
        UsageError: The extra is not installed.
        NotWritten: It cannot be written; nothing is left of it.
    """
    warcwriter, headers = _library("warcio.warcwriter"), _library("warcio.statusandheaders")
    count = 0
    with whole_file(target) as file:
        writer = warcwriter.WARCWriter(file, gzip=target.suffix == ".gz")
        about = {"software": "crawl-sessions", "format": "WARC File Format 1.1", "isPartOf": f"crawl {crawl}"}
        writer.write_record(writer.create_warcinfo_record(target.name, about))
        for url, page, at in pages:
            lines = [(name, value) for name, value in page.head if name.lower() not in _OF_THE_WIRE]
            lines.append(("Content-Length", str(len(page.body))))
            reason = HTTPStatus(page.status).phrase if page.status in HTTPStatus._value2member_map_ else ""
            head = headers.StatusAndHeaders(f"{page.status} {reason}".rstrip(), lines, protocol="HTTP/1.1")
            record = writer.create_warc_record(
                without_user(page.url or url),
                "response",
                payload=io.BytesIO(page.body),
                length=len(page.body),
                http_headers=head,
                warc_headers_dict={"WARC-Date": _date(at)},
            )
            writer.write_record(record)
            record.raw_stream.close()  # a copy of its own, which it leaves open
            count += 1
    return count


def read_warc(source: Path) -> Iterator[tuple[str, KeptPage]]:
    """URL and page of each response with status 200 to GET, the bodies decoded. Others are passed over.

    Raises:
        UsageError: The extra is not installed, or the file is not a WARC file.
    """
    iterator, broken = _library("warcio.archiveiterator"), _library("warcio.exceptions").ArchiveLoadFailed
    try:
        with source.open("rb") as file:
            for record in iterator.ArchiveIterator(file):
                found = _page_of(record)
                if found is not None:
                    yield found
    except (OSError, broken) as error:
        raise UsageError(f"{source} cannot be read as WARC: {error}") from error


def _page_of(record: Any) -> tuple[str, KeptPage] | None:
    url = record.rec_headers.get_header("WARC-Target-URI")
    if record.rec_type != "response" or record.http_headers is None or not url:
        return None
    if record.http_headers.get_statuscode() != "200":
        return None
    try:
        target = absolute("", url.strip("<>")).partition("#")[0]
    except InvalidURL:
        return None
    lines = [
        (name, value)
        for name, value in record.http_headers.headers
        if name.lower() not in _OF_THE_WIRE and name.lower() not in _SECRET
    ]
    return target, KeptPage(record.content_stream().read(), lines, target, 200)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
