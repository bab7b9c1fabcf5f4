"""Safe names for tables and columns, whatever foreign pages put into the keys of items.

The name in the database is free of quotes, brackets, controls and surrogates, not longer than 60 bytes (PostgreSQL cuts
names after 63) and, as SQLite ignores case in names, unique without regard to case. The registry (`crawl_tables`,
`crawl_columns`) keeps the item's own name, so that rows are read back under it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container

from crawler.stores.rows import escape

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\"'`\\[\\]\\\\;\ud800-\udfff\u2028\u2029]+")
_LONGEST_BYTES = 60
_OURS = ("crawl_", "sqlite_", "latest_")
_RESERVED = """
abort action add after all alter always analyse analyze and anti any array as asc asymmetric attach authorization
autoincrement before begin between binary both by cascade case cast check collate collation column commit
concurrently conflict constraint create cross current current_catalog current_date current_role current_schema
current_time current_timestamp current_user database default deferrable deferred delete desc describe detach
distinct do drop each else end escape except exclude exclusive exists explain fail false fetch filter first
following for foreign freeze from full generated glob grant group groups having if ignore ilike immediate in index
indexed initially inner insert instead intersect into is isnull join key lambda last lateral leading left like limit
localtime localtimestamp match materialized natural no not nothing notnull null nulls of offset on only or order
others outer over overlaps partition pivot placing plan pragma preceding primary qualify query raise range recursive
references regexp reindex release rename replace restrict returning right rollback row rows savepoint select semi
session_user set show similar some summarize symmetric table tablesample temp temporary then ties to trailing
transaction trigger true unbounded union unique unpivot update user using vacuum values variadic verbose view
virtual when where window with within without
"""
#: Names that have to be quoted in a query: keywords of SQLite, and reserved words of PostgreSQL and DuckDB.
#: Source: sqlite.org/lang_keywords.html; PostgreSQL, appendix C.
KEYWORDS = frozenset(_RESERVED.split())


def safe_name(name: str, taken: Container[str], *, fallback: str, longest_bytes: int = _LONGEST_BYTES) -> str:
    """A name for the database.

    Args:
        name: Any text.
        taken: Names in use, lower case.
        fallback: Used where nothing is left of *name*.
    """
    cleaned = _UNSAFE.sub("_", name).strip() or fallback
    encoded = cleaned.encode()
    if len(encoded) > longest_bytes:
        digest = hashlib.sha256(escape(name).encode()).hexdigest()[:8]
        cleaned = f"{encoded[: longest_bytes - 9].decode(errors='ignore')}_{digest}"
    if cleaned.lower().startswith(_OURS):
        cleaned = f"item_{cleaned}"
    candidate, number = cleaned, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{cleaned}_{number}"
    return candidate


def table_name(name: str, taken: Container[str]) -> str:
    """The table for a kind of item: its name, unless a query would have to quote that (``Order``, ``Group``)."""
    return safe_name(f"{name}_items" if name.lower() in KEYWORDS else name, taken, fallback="items")


def view_name(name: str, taken: Container[str]) -> str:
    """The view with the latest items of a kind."""
    longest = _LONGEST_BYTES - len("latest_")
    return f"latest_{safe_name(name, _Behind('latest_', taken), fallback='items', longest_bytes=longest)}"


class _Behind(Container[str]):
    """Names that are taken, for names that get *prefix* in front."""

    def __init__(self, prefix: str, taken: Container[str]) -> None:
        self._prefix, self._taken = prefix, taken

    def __contains__(self, name: object) -> bool:
        return f"{self._prefix}{name}" in self._taken
