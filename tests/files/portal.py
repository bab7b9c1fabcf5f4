"""A supplier portal whose files the tests script: what each path answers, where it is cut, and what was asked."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from crawler import File, Response, Spider, run
from crawler.events import Summary

PDF = b"%PDF-1.7\n"


def pdf(text: str, size_bytes: int = 3_000) -> bytes:
    """The bytes of something that begins as a PDF does, all of them from *text*."""
    filler = hashlib.sha256(text.encode()).hexdigest().encode()
    return (PDF + text.encode() + b"\n" + filler * (size_bytes // len(filler) + 1))[:size_bytes]


@dataclass(slots=True)
class Doc:
    """What one path answers.

    Attributes:
        cuts: For the next requests: bytes of the body after which the connection breaks.
        etag, modified: Validators; None for none.
        ranges: Parts can be asked for.
        wrong_part: Headers of the first answer with a part, instead of the right ones.
        shrinks: What is there after the first answer.
        holds: The body stops after `hold_at` bytes until this is set.
    """

    body: bytes
    type: str = "application/pdf"
    status: int = 200
    etag: str | None = ""
    modified: str | None = None
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    holds: threading.Event | None = None
    hold_at: int = 0
    length: bool = True
    wrong_part: dict[str, str] | None = None
    shrinks: bytes | None = None

    @property
    def tag(self) -> str | None:
        return f'"{hashlib.sha256(self.body).hexdigest()[:12]}"' if self.etag == "" else self.etag


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and how it was answered."""

    path: str
    headers: dict[str, str]
    status: int


class Portal(ThreadingHTTPServer):
    """The server. `docs` may be changed while it runs."""

    daemon_threads = True

    def __init__(self) -> None:
        self.docs: dict[str, Doc] = {}
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        self.reached = threading.Event()  # a body waits
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def list_files(self, *names: str) -> None:
        """The page with a link to each of *names*."""
        links = "".join(f'<p><a class="file" href="/files/{name}">{name}</a></p>' for name in names)
        self.docs["/"] = Doc(f"<html><body>{links}</body></html>".encode(), "text/html", etag=None)

    def add(self, name: str, body: bytes | None = None, **options: Any) -> Doc:
        made = self.docs[f"/files/{name}"] = Doc(pdf(name) if body is None else body, **options)
        return made

    def of(self, name: str) -> list[Asked]:
        """The requests for one file."""
        return [each for each in self.asked if each.path == f"/files/{name}"]

    def statuses(self) -> dict[int, int]:
        """Status to number of requests of files."""
        found: dict[int, int] = {}
        for each in self.asked:
            if each.path.startswith("/files/"):
                found[each.status] = found.get(each.status, 0) + 1
        return found

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, as one that is killed does."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Portal

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        portal = self.server
        doc = portal.docs.get(self.path)
        if doc is None:
            self._answer(Doc(b"<h1>Not there</h1>", "text/html", 404, etag=None), 404, b"", {})
            return
        asked = {name.lower(): value for name, value in self.headers.items()}
        status, body, extra = _chosen(doc, asked)
        if status == 206 and doc.wrong_part is not None:
            extra, doc.wrong_part = doc.wrong_part, None
        self._answer(doc, status, body, extra)
        if doc.shrinks is not None:
            doc.body, doc.shrinks = doc.shrinks, None

    def _answer(self, doc: Doc, status: int, body: bytes, extra: dict[str, str]) -> None:
        portal = self.server
        with portal.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            portal.asked.append(Asked(self.path, headers, status))
            cut = doc.cuts.pop(0) if doc.cuts and status in (200, 206) else None
        self.send_response(status)
        self.send_header("Content-Type", doc.type)
        for name, value in {**doc.headers, **extra}.items():
            self.send_header(name, value)
        if doc.tag:
            self.send_header("ETag", doc.tag)
        if doc.modified:
            self.send_header("Last-Modified", doc.modified)
        if doc.length and status != 304:
            self.send_header("Content-Length", str(len(body)))
        elif status != 304:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if cut is not None:
            self.wfile.write(body[:cut])
            self.wfile.flush()
            self.close_connection = True
            return
        if doc.holds is not None and len(body) > doc.hold_at:
            self.wfile.write(body[: doc.hold_at])
            self.wfile.flush()
            portal.reached.set()
            doc.holds.wait(30)
            body = body[doc.hold_at :]
        self.wfile.write(body)


def _chosen(doc: Doc, asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    known = asked.get("if-none-match")
    if doc.status == 200 and (
        (known is not None and known == doc.tag)
        or (known is None and doc.modified is not None and asked.get("if-modified-since") == doc.modified)
    ):
        return 304, b"", {}
    wanted = asked.get("range", "")
    if doc.status == 200 and doc.ranges and wanted.startswith("bytes="):
        start = int(wanted[6:].partition("-")[0])
        if asked.get("if-range") in (None, doc.tag, doc.modified):
            if start >= len(doc.body):
                return 416, b"", {"Content-Range": f"bytes */{len(doc.body)}"}
            return 206, doc.body[start:], {"Content-Range": f"bytes {start}-{len(doc.body) - 1}/{len(doc.body)}"}
    return doc.status, doc.body, {}


class Supplier(Spider):
    """Yields a File for each link of the list."""

    name = "supplier"
    start_urls = ("http://placeholder.example/",)

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/"]

    def parse(self, response: Response) -> Iterator[Any]:
        for link in response.css("a.file"):
            yield response.file(link, number=link.css("::text").get())


def crawl(portal: Portal, folder: Path, spider: type[Spider] = Supplier, **settings: Any) -> Summary:
    """One night."""
    fresh = settings.pop("fresh", False)
    base = {
        "store": str(folder / "data" / "crawl.db"),
        "backoff": 0.02,
        "min_speed": 0,
        "robots": False,
        "processes": 1,
    }
    return run(spider, arguments={"site": portal.url}, settings={**base, **settings}, fresh=fresh)


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "data" / "crawl.db")) as database:
        database.row_factory = sqlite3.Row
        yield database


def rows(folder: Path, run: int | None = None, table: str = "files") -> list[dict[str, Any]]:
    """The items of files, of all runs or of one."""
    with opened(folder) as database:
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
            return []
        where = "" if run is None else f" WHERE _run = {run}"
        return [dict(row) for row in database.execute(f"SELECT * FROM {table}{where} ORDER BY url, _position")]


def held(folder: Path) -> list[dict[str, Any]]:
    """What the store knows of files."""
    with opened(folder) as database:
        return [dict(row) for row in database.execute("SELECT * FROM crawl_files ORDER BY id")]


def blobs(folder: Path) -> dict[str, bytes]:
    """Hash to bytes of all files in their place."""
    root = folder / "data" / "files"
    return {path.name: path.read_bytes() for path in root.glob("??/*") if path.is_file()}


def partials(folder: Path) -> list[str]:
    root = folder / "data" / "files" / "partial"
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def assert_whole(folder: Path) -> None:
    """Every row has its file and every file its row; each file is what its name says."""
    there, known = blobs(folder), {row["hash"]: row["size"] for row in held(folder)}
    assert set(there) == set(known)
    for name, body in there.items():
        assert hashlib.sha256(body).hexdigest() == name
        assert len(body) == known[name]
    for row in rows(folder):
        assert row["hash"] in there


__all__ = ["File", "Portal", "Supplier", "assert_whole", "blobs", "crawl", "held", "partials", "pdf", "rows"]
