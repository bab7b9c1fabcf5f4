"""Requests whose headers, body or arguments were sealed with a key that is not at hand.

That is another user's key, or the same user's under another HOME (sudo, cron, a container without its volume), or a
lost one. Whoever has the key can send them, so they are put aside, and wait again when the next run begins. What a key
at hand has sealed and does not open was damaged or moved: nobody can ever send that, and it fails.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from crawler.errors import SessionError
from crawler.stores.base import Cipher
from crawler.stores.driver import Driver, Transaction
from crawler.stores.sealed import HEAD_BYTES, key_name, place_of_request
from crawler.stores.sql.found_rows import count
from crawler.stores.told import NO_KEY

_DAMAGED: Final = "its stored headers or body cannot be read with the keys at hand"
_LOOKED_AT: Final = 10_000  #: rows of each state
_OPEN: Final = ("state = 0 AND not_before = 0", "state = 0 AND not_before > 0", "state = 1", "state = 5 AND state >= 3")
_FAILED: Final = "state = 3 AND state >= 3"


class LostKeys:
    """What becomes of requests that cannot be read."""

    def __init__(self, driver: Driver, cipher: Cipher) -> None:
        self._db, self._cipher, self._numbers = driver, cipher, driver.dialect.numbers()

    def lacks_key(self, sealed: bytes, place: str) -> bool:
        """Whether the key that has sealed it is not at hand."""
        try:
            self._cipher.open(sealed, place)
        except SessionError:
            return self._cipher.is_sealed(sealed) and key_name(sealed) not in self._cipher.key_names
        return False

    def without_key(self, frontier: int, *, failed: bool = False) -> tuple[int, int]:
        """How many open requests no key at hand opens, and of how many; see `LeaseStore.without_key`."""
        lacking = looked_at = 0
        lacks: dict[str, bool] = {}  # name of a key to whether it is missing: one request of each is opened
        for state in (*_OPEN, _FAILED) if failed else _OPEN:
            rows = self._db.read(
                "SELECT substr(extras, 1, ?), count(*), min(id) FROM (SELECT id, extras FROM crawl_requests"
                f" WHERE frontier = ? AND {state} LIMIT ?) r GROUP BY 1",
                (HEAD_BYTES, frontier, _LOOKED_AT),
            )
            for head, number, id_ in rows:
                looked_at += number
                if head:
                    name = key_name(head)
                    lacks[name] = lacks[name] if name in lacks else self._lacks_key_of(frontier, id_)
                    lacking += number if lacks[name] else 0
        return lacking, looked_at

    def _lacks_key_of(self, frontier: int, request: int) -> bool:
        rows = self._db.read("SELECT extras, fingerprint FROM crawl_requests WHERE id = ?", (request,))
        return any(self.lacks_key(sealed, place_of_request(frontier, known_as)) for sealed, known_as in rows)

    def put_aside(self, raw: Transaction, frontier: int, unreadable: Sequence[tuple[int, bool]]) -> None:
        """Inside a transaction: end the lease of requests that cannot be read.

        Args:
            unreadable: Their ids, and whether the key is missing.
        """
        for lacks, rows in groupby(sorted(unreadable, key=lambda each: each[1]), key=lambda each: each[1]):
            ids = [number for number, _ in rows]
            raw.execute(
                f"UPDATE crawl_requests SET state = ?, owner = 0, error = ? WHERE id IN ({self._numbers})",
                (5 if lacks else 3, NO_KEY if lacks else _DAMAGED, json.dumps(ids)),
            )
            moved = {"parked" if lacks else "failed": len(ids)}
            count(raw, frontier, waiting_or_leased=-len(ids), **moved)
