"""The frontier: adding, counting, parking and proving requests; and small queries about it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from crawler.outcome import Found
from crawler.stores.driver import Driver
from crawler.stores.rows import harmless
from crawler.stores.sql.found_rows import FoundRows, count
from crawler.stores.sql.reopening import Reopening
from crawler.stores.told import Counts

_ADD_PORTION = 5_000
_MARKS = 200  #: fingerprints in one query


class FrontierRows:
    """The requests of crawls.

    Attributes:
        reopen, rebuild, quarantine: See `Reopening`.
    """

    def __init__(self, driver: Driver, found: FoundRows, reopening: Reopening) -> None:
        self._db, self._found = driver, found
        self._numbers = driver.dialect.numbers()
        self.reopen, self.rebuild, self.quarantine = reopening.reopen, reopening.rebuild, reopening.quarantine

    def add(self, frontier: int, found: Sequence[Found]) -> int:
        """Put requests into the frontier; known ones are ignored.

        Large numbers are added in portions, each its own transaction: readers and other writers never wait long.

        Returns:
            How many were new and are waiting.
        Raises:
            StoreError: The portions before the failed one are stored; adding all again adds the rest.
        """
        added = 0
        for start in range(0, len(found), _ADD_PORTION):
            portion = found[start : start + _ADD_PORTION]
            with self._db.write(expected_bytes=300 * len(portion)) as raw:
                # The memory is consulted only here: the transaction may have met another database
                fresh = self._found.memory.unknown(frontier, portion)
                waiting, skipped = self._found.add(raw, frontier, fresh.values()) if fresh else (0, 0)
                count(raw, frontier, waiting_or_leased=waiting, skipped=skipped)
            self._found.memory.learn(frontier, fresh)
            added += waiting
        return added

    def counts(self, frontier: int) -> Counts:
        """Read from counters; only the leased rows, which are few, are counted."""
        row = self._db.one(
            "SELECT waiting_or_leased, (SELECT count(*) FROM crawl_requests WHERE frontier = f.id AND state = 1),"
            " done, failed, skipped, parked, pages, items FROM crawl_frontiers f WHERE id = ?",
            (frontier,),
        )
        if row is None:
            return Counts()
        either, leased, *others = row
        return Counts(either - leased, leased, *others)

    def skipped_by(self, frontier: int) -> dict[str, int]:
        """Rule to number of requests that it refused, most first."""
        rows = self._db.read(
            "SELECT coalesce(rule, ''), count(*) FROM crawl_requests WHERE frontier = ? AND state = 4"
            " AND state >= 3 GROUP BY 1 ORDER BY 2 DESC",
            (frontier,),
        )
        return {str(rule): int(count) for rule, count in rows}

    def waiting_by(self, frontier: int) -> dict[str, int]:
        """Slot to number of waiting requests, most first; counted in the indexes of waiting rows."""
        rows = self._db.read(
            "SELECT s.name, sum(w.number) FROM (SELECT lane, count(*) AS number FROM crawl_requests"
            " WHERE frontier = :frontier AND state = 0 AND not_before = 0 GROUP BY lane UNION ALL"
            " SELECT lane, count(*) FROM crawl_requests WHERE frontier = :frontier AND state = 0 AND not_before > 0"
            " GROUP BY lane) w JOIN crawl_lanes l ON l.id = w.lane JOIN crawl_slots s ON s.id = l.slot"
            " GROUP BY s.id ORDER BY 2 DESC, 1",
            {"frontier": frontier},
        )
        return {str(slot): int(number) for slot, number in rows}

    def failed_errors(self, frontier: int) -> list[str]:
        """All errors of failed requests, each once, most frequent first."""
        rows = self._db.read(
            "SELECT coalesce(error, '') FROM crawl_requests WHERE frontier = ? AND state = 3 AND state >= 3"
            " GROUP BY 1 ORDER BY count(*) DESC",
            (frontier,),
        )
        return [str(error) for (error,) in rows]

    def park(self, frontier: int, *, session: str, why: str = "") -> int:
        """Put the waiting requests of a session aside until a person has dealt with it; `reopen` brings them back."""
        with self._db.write() as raw:
            number = 0
            for moment in ("= 0", "> 0"):  # ready, delayed: an index serves each
                number += raw.execute(
                    f"UPDATE crawl_requests SET state = 5, not_before = 0, error = ? WHERE frontier = ? AND state = 0"
                    f" AND not_before {moment} AND lane IN (SELECT id FROM crawl_lanes WHERE session = ?)",
                    (harmless(why) if why else None, frontier, session),
                ).rowcount
            count(raw, frontier, parked=number, waiting_or_leased=-number)
        return number

    def prove_pages(self, frontier: int, *, ids: Sequence[int], epoch: int) -> None:
        """Record that done pages of *epoch* proved themselves after all: `quarantine` leaves them as they are."""
        with self._db.write() as raw:
            raw.execute(
                "UPDATE crawl_requests SET proven = 1 WHERE frontier = ? AND state = 2 AND proven = 0 AND epoch = ?"
                f" AND id IN ({self._numbers})",
                (frontier, epoch, json.dumps(list(ids))),
            )

    def has_brought(self, frontier: int, *, session: str, since_epoch: int) -> bool:
        """Whether a login of *session* brought a page, that of *since_epoch* or a later one; see `FrontierStore`."""
        condition = (
            "frontier = ? AND state = 2 AND epoch >= ?"
            " AND coalesce(session_name, (SELECT session FROM crawl_lanes WHERE id = lane)) = ?"
        )
        bound = (frontier, since_epoch, session)
        return bool(self._db.read(f"SELECT 1 FROM crawl_requests WHERE {condition} LIMIT 1", bound))

    def prove_frontier(self, frontier: int) -> None:
        """At the end of a crawl: record that all done pages turned out to be certain."""
        with self._db.write() as raw:
            raw.execute(
                "UPDATE crawl_requests SET proven = 1 WHERE frontier = ? AND state = 2 AND proven = 0", (frontier,)
            )

    def known_among(self, frontier: int, marks: Sequence[bytes]) -> set[bytes]:
        """Those of these fingerprints that the frontier has."""
        found: set[bytes] = set()
        for start in range(0, len(marks), _MARKS):
            portion = marks[start : start + _MARKS]
            holes = ",".join("?" * len(portion))
            found.update(
                row[0]
                for row in self._db.read(
                    f"SELECT fingerprint FROM crawl_requests WHERE frontier = ? AND fingerprint IN ({holes})",
                    (frontier, *portion),
                )
            )
        return found

    def urls_of(self, frontier: int, marks: Sequence[bytes]) -> list[str]:
        """The URLs of requests of a frontier, by their fingerprints."""
        holes = ",".join("?" * min(len(marks), _MARKS))
        return [
            row[0]
            for row in self._db.read(
                f"SELECT url FROM crawl_requests WHERE frontier = ? AND fingerprint IN ({holes}) ORDER BY id",
                (frontier, *marks[:_MARKS]),
            )
        ]
