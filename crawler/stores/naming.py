"""Safe names for tables and columns, whatever strangers' pages put into the keys of items.

The name in the database is free of quotes, brackets, controls and surrogates, not longer than 60 characters and, as
SQLite compares names without case, unlike all others. The registry (`crawl_tables`, `crawl_columns`) keeps the name
that the item had, so that rows are read back under it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container

from crawler.stores.rows import escape

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\"'`\\[\\]\\\\;\ud800-\udfff\u2028\u2029]+")
_LONGEST = 60
_OURS = ("crawl_", "sqlite_")


def safe_name(name: str, taken: Container[str], *, fallback: str) -> str:
    """A name for the database.

    Args:
        name: Any text.
        taken: Names in use, lower case.
        fallback: Used where nothing is left of *name*.
    """
    cleaned = _UNSAFE.sub("_", name).strip() or fallback
    if len(cleaned) > _LONGEST:
        digest = hashlib.sha256(escape(name).encode()).hexdigest()[:8]
        cleaned = f"{cleaned[: _LONGEST - 9]}_{digest}"
    if cleaned.lower().startswith(_OURS):
        cleaned = f"item_{cleaned}"
    candidate, number = cleaned, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{cleaned}_{number}"
    return candidate
