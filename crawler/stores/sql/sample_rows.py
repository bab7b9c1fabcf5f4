"""Pages kept for inspection; see `pagework.samples`. There are few of them: one per callback, one per cause."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import KeptPage, Leased, Outcome, PageSample
from crawler.stores.base import Cipher, RunRow
from crawler.stores.driver import Driver, Transaction
from crawler.stores.sealed import place_of_sample
from crawler.stores.told import KeptSample

LESS = "gives less than before"  #: cause of a page whose callback found half or less of what it did
EMPTY = "is empty and was filled"  #: with the field before it: cause of a page none of whose items has it
_MOST = 100  #: per spider
_COLUMNS = "id, callback, cause, run, url, status, head, body, at, given"


class SampleRows:
    """Samples. What a callback was given besides its page may hold secrets: it is sealed."""

    def __init__(self, driver: Driver, cipher: Cipher) -> None:
        self._db, self._cipher = driver, cipher

    def write(self, raw: Transaction, run: RunRow, now: float, given: Sequence[Outcome]) -> None:
        """Inside a transaction: a good page replaces the one before it, unless that was better (`_less`)."""
        for one in given:
            if one.sample is not None:
                self._write_sample(raw, run, now, one.sample, one.request)

    def _write_sample(self, raw: Transaction, run: RunRow, now: float, sample: PageSample, request: Leased) -> None:
        page, key = sample.page, (run.spider, request.callback)
        known = raw.execute(
            "SELECT score, fields FROM crawl_samples WHERE spider = ? AND callback = ? AND cause = ''", key
        ).fetchone()
        cause = sample.cause or (_less(sample, *known) if known is not None else "")
        facts = (page.url or request.url, page.status, json.dumps(list(page.head)), zlib.compress(page.body), now)
        place = (*key, cause)
        raw.execute("DELETE FROM crawl_samples WHERE spider = ? AND callback = ? AND cause = ?", place)
        raw.execute(
            "INSERT INTO crawl_samples (spider, callback, cause, score, run, url, status, head, body, at, fields,"
            " given) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*place, sample.score, run.id, *facts, json.dumps(list(sample.fields)), self._sealed(sample.given, place)),
        )
        raw.execute(
            "DELETE FROM crawl_samples WHERE spider = ? AND id <= (SELECT id FROM crawl_samples WHERE spider = ?"
            " ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (run.spider, run.spider, _MOST),
        )

    def of(self, spider: str) -> list[KeptSample]:
        """The pages of a spider kept for inspection, newest first."""
        rows = self._db.read(
            f"SELECT {_COLUMNS}, spider FROM crawl_samples WHERE spider = ? ORDER BY id DESC", (spider,)
        )
        return [self._sample(row) for row in rows]

    def good(self, spider: str, callback: str) -> KeptPage | None:
        """A page of a callback from which something came; None where there was none so far."""
        where = "spider = ? AND callback = ? AND cause = '' AND score > 0"
        row = self._db.one(f"SELECT {_COLUMNS}, spider FROM crawl_samples WHERE {where}", (spider, callback))
        return self._sample(row).page if row is not None else None

    def get(self, number: int) -> KeptSample | None:
        """One of them, by its number."""
        row = self._db.one(f"SELECT {_COLUMNS}, spider FROM crawl_samples WHERE id = ?", (number,))
        return self._sample(row) if row is not None else None

    def _sealed(self, given: str, place: Sequence[str]) -> str:
        sealed = self._cipher.seal(given, place_of_sample(*place)) if given else b""
        return base64.b64encode(sealed).decode("ascii")

    def _sample(self, row: Sequence[Any]) -> KeptSample:
        number, callback, cause, run, url, status, head, body, at, sealed, spider = row
        page = KeptPage(zlib.decompress(body), [(name, value) for name, value in json.loads(head)], url, status)
        try:
            place = place_of_sample(spider, callback, cause)
            given = json.loads(self._cipher.open(base64.b64decode(sealed), place)) if sealed else {}
        except (SessionError, ValueError):  # sealed with a key that is gone
            given = {}
        return KeptSample(number, spider, callback, cause, run, page, at, given)


def _less(sample: PageSample, score: int, fields: str) -> str:
    """Why a page is not good, compared with the one before it; "" where it is."""
    if 2 * sample.score <= score:
        return LESS
    lost = [name.partition(".")[2] for name in sample.lacks if name in json.loads(fields)]
    return f"{', '.join(lost)} {EMPTY}" if lost else ""
