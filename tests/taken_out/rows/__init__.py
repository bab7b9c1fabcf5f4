"""The entries of all rows, and what has none with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.taken_out.entries import Entry
from tests.taken_out.rows import (
    accounts,
    archives,
    customers,
    documented,
    evidence,
    first_hours,
    fleets,
    formats,
    forms,
    honest,
    hostile,
    nights,
    pages,
    ported,
    scrapy_users,
    sessions,
    supplier_portals,
    told,
)

ENTRIES: Final[tuple[Entry, ...]] = (
    *forms.ENTRIES,
    *documented.ENTRIES,
    *pages.ENTRIES,
    *honest.ENTRIES,
    *accounts.ENTRIES,
    *sessions.ENTRIES,
    *evidence.ENTRIES,
    *told.ENTRIES,
    *formats.ENTRIES,
    *hostile.ENTRIES,
    *first_hours.ENTRIES,
    *ported.ENTRIES,
    *nights.ENTRIES,
    *scrapy_users.ENTRIES,
    *supplier_portals.ENTRIES,
    *fleets.ENTRIES,
    *archives.ENTRIES,
    *customers.ENTRIES,
)

#: situation of a row, or a test of one: why no mend is taken out for it
WITHOUT: Final[Mapping[str, str]] = {}
