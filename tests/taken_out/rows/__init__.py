"""The entries of all rows, and what has none with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.taken_out.entries import Entry
from tests.taken_out.rows import documented, forms

ENTRIES: Final[tuple[Entry, ...]] = (*forms.ENTRIES, *documented.ENTRIES)

#: situation of a row, or a test of one: why no mend is taken out for it
WITHOUT: Final[Mapping[str, str]] = {}
