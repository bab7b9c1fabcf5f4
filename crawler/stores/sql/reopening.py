"""Requests that wait again after they were done, failed or put aside: what they had brought is taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence

from crawler.outcome import State
from crawler.stores.driver import Driver, Transaction
from crawler.stores.rows import FETCHED_AGAIN
from crawler.stores.sql.file_rows import FileRows
from crawler.stores.sql.found_rows import count
from crawler.stores.sql.taking_back import TakingBack


class Reopening:
    """Undoes what pages have brought, in the transaction in which they wait again."""

    def __init__(self, driver: Driver, taking_back: TakingBack, files: FileRows) -> None:
        self._db, self._taking_back, self._files = driver, taking_back, files
        self._texts = driver.dialect.texts()

    def reopen(
        self,
        frontier: int,
        *,
        states: Sequence[int],
        session: str | None = None,
        errors: Sequence[str] | None = None,
    ) -> int:
        """Put failed, skipped or parked requests back to waiting, with their attempts reset.

        What their last try had stored is removed in the same transaction.
        """
        wanted = sorted({int(state) for state in states} & {State.DONE, State.FAILED, State.SKIPPED, State.PARKED})
        condition = "frontier = ? AND state = ?"
        extra: tuple[object, ...] = ()
        if session is not None:
            condition += " AND lane IN (SELECT id FROM crawl_lanes WHERE session = ?)"
            extra = (session,)
        if errors is not None:
            condition += f" AND coalesce(error, '') IN ({self._texts})"
            extra += (json.dumps(list(errors)),)
        reopened = 0
        with self._db.write() as raw:
            for state in wanted:
                sure = condition + (" AND state >= 3" if state >= 3 else "")  # lets the partial index be used
                reopened += self._reopen(raw, frontier, State(state), sure, (frontier, state, *extra))
        return reopened

    def quarantine(self, frontier: int, *, session: str, epoch: int, since: float) -> int:
        """Reopen done pages of *session* sent at or after *since* in *epoch* that did not prove themselves.

        Their items are removed in the same transaction and come back when the page is fetched again.
        """
        condition = (
            "frontier = ? AND state = 2 AND proven = 0 AND sent_at >= ? AND epoch = ?"
            " AND coalesce(session_name, (SELECT session FROM crawl_lanes WHERE id = lane)) = ?"
        )
        with self._db.write() as raw:
            return self._reopen(raw, frontier, State.DONE, condition, (frontier, since, epoch, session))

    def rebuild(self, frontier: int, *, errors: Sequence[str]) -> int:
        """Reopen the done pages on which requests were found that failed with one of *errors*, and forget those.

        The callback of such a page gives them anew. Returns how many pages wait again.
        """
        failed = f"frontier = ? AND state = 3 AND parent > 0 AND coalesce(error, '') IN ({self._texts})"
        values = (frontier, json.dumps(list(errors)))
        above = f"frontier = ? AND state = 2 AND id IN (SELECT parent FROM crawl_requests WHERE {failed})"
        below = f"{failed} AND parent IN (SELECT id FROM crawl_requests WHERE frontier = ? AND state = 0)"
        with self._db.write() as raw:
            pages = self._reopen(raw, frontier, State.DONE, above, (frontier, *values))
            removed = self._taking_back.remove(raw, below, (*values, frontier))
            self._files.remove(raw, below, (*values, frontier))
            gone = raw.execute(f"DELETE FROM crawl_requests WHERE {below}", (*values, frontier)).rowcount
            count(raw, frontier, failed=-gone, items=-removed)
        return pages

    def _reopen(
        self, raw: Transaction, frontier: int, state: State, condition: str, parameters: Sequence[object]
    ) -> int:
        removed = self._taking_back.remove(raw, condition, parameters)
        self._files.remove(raw, condition, parameters)
        number = raw.execute(
            "UPDATE crawl_requests SET state = 0, attempt = 0, not_before = 0, owner = 0, error = NULL,"
            f" rule = CASE WHEN state = 2 OR rule = ? THEN ? END WHERE {condition}",
            (FETCHED_AGAIN, FETCHED_AGAIN, *parameters),
        ).rowcount
        count(raw, frontier, **{state.name.lower(): -number, "waiting_or_leased": number, "items": -removed})
        return number
