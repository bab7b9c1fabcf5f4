"""What holds an old snapshot of the database: while one is held, no vacuum may remove rows that died since.

A report in a forgotten transaction, a dump, an unread replication slot: dead rows then pile up in the indexes by which
requests are claimed. `sql.lease_memory` keeps claims fast for a while; a person has to end the cause.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger("crawler.stores")
WARN_S = 300.0
_AGAIN_S = 3600.0

#: Holder, what it is, for how many seconds, and what ends it; the oldest first.
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
    """Warns about an old snapshot, at most once an hour."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def look(self, read: Callable[[str], list[tuple[Any, ...]]]) -> None:
        """Find out what holds one, with *read*."""
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
