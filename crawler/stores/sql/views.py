"""The views `latest_<table>`: the query that a person tries first, without rows of older crawls."""

from __future__ import annotations

from collections.abc import Set

from crawler.stores.driver import Transaction, quoted
from crawler.stores.naming import view_name
from crawler.stores.rows import unescape


def make_latest_view(raw: Transaction, name: str, stored_as: str, taken: Set[str]) -> None:
    """Inside a transaction: the view for a result table.

    It shows existing records, and, of items without a key, those of each spider's newest crawl.

    Args:
        name: Of the kind of item, as the registry has it.
        stored_as: Its table.
        taken: Names in use, lower case.
    """
    view = quoted(view_name(unescape(name), taken))
    raw.execute(f"CREATE VIEW {view} AS {latest_of(stored_as)}")


def latest_of(stored_as: str) -> str:
    """The query of such a view."""
    table = quoted(stored_as)
    return (
        f"SELECT * FROM {table} WHERE _record IS NULL AND _run IN (SELECT id FROM crawl_runs"
        " WHERE frontier IN (SELECT frontier FROM crawl_runs WHERE id IN (SELECT max(id) FROM crawl_runs"
        " GROUP BY spider)))"
        f" UNION ALL SELECT * FROM {table} WHERE _record IS NOT NULL AND _gone IS NULL"
    )


def make_record_index(raw: Transaction, stored_as: str) -> None:
    """Inside a transaction: one row per record in a result table."""
    index, table = (f'"{each}"' for each in (f"crawl_by_record_{stored_as}".replace('"', '""'), stored_as))
    raw.execute(f"CREATE UNIQUE INDEX {index} ON {table} (_record) WHERE _record IS NOT NULL")
