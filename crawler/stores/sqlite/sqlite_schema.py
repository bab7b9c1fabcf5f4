"""The tables of a SQLite store, their version, and how older files become newer ones.

Our tables begin with ``crawl_``; everything else in the file is results. Times are seconds since 1970.

`crawl_requests` is the frontier. A row's life: ready (state 0, not_before 0) or delayed (state 0, not_before > 0),
leased (1), then done (2), failed (3), skipped (4) or parked (5). One partial index serves each of these, so that no
question ever walks over the finished rows. A *lane* is one slot with one session: the unit of fair sharing and of
leaving sessions out. `lease_until` and `sent_at` hold the time of discovery until they get their own value: a row that
does not grow is rewritten in place. `parent` is the request on whose page it was found first.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable

from crawler.clock import unix_now
from crawler.errors import SchemaTooNew, StoreBusy, StoreDamaged, StoreError
from crawler.stores.sqlite import schema_files, schema_pages, schema_quotas, schema_samples
from crawler.stores.sqlite.schema_records import RECORD_TABLES, records_into_old_tables
from crawler.stores.sqlite.sqlite_driver import APPLICATION_ID, SQLiteDriver, copy_database

VERSION = 5

TABLES = (
    """
CREATE TABLE crawl_frontiers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    args TEXT NOT NULL,
    created_at REAL NOT NULL,
    pruned INTEGER NOT NULL DEFAULT 0,
    waiting_or_leased INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    parked INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    items INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX crawl_frontiers_by_spider ON crawl_frontiers (spider, id);

CREATE TABLE crawl_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    frontier INTEGER NOT NULL REFERENCES crawl_frontiers (id),
    resumed INTEGER NOT NULL,
    started_at REAL NOT NULL,
    args TEXT NOT NULL DEFAULT '{}',
    ended_at REAL,
    ending TEXT NOT NULL DEFAULT '',
    exit_code INTEGER,
    summary TEXT NOT NULL DEFAULT '{}',
    process TEXT NOT NULL DEFAULT ''
);
CREATE INDEX crawl_runs_by_spider ON crawl_runs (spider, id);
CREATE INDEX crawl_runs_by_frontier ON crawl_runs (frontier, id);

CREATE TABLE crawl_slots (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next_at REAL NOT NULL DEFAULT 0,
    paused_until REAL NOT NULL DEFAULT 0
);
CREATE TABLE crawl_lanes (
    id INTEGER PRIMARY KEY,
    slot INTEGER NOT NULL REFERENCES crawl_slots (id),
    session TEXT NOT NULL,
    UNIQUE (slot, session)
);
CREATE TABLE crawl_owners (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE crawl_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    frontier INTEGER NOT NULL REFERENCES crawl_frontiers (id),
    fingerprint BLOB NOT NULL,
    url TEXT NOT NULL,
    lane INTEGER NOT NULL REFERENCES crawl_lanes (id),
    callback TEXT NOT NULL,
    priority INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    owner INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    lease_until REAL NOT NULL,
    sent_at REAL NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    proven INTEGER NOT NULL DEFAULT 1,
    session_name TEXT,
    error TEXT,
    rule TEXT,
    extras BLOB,
    parent INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX crawl_requests_known ON crawl_requests (frontier, fingerprint);
CREATE INDEX crawl_requests_ready ON crawl_requests (frontier, lane, priority DESC) WHERE state = 0 AND not_before = 0;
CREATE INDEX crawl_requests_delayed ON crawl_requests (frontier, not_before) WHERE state = 0 AND not_before > 0;
CREATE INDEX crawl_requests_leased ON crawl_requests (frontier, lease_until) WHERE state = 1;
CREATE INDEX crawl_requests_suspect ON crawl_requests (frontier, sent_at) WHERE state = 2 AND proven = 0;
CREATE INDEX crawl_requests_ended ON crawl_requests (frontier, state) WHERE state >= 3;

CREATE TABLE crawl_pages (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES crawl_runs (id),
    request INTEGER NOT NULL,
    url TEXT NOT NULL,
    final_url TEXT,
    verdict TEXT NOT NULL,
    status INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    ms REAL NOT NULL,
    session TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    error TEXT,
    warnings TEXT,
    at REAL NOT NULL
);

CREATE TABLE crawl_sessions (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    secret BLOB NOT NULL,
    cookies INTEGER NOT NULL,
    url TEXT NOT NULL,
    saved_at REAL NOT NULL,
    expires_at REAL,
    proved_at REAL,
    logged_in_at REAL,
    login_owner TEXT NOT NULL DEFAULT '',
    login_token INTEGER NOT NULL DEFAULT 0,
    login_until REAL NOT NULL DEFAULT 0
);
CREATE TABLE crawl_session_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    at REAL NOT NULL,
    url TEXT NOT NULL,
    run INTEGER,
    epoch INTEGER NOT NULL,
    cookies INTEGER NOT NULL,
    secret BLOB NOT NULL
);
CREATE INDEX crawl_session_history_by_key ON crawl_session_history (key, id);

CREATE TABLE crawl_logins (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    owner TEXT NOT NULL,
    run INTEGER,
    epoch INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT NOT NULL DEFAULT '',
    expired_at REAL
);
CREATE INDEX crawl_logins_by_key ON crawl_logins (key, id);

CREATE TABLE crawl_values (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at REAL
);

CREATE TABLE crawl_tables (
    name TEXT PRIMARY KEY,
    stored_as TEXT NOT NULL UNIQUE
);
CREATE TABLE crawl_columns (
    stored_in TEXT NOT NULL,
    field TEXT NOT NULL,
    stored_as TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (stored_in, field)
);

CREATE VIEW crawl_urls AS
    SELECT r.id, r.frontier, r.url, s.name AS slot, l.session, r.callback, r.priority, r.depth,
           CASE r.state WHEN 0 THEN 'waiting' WHEN 1 THEN 'leased' WHEN 2 THEN 'done' WHEN 3 THEN 'failed'
                        WHEN 4 THEN 'skipped' ELSE 'parked' END AS state,
           r.attempt, r.error, r.rule
    FROM crawl_requests r JOIN crawl_lanes l ON l.id = r.lane JOIN crawl_slots s ON s.id = l.slot;
"""
    + schema_pages.TABLES
    + RECORD_TABLES
    + schema_files.TABLES
    + schema_samples.TABLES
    + schema_quotas.TABLES
)

Migration = Callable[[sqlite3.Connection], None]


def _claims_into_session_rows(raw: sqlite3.Connection) -> None:
    """2: the claim on a login stands in the row of its session, with a token that grows."""
    for column in ("login_owner TEXT NOT NULL DEFAULT ''", "login_token INTEGER NOT NULL DEFAULT 0"):
        raw.execute(f"ALTER TABLE crawl_sessions ADD COLUMN {column}")
    raw.execute("ALTER TABLE crawl_sessions ADD COLUMN login_until REAL NOT NULL DEFAULT 0")
    raw.execute(
        "INSERT INTO crawl_sessions (key, name, state, epoch, version, secret, cookies, url, saved_at,"
        " login_owner, login_token, login_until)"
        " SELECT key, '', 'unproven', 0, 0, x'', 0, '', 0, owner, login, until FROM crawl_login_claims WHERE true"
        " ON CONFLICT (key) DO UPDATE SET login_owner = excluded.login_owner, login_token = excluded.login_token,"
        " login_until = excluded.login_until"
    )
    raw.execute("DROP TABLE crawl_login_claims")


def _pages_records_and_files(raw: sqlite3.Connection) -> None:
    """3: visits and kept pages; records and their changes; files."""
    schema_pages.migrate(raw)
    records_into_old_tables(raw)
    schema_files.migrate(raw)
    schema_samples.migrate(raw)


def _fields_of_samples(raw: sqlite3.Connection) -> None:
    """4: pages that are kept to look at say which fields are filled on them."""
    schema_samples.migrate_fields(raw)


#: Version to the step that leads there from the version before. Steps run inside one transaction.
MIGRATIONS: dict[int, Migration] = {
    2: _claims_into_session_rows,
    3: _pages_records_and_files,
    4: _fields_of_samples,
    5: schema_quotas.migrate,
}


def prepare(connection: SQLiteDriver) -> None:
    """Make the tables of a new file, or bring an older one forward. Two processes may do so at once: one does it.

    Raises:
        SchemaTooNew: A newer version of this program wrote it; it is left untouched.
        StoreDamaged: The file is a database without our tables.
    """
    before = _stands_at(connection)
    if before > VERSION:
        raise SchemaTooNew(connection.path, f"written by a newer version (schema {before}, this one knows {VERSION})")
    connection.configure()
    if before == VERSION:
        return
    if before:
        _keep_a_copy(connection, before)
    with connection.write() as raw:
        before = _stands_at(connection)  # another process may have been quicker
        if before == VERSION:
            return
        if before == 0:
            _create(connection, raw)
        for version in range(max(before, 1) + 1, VERSION + 1) if before else ():
            MIGRATIONS[version](raw)
        raw.execute(f"PRAGMA user_version = {VERSION}")
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    # The file itself now knows what it is: should its log be lost, it is an old store, not an empty one
    connection.read("PRAGMA wal_checkpoint(TRUNCATE)")


def _stands_at(connection: SQLiteDriver) -> int:
    version, application = _numbers(connection)
    if application != APPLICATION_ID and (application or version or connection.one("SELECT 1 FROM sqlite_master")):
        version, application = _numbers(connection)  # another process may have made ours between the two looks
        if application != APPLICATION_ID:
            raise StoreError(connection.path, "a database of another program; choose another `store`")
    return version


def _numbers(connection: SQLiteDriver) -> tuple[int, int]:
    row = connection.one("SELECT user_version, application_id FROM pragma_user_version, pragma_application_id")
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _create(connection: SQLiteDriver, raw: sqlite3.Connection) -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            raw.execute(statement)


def _keep_a_copy(connection: SQLiteDriver, version: int) -> None:
    """Copy the file by SQLite's backup before it is changed; a copy that is there already stays."""
    target = f"{connection.path}.schema-{version}.backup"
    try:
        copy_database(connection, target)
    except StoreError:
        if not os.path.exists(target):
            raise


def check_tables(connection: SQLiteDriver) -> None:
    """Fail now rather than at the first question when the file lacks a table.

    Raises:
        StoreDamaged: A table of ours is missing.
    """
    names = {row[0] for row in connection.read("SELECT name FROM sqlite_master WHERE type = 'table'")}
    missing = sorted(set(re.findall(r"CREATE TABLE (\w+)", TABLES)) - names)
    if missing:
        raise StoreDamaged(connection.path, f"tables are missing ({', '.join(missing)}); see `crawl doctor`")


def check(connection: SQLiteDriver) -> None:
    """Fail now rather than at the first page when the file cannot be written or lacks a table.

    A file that another process is writing to at this moment can be written: we do not wait for it.

    Raises:
        StoreReadOnly: File or folder cannot be written.
        StoreDamaged: A table of ours is missing.
    """
    check_tables(connection)
    patience_s, connection.busy_timeout_s = connection.busy_timeout_s, 0.0
    (before_ms,) = connection.read("PRAGMA busy_timeout")[0]
    connection.read("PRAGMA busy_timeout = 0")
    try:
        with connection.write() as raw:
            raw.execute("DELETE FROM crawl_values WHERE expires_at < ?", (unix_now() - 86_400,))
            raw.execute(f"PRAGMA user_version = {VERSION}")  # writes a page even when nothing was deleted
    except StoreBusy:
        pass
    finally:
        connection.busy_timeout_s = patience_s
        connection.read(f"PRAGMA busy_timeout = {before_ms}")
