"""Which files are held: looked up before one is requested, written with the item that it belongs to.

A row whose request was taken back is held no more; with ``request = 0`` it stays until the URL is fetched again,
because the readable name that leads to its bytes still exists and belongs to the next version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crawler.outcome import FileRow, Outcome, Verdict
from crawler.stores.base import RunRow
from crawler.stores.driver import Driver, Transaction
from crawler.stores.rows import harmless
from crawler.stores.told import HeldFile

_COLUMNS = (
    "session, url, key, hash, size, type, name, link, etag, modified, width, height, id, checked_in, checked_at, epoch,"
    " proven"
)
_INSERT = (
    "INSERT INTO crawl_files (spider, session, url, key, hash, size, type, name, link, width, height, etag, modified,"
    " request, run, at, checked_in, checked_at, epoch, proven, checked_by)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CONFIRM = (
    "UPDATE crawl_files SET checked_in = ?, checked_at = ?, epoch = ?, proven = ?, checked_by = ?,"
    " etag = CASE WHEN ? <> '' THEN ? ELSE etag END, modified = CASE WHEN ? <> '' THEN ? ELSE modified END WHERE id = ?"
)
_PORTION = 500


class FileRows:
    """Files that are held."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver

    def held(self, spider: str, session: str, *, url: str, key: str = "") -> tuple[FileRow | None, FileRow | None]:
        """The newest version held: by its key, and at its URL. See `FileStore.held`."""
        by_key = None
        if key:
            by_key = self._file(
                "spider = ? AND session = ? AND key = ? AND key <> ''", (spider, session, harmless(key))
            )
        return by_key, self._file("spider = ? AND session = ? AND url = ?", (spider, session, harmless(url)))

    def _file(self, condition: str, parameters: Sequence[object]) -> FileRow | None:
        row = self._db.one(
            f"SELECT {_COLUMNS} FROM crawl_files WHERE {condition} AND request > 0 ORDER BY id DESC LIMIT 1",
            tuple(parameters),
        )
        return None if row is None else FileRow(*row)

    def left_name(self, spider: str, session: str, *, url: str) -> str:
        """The name that a version which was taken back has left. See `FileStore.left_name`."""
        row = self._db.one(
            "SELECT link, hash FROM crawl_files WHERE spider = ? AND session = ? AND url = ? AND request = 0"
            " ORDER BY id DESC LIMIT 1",
            (spider, session, harmless(url)),
        )
        return "" if row is None else f"{row[0]} {row[1]}"

    def write(self, raw: Transaction, run: RunRow, now: float, outcomes: Sequence[Outcome]) -> None:
        """Inside a transaction: the files of accepted requests, each new version a row."""
        for one in outcomes:
            file = one.file
            if file is None or one.verdict is not Verdict.ACCEPT or one.file_was == "held":
                continue
            if one.file_before:  # whose name it has taken over
                left = "DELETE FROM crawl_files WHERE spider = ? AND session = ? AND url = ? AND request = 0"
                raw.execute(left, (run.spider, file.session, harmless(file.url)))
            known = (run.frontier, one.sent_at or now, one.epoch, 1 if one.proven else 0, one.request.id)
            if file.id:
                told = (file.etag, file.etag, file.modified, file.modified)
                raw.execute(_CONFIRM, (*known, *told, file.id))
                continue
            texts = map(
                harmless,
                (run.spider, file.session, file.url, file.key, file.hash),
            )
            named = map(harmless, (file.type, file.name, file.link))
            raw.execute(
                _INSERT,
                (
                    *texts,
                    file.size_bytes,
                    *named,
                    file.width,
                    file.height,
                    harmless(file.etag),
                    harmless(file.modified),
                    one.request.id,
                    run.id,
                    now,
                    *known,
                ),
            )

    def remove(self, raw: Transaction, condition: str, parameters: Sequence[object]) -> None:
        """Inside a transaction: forget what the requests selected by *condition* have brought, but for the names."""
        chosen = f"IN (SELECT id FROM crawl_requests WHERE {condition})"
        raw.execute(f"UPDATE crawl_files SET checked_in = 0 WHERE checked_by {chosen}", tuple(parameters))
        raw.execute(f"DELETE FROM crawl_files WHERE link = '' AND request {chosen}", tuple(parameters))
        raw.execute(f"UPDATE crawl_files SET request = 0, checked_by = 0 WHERE request {chosen}", tuple(parameters))

    def all(self, spider: str | None = None) -> Iterator[HeldFile]:
        """Every version of every file that is held, oldest first."""
        last = 0
        where = "" if spider is None else " AND spider = ?"
        sql = (
            "SELECT id, spider, session, url, hash, size, type, name, link, run, at FROM crawl_files"
            f" WHERE id > ? AND request > 0{where} ORDER BY id LIMIT {_PORTION}"
        )
        while portion := self._db.read(sql, (last,) if spider is None else (last, spider)):
            for row in portion:
                yield HeldFile(*row)
            last = portion[-1][0]
