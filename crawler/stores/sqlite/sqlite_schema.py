"""The version of a SQLite store, and how older files are migrated. The tables are in `sql.table_texts`."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

from crawler.clock import unix_now
from crawler.errors import SchemaTooNew, StoreBusy, StoreDamaged, StoreError
from crawler.stores.sql.table_texts import TABLES, statements
from crawler.stores.sqlite import schema_files, schema_pages, schema_quotas, schema_samples, schema_workers
from crawler.stores.sqlite.schema_records import records_into_old_tables
from crawler.stores.sqlite.sqlite_driver import APPLICATION_ID, SQLiteDriver, copy_database

VERSION = 6


Migration = Callable[[sqlite3.Connection], None]


def _claims_into_session_rows(raw: sqlite3.Connection) -> None:
    """2: the claim on a login is in the row of its session, with a token that grows."""
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
    """4: pages kept for inspection record which fields are filled on them."""
    schema_samples.migrate_fields(raw)


#: Version to the step that leads there from the version before. Steps run inside one transaction.
MIGRATIONS: dict[int, Migration] = {
    2: _claims_into_session_rows,
    3: _pages_records_and_files,
    4: _fields_of_samples,
    5: schema_quotas.migrate,
    6: schema_workers.migrate,
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
    # The file itself now records what it is: should its log be lost, it is an old store, not an empty one
    connection.read("PRAGMA wal_checkpoint(TRUNCATE)")


def _stands_at(connection: SQLiteDriver) -> int:
    version, application = _numbers(connection)
    if application != APPLICATION_ID and (application or version or connection.one("SELECT 1 FROM sqlite_master")):
        version, application = _numbers(connection)  # another process may have made ours between the two looks
        if application != APPLICATION_ID:
            raise StoreError(connection.path, "a database of another program; choose another `store`")
    return version


def version_at(path: str) -> int:
    """The version of the tables in a file; 0 where there is none. Nothing is changed."""
    with closing(sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", uri=True)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def _numbers(connection: SQLiteDriver) -> tuple[int, int]:
    row = connection.one("SELECT user_version, application_id FROM pragma_user_version, pragma_application_id")
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _create(connection: SQLiteDriver, raw: sqlite3.Connection) -> None:
    for statement in statements(TABLES):
        raw.execute(statement)


def _keep_a_copy(connection: SQLiteDriver, version: int) -> None:
    """Copy the file with SQLite's backup before it is changed; an existing copy stays."""
    target = f"{connection.path}.schema-{version}.backup"
    try:
        copy_database(connection, target)
    except StoreError:
        if not os.path.exists(target):
            raise


def check_tables(connection: SQLiteDriver) -> None:
    """Fail now rather than at the first query when the file lacks a table.

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
