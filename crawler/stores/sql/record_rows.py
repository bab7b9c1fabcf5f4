"""Writing records: what pages list is compared with what the store holds, in the page's transaction.

A page that lists what it listed before, and says the same about it, costs two reads and no write. See `table_texts` for
what the tables mean, `crawler.records` for what is decided, `gone_records` for the end of a crawl.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from crawler.outcome import ItemRow, Outcome
from crawler.quick_dataclass import quick_dataclass
from crawler.records import differing
from crawler.stores.base import RunRow
from crawler.stores.driver import Driver, Transaction, quoted
from crawler.stores.rows import escape, unescape
from crawler.stores.sql.item_rows import Address, ItemRows, Plan, fields_of, noted
from crawler.stores.sql.item_tables import HIDDEN, OURS, ItemTables
from crawler.stores.sql.sighting_rows import ListingPage, Said, SightingRows

Noted = dict[str, Any]  #: field to its value in the form of `noted`; without fields that are None


@quick_dataclass(frozen=False)
class KeptRecord:
    """A row of `crawl_records`."""

    id: int
    hash: bytes
    gone: int | None


class RecordRows:
    """Writing records."""

    def __init__(self, driver: Driver, tables: ItemTables, items: ItemRows, sightings: SightingRows) -> None:
        self._db, self._tables, self._items, self._sightings = driver, tables, items, sightings
        self._numbers, dialect = driver.dialect.numbers(), driver.dialect
        held = dialect.for_change
        self._held = f"SELECT hash, gone FROM crawl_records WHERE id = ?{held}" if held else ""
        self._named = (
            f"SELECT r.id FROM {dialect.rows({'name': 'text', 'key': 'text'})} j JOIN crawl_record_kinds k"
            " ON k.spider = ? AND k.name = j.name JOIN crawl_records r ON r.kind = k.id AND r.key = j.key"
        )
        self._keyed_rows = (
            f"SELECT r.id, r.kind, r.key, r.hash, r.gone FROM {dialect.rows({'kind': 'integer', 'key': 'text'})} j"
            " JOIN crawl_records r ON r.kind = j.kind AND r.key = j.key"
        )
        self._kinds: dict[tuple[str, str], int] = {}
        self._record_heads: dict[str, tuple[str, str]] = {}
        self._without_records = 0  # the crawl whose spider had none when it began: what it does not list is no news
        driver.on_rollback.append(self._kinds.clear)

    # --- a group of pages -----------------------------------------------------------------------------------------
    def write(self, raw: Transaction, run: RunRow, now: float, ended: Sequence[Outcome]) -> int:
        """Inside a transaction: bring records up to what these pages say. Returns how many they list."""
        keyed = [item for one in ended for item in one.items if item.key]
        if not keyed and self._without_records == run.frontier:
            return 0
        scope = self._sightings.scope(raw, run.spider, run.args, make=bool(keyed))
        if scope is None:
            self._without_records = run.frontier
            return 0
        known = self._known_records(raw, run.spider, keyed)
        for table, fields in {(item.table, tuple(item.fields)) for item in keyed}:
            self._items.note_fields(raw, (run.spider, run.id), table, fields)
        pages = self._sightings.listing_pages(raw, scope, ended)
        listed = 0
        for one in ended:
            said = Said(raw, run, now, one.request.id, one.final_url or one.request.url)
            page = pages.get(one.request.id)
            seen = {self._meet(said, page, item, known) for item in _merged(one.items)}
            if page is not None:
                seen |= self._rejected_records(raw, run.spider, one)
                listed += len(seen & page.sightings.keys()) + self._drop(said, page, seen)
        return listed

    def _meet(
        self, said: Said, page: ListingPage | None, item: ItemRow, known: dict[tuple[int, str], KeptRecord]
    ) -> int:
        """A page lists *item*. Returns the number of its record."""
        kind = self._record_kind(said.raw, said.run.spider, item.table, item.fields)
        record = known.get((kind, item.key))
        new = _noted_fields(item.fields)
        mark = _mark(new)
        if record is None:
            record = known[kind, item.key] = self._make_record(said, kind, item, mark)
        elif record.gone is not None or not (
            record.hash == mark or (page is not None and page.said(record.id) == mark)
        ):
            record.hash, record.gone = self._hold(said.raw, record.id) or (record.hash, record.gone)
            self._compare(said, page, item, record)
            said.raw.execute("UPDATE crawl_records SET hash = ?, gone = NULL WHERE id = ?", (mark, record.id))
            record.hash, record.gone = mark, None
        if page is not None:
            self._sightings.sight(said, page, record.id, (mark, self._sightings.shape(said.raw, item.fields), False))
        return record.id

    def _hold(self, raw: Transaction, record: int) -> tuple[bytes, int | None] | None:
        """Lock a record until the end of the transaction. Returns its hash and whether it is gone, as of now.

        None where writers are alone: it is as it was read.
        """
        found: tuple[bytes, int | None] | None = None
        if self._held:
            found = raw.execute(self._held, (record,)).fetchone()
        return found

    def _make_record(self, said: Said, kind: int, item: ItemRow, mark: bytes) -> KeptRecord:
        (number,) = said.raw.execute(
            "INSERT INTO crawl_records (kind, key, hash) VALUES (?, ?, ?) RETURNING id", (kind, item.key, mark)
        ).fetchone()
        self._put(said, item.table, number, item.fields)
        self._note_change(said, number, "new", None)
        return KeptRecord(number, mark, None)

    def _compare(self, said: Said, page: ListingPage | None, item: ItemRow, record: KeptRecord) -> None:
        """Write what differs. A field that the item lacks is kept where another page gives it, and None otherwise."""
        fields = self.fields(item.table, record.id)
        given_elsewhere = self._sightings.fields_given(said.raw, record.id, but=page.id if page is not None else 0)
        lacking = {
            name: None
            for name, value in fields.items()
            if value is not None and name not in item.fields and escape(name) not in given_elsewhere
        }
        new = _noted_fields(item.fields)
        changed = differing(_noted_fields(fields), {name: new.get(name) for name in item.fields} | lacking)
        back = record.gone is not None
        if changed or back:
            self._put(said, item.table, record.id, {**fields, **item.fields, **lacking})
            self._note_change(said, record.id, "back" if back else "changed", changed)

    def _drop(self, said: Said, page: ListingPage, seen: set[int]) -> int:
        """Drop records that the page no longer lists. Returns how many count as listed although not yielded."""
        missing = [record for record, (_, _, dropped) in page.sightings.items() if record not in seen and not dropped]
        if page.partial or page.outcome.unchanged is not None:
            return len(missing)
        if missing:
            said.raw.execute(
                f"UPDATE crawl_sightings SET dropped = 1 WHERE page = ? AND record IN ({self._numbers})",
                (page.id, json.dumps(missing)),
            )
            for record in missing:
                self.clear_fields(said, record, page.sightings[record][1])
        return 0

    def clear_fields(self, said: Said, record: int, shape: int) -> None:
        """A page of *shape* no longer lists a record: fields that only it gave become None, if others still list it."""
        self._hold(said.raw, record)
        given = self._sightings.fields_given(said.raw, record)
        if not given:
            return
        (text,) = said.raw.execute("SELECT fields FROM crawl_shapes WHERE id = ?", (shape,)).fetchone()
        alone = set(json.loads(text)) - given
        if not alone:
            return
        table = self.table_of(said.raw, record)
        fields = self.fields(table, record)
        lacking = {name: None for name, value in fields.items() if escape(name) in alone and value is not None}
        changed = differing(_noted_fields(fields), lacking)
        if changed:
            self._put(said, table, record, fields | lacking)
            self._note_change(said, record, "changed", changed)
            said.raw.execute("UPDATE crawl_records SET hash = ? WHERE id = ?", (b"", record))

    def _rejected_records(self, raw: Transaction, spider: str, one: Outcome) -> set[int]:
        """Records that a page lists in things kept aside: they still exist, as they were."""
        pairs = [[escape(each.kind), each.key] for each in one.rejected if each.key]
        if not pairs:
            return set()
        rows = raw.execute(
            self._named,
            (json.dumps(pairs), spider),
        ).fetchall()
        return {number for (number,) in rows}

    # --- rows -----------------------------------------------------------------------------------------------------
    def _put(self, said: Said, table: str, record: int, fields: Mapping[str, Any]) -> None:
        """Write the row for this run: fields kept from earlier runs count as given, like those the run gave itself."""
        self.write_row(said.raw, table, said.address(record), fields)
        filled = [name for name, value in fields.items() if value is not None]
        self._items.note_fields(said.raw, (said.run.spider, said.run.id), table, filled)

    def write_row(self, raw: Transaction, table: str, address: Address, fields: Mapping[str, Any]) -> None:
        """Create the record's row in its result table, or update it to *fields*; the record exists (again)."""
        shape = (table, tuple(fields))
        plan = self._items.plan(raw, shape, dict(fields))
        row = [*self._items.bound(plan, address, dict(fields)), -address[4]]
        self._items.insert(raw, self._keyed(raw, plan, table), [row])

    def _keyed(self, raw: Transaction, plan: Plan, table: str) -> Plan:
        known = self._record_heads.get(plan.head)
        if known is None:
            stored_as = self._tables.table(raw, table, {}).stored_as
            columns = [*OURS, *HIDDEN, *plan.names]
            sets = ", ".join(f"{name} = excluded.{name}" for name in map(quoted, columns))
            known = (
                f"INSERT INTO {quoted(stored_as)} ({', '.join(map(quoted, [*columns, '_record']))}) ",
                f" ON CONFLICT (_record) WHERE _record IS NOT NULL DO UPDATE SET {sets}, _gone = NULL",
            )
            if len(self._record_heads) > 500:
                self._record_heads.clear()
            self._record_heads[plan.head] = known
        return replace(plan, head=known[0], tail=known[1], types=[*plan.types, "integer"])

    def fields(self, table: str, record: int) -> dict[str, Any]:
        """The fields of a record as they were yielded; those that it lacks are None."""
        known = self._tables.get(table)
        if known is None:
            return {}
        decoded = [(field, column, kind) for field, (column, kind) in known.columns.items()]
        columns = ", ".join(map(quoted, [*HIDDEN, *(column for _, column, _ in decoded)]))
        row = self._db.one(f"SELECT {columns} FROM {quoted(known.stored_as)} WHERE _record = ?", (record,))
        return fields_of(row, decoded) if row is not None else {}

    # --- small things ---------------------------------------------------------------------------------------------
    def _note_change(self, said: Said, record: int, kind: str, fields: Mapping[str, Any] | None) -> None:
        run = said.run
        said.raw.execute(
            "INSERT INTO crawl_changes (crawl, run, request, record, at, kind, fields) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (run.frontier, run.id, said.request, record, said.now, kind, packed(fields)),
        )

    def _known_records(
        self, raw: Transaction, spider: str, keyed: Iterable[ItemRow]
    ) -> dict[tuple[int, str], KeptRecord]:
        pairs = {(self._record_kind(raw, spider, item.table, item.fields), item.key): None for item in keyed}
        rows = raw.execute(
            self._keyed_rows,
            (json.dumps(list(pairs)),),
        ).fetchall()
        return {(kind, key): KeptRecord(number, mark, gone) for number, kind, key, mark, gone in rows}

    def _record_kind(self, raw: Transaction, spider: str, table: str, sample: dict[str, Any]) -> int:
        number = self._kinds.get((spider, table))
        if number is None:
            stored_as = self._tables.table(raw, table, sample).stored_as
            raw.execute(
                "INSERT INTO crawl_record_kinds (spider, name, stored_in) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (spider, escape(table), stored_as),
            )
            row = raw.execute(
                "SELECT id FROM crawl_record_kinds WHERE spider = ? AND name = ?", (spider, escape(table))
            ).fetchone()
            number = self._kinds[spider, table] = int(row[0])
        return number

    def table_of(self, raw: Transaction, record: int) -> str:
        row = raw.execute(
            "SELECT k.name FROM crawl_records r JOIN crawl_record_kinds k ON k.id = r.kind WHERE r.id = ?", (record,)
        ).fetchone()
        return unescape(row[0])


def _merged(items: Sequence[ItemRow]) -> Iterable[ItemRow]:
    """The items with a key, those with the same key merged."""
    found: dict[tuple[str, str], ItemRow] = {}
    for item in items:
        if item.key:
            before = found.get((item.table, item.key))
            found[item.table, item.key] = (
                item if before is None else replace(item, fields={**before.fields, **item.fields})
            )
    return found.values()


def packed(fields: Mapping[str, Any] | None) -> str | None:
    """Differences as JSON, with field names escaped."""
    return json.dumps({escape(name): pair for name, pair in fields.items()}) if fields else None


def _noted_fields(fields: Mapping[str, Any]) -> Noted:
    return {name: noted(value) for name, value in fields.items() if value is not None}


def _mark(values: Noted) -> bytes:
    """Equal for items that say the same."""
    return blake2b(json.dumps(sorted(values.items())).encode(), digest_size=12).digest()
