"""Who holds an old snapshot of the database: while one is held no vacuum may remove a row that died since.

A report in a transaction that somebody forgot, a dump, a replication slot that nobody reads: dead rows pile up then in
the indexes by which requests are claimed. `sql.lease_memory` keeps claims fast for a while; somebody has to end it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger("crawler.stores")
WARN_S = 300.0
_AGAIN_S = 3600.0

#: Who, what, since how many seconds, and what ends it; the oldest first.
HELD = """
SELECT 'process ' || pid,
       coalesce(nullif(application_name, ''), 'without a name') || ', ' || coalesce(state, 'unknown'),
       extract(epoch FROM clock_timestamp() - coalesce(xact_start, clock_timestamp()))::double precision,
       'SELECT pg_terminate_backend(' || pid || ')'
FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'
UNION ALL
SELECT 'prepared transaction ' || gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::double precision,
       'ROLLBACK PREPARED ' || quote_literal(gid) FROM pg_prepared_xacts WHERE database = current_database()
UNION ALL
SELECT 'replication slot ' || slot_name, 'not in use', 1e9::double precision,
       'SELECT pg_drop_replication_slot(' || quote_literal(slot_name) || ')'
FROM pg_replication_slots WHERE NOT active AND xmin IS NOT NULL
ORDER BY 3 DESC"""


class SnapshotWatch:
    """Warns of an old snapshot, once an hour at most."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def look(self, read: Callable[[str], list[tuple[Any, ...]]]) -> None:
        """Ask who holds one, by *read*."""
        if time.monotonic() < self._quiet_until:
            return
        for who, what, age_s, _ in read(HELD)[:1]:
            if age_s >= WARN_S:
                self._quiet_until = time.monotonic() + _AGAIN_S
                log.warning(
                    "%s (%s) has held an old snapshot of the database for %.0f minutes: dead rows cannot be removed,"
                    " and crawls become slow; `crawl store doctor` says what ends it",
                    who,
                    what,
                    age_s / 60,
                )
