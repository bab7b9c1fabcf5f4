"""Result tables in SQLite: plain SQL, so that any tool reads them while a crawl runs."""

from __future__ import annotations

from collections.abc import Mapping

from crawler.stores.driver import Transaction, quoted
from crawler.stores.sql.views import make_record_index


class SQLiteTables:
    """Makes and widens result tables; see `stores.driver.Tables`."""

    def alone(self, raw: Transaction) -> None:
        """A writer is alone anyway."""

    def create(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> None:
        table = quoted(stored_as)
        listed = ",\n   ".join(f"{quoted(column)} {_type(kind)}" for column, kind in columns.items())
        raw.execute(f"CREATE TABLE {table} (\n   {listed}\n)")
        by_request, by_run = quoted(f"crawl_by_request_{stored_as}"), quoted(f"crawl_by_run_{stored_as}")
        raw.execute(f'CREATE UNIQUE INDEX {by_request} ON {table} ("_request", "_position")')
        raw.execute(f'CREATE INDEX {by_run} ON {table} ("_run")')
        make_record_index(raw, stored_as)

    def widen(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> None:
        for column, kind in columns.items():
            raw.execute(f"ALTER TABLE {quoted(stored_as)} ADD COLUMN {quoted(column)} {_type(kind)}")

    def retype(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> list[str]:
        return []


def _type(kind: str) -> str:
    return "BLOB" if kind == "ANY" else kind  # the declared type BLOB converts nothing
