"""How the tables of an older version become those of this one.

Each step has a number, and all missing ones are one transaction, alone in the store. A step waits no more than
`_PATIENCE_S` for a lock: waiting for one on a whole table holds up everything that comes after. It is retried until
`busy_timeout` is over. While a process of the older version is at work nothing is changed under it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from crawler.errors import StoreBusy, StoreError
from crawler.stores.driver import Transaction
from crawler.stores.postgres.postgres_driver import PostgresDriver
from crawler.stores.postgres.postgres_line import waits
from crawler.stores.postgres.postgres_members import at_work
from crawler.stores.postgres.postgres_table_texts import AUTOVACUUM, KNOWN, READY
from crawler.stores.sql.table_texts import statements
from crawler.stores.sql.worker_tables import SHARED_COLUMNS, SHARED_INDEX, WORKERS

_PATIENCE_S = 3.0

#: What the processes of a run share.
_SHARED = (
    ";\n".join([*SHARED_COLUMNS, SHARED_INDEX, *statements(WORKERS)])
    .replace(" INTEGER ", " BIGINT ")
    .replace(" REAL ", " DOUBLE PRECISION ")
)

#: Version to the statements that lead there from the version before.
MIGRATIONS: Mapping[int, str] = {
    2: f"DROP INDEX crawl_requests_ready;\n{READY};\n{AUTOVACUUM}",
    3: _SHARED,
    4: f"DROP INDEX crawl_requests_known;\n{KNOWN};\n",
}
VERSION = 1 + len(MIGRATIONS)


def migrate(driver: PostgresDriver) -> None:
    """Bring the tables to this version; several processes may do so at once: one does it.

    Raises:
        StoreBusy: Others hold the tables for longer than `busy_timeout`.
        StoreError: Processes of the older version are at work, or a step failed; nothing was changed.
    """
    patience_s, deadline = driver.line.busy_timeout_s, time.monotonic() + driver.line.busy_timeout_s
    try:
        for wait_s in waits():
            driver.line.busy_timeout_s = min(patience_s, _PATIENCE_S)
            try:
                with driver.write() as raw:
                    _step_by_step(driver, raw)
                return
            except StoreBusy:
                if time.monotonic() + wait_s > deadline:
                    raise
                time.sleep(wait_s)
    finally:
        driver.line.busy_timeout_s = patience_s


def _step_by_step(driver: PostgresDriver, raw: Transaction) -> None:
    (found,) = raw.execute("SELECT max(version) FROM crawl_schema").fetchone()  # another process may have been quicker
    if found >= VERSION:
        return
    if at_work(raw, driver.now()):
        raise StoreError(
            driver.place,
            f"is of an older version (schema {found}, this one makes {VERSION}) and crawls are at work in it: end them,"
            " or wait 90 s after one was killed, then `crawl store migrate`",
        )
    for version in range(found + 1, VERSION + 1):
        for statement in statements(MIGRATIONS[version]):
            raw.execute(statement)
    raw.execute("UPDATE crawl_schema SET version = ?", (VERSION,))
