"""Result tables in PostgreSQL: typed columns, and a view of the latest items, remade with new columns."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from crawler.stores.driver import Transaction, quoted
from crawler.stores.sql.views import latest_of

_LONGEST_BYTES = 63
_LOCK = 0x4352544C  # "CRTL"; commits run concurrently, and two may bring the first item of a kind
_TYPES = {"TEXT": "text", "INTEGER": "bigint", "REAL": "double precision", "BLOB": "bytea", "ANY": "text"}


class PostgresTables:
    """Makes and widens result tables; see `stores.driver.Tables`."""

    def alone(self, raw: Transaction) -> None:
        raw.execute(f"SELECT pg_advisory_xact_lock({_LOCK}, hashtext(current_schema()))")

    def create(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> None:
        table = quoted(stored_as)
        listed = ", ".join(f"{quoted(column)} {_TYPES[kind]}" for column, kind in columns.items())
        raw.execute(f"CREATE TABLE {table} ({listed})")
        by_request, by_run, by_record = (
            _index(f"crawl_by_{what}_", stored_as) for what in ("request", "run", "record")
        )
        raw.execute(f"CREATE UNIQUE INDEX {by_request} ON {table} (_request, _position)")
        raw.execute(f"CREATE INDEX {by_run} ON {table} (_run)")
        raw.execute(f"CREATE UNIQUE INDEX {by_record} ON {table} (_record) WHERE _record IS NOT NULL")

    def widen(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> None:
        added = [f"ADD COLUMN {quoted(column)} {_TYPES[kind]}" for column, kind in columns.items()]
        self._change(raw, stored_as, ", ".join(added))

    def retype(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> list[str]:
        raw.execute(f"LOCK TABLE {quoted(stored_as)} IN ACCESS EXCLUSIVE MODE")
        empty = [
            column
            for column in columns
            if raw.execute(
                f"SELECT NOT EXISTS (SELECT 1 FROM {quoted(stored_as)} WHERE {quoted(column)} IS NOT NULL)"
            ).fetchone()[0]
        ]
        if empty:  # an empty column replaces the other: no row has to be rewritten
            dropped = [f"DROP COLUMN {quoted(column)}" for column in empty]
            added = [f"ADD COLUMN {quoted(column)} {_TYPES[columns[column]]}" for column in empty]
            self._change(raw, stored_as, ", ".join(dropped), ", ".join(added))
        return empty

    def _change(self, raw: Transaction, stored_as: str, *changes: str) -> None:
        """Alter a table beneath its view, which is remade."""
        views = raw.execute(
            "SELECT DISTINCT view_name FROM information_schema.view_table_usage WHERE table_schema = current_schema()"
            " AND view_schema = current_schema() AND table_name = ? AND view_name LIKE 'latest\\_%'",
            (stored_as,),
        ).fetchall()
        for (view,) in views:
            raw.execute(f"DROP VIEW {quoted(view)}")
        for change in changes:
            raw.execute(f"ALTER TABLE {quoted(stored_as)} {change}")
        for (view,) in views:
            raw.execute(f"CREATE VIEW {quoted(view)} AS {latest_of(stored_as)}")


def _index(beginning: str, stored_as: str) -> str:
    """A name for an index: PostgreSQL cuts names after 63 bytes, and indexes share a namespace with tables."""
    name = beginning + stored_as
    if len(name.encode()) > _LONGEST_BYTES:
        name = beginning + hashlib.sha256(stored_as.encode()).hexdigest()[:24]
    return quoted(name)
