"""Takes back what a page had said about records when the page is to be fetched again.

This happens with pages of a session that turned out to be lost, and with failed ones that are tried again. Each entry
of a record's history says which request made it: the entry is removed, and the value before it is restored, in the
record or in the entry that came after.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from crawler.outcome import State
from crawler.stores.driver import Driver, Transaction, quoted
from crawler.stores.rows import unescape
from crawler.stores.sql.item_rows import Address, ItemRows, noted_value
from crawler.stores.sql.item_tables import ItemTables
from crawler.stores.sql.record_rows import RecordRows

_Entry = tuple[int, int, str, str | None]  #: id, record, kind, fields


class TakingBack:
    """Undoing what pages said."""

    def __init__(self, driver: Driver, tables: ItemTables, items: ItemRows, records: RecordRows) -> None:
        self._db, self._tables, self._items, self._records = driver, tables, items, records
        self._numbers = driver.dialect.numbers()

    def remove(self, raw: Transaction, condition: str, parameters: Sequence[Any]) -> int:
        """Inside a transaction: remove all that the requests selected by *condition* had stored.

        Returns:
            How many items that was, including records that they listed.
        """
        chosen = f"SELECT id FROM crawl_requests WHERE {condition}"
        raw.execute(f"DELETE FROM crawl_rejected WHERE request IN ({chosen})", parameters)
        removed = self._items.remove(raw, condition, parameters)
        if raw.execute("SELECT 1 FROM crawl_record_scopes LIMIT 1").fetchone() is None:
            return removed
        return removed + self._take_back(raw, [row[0] for row in raw.execute(chosen, parameters).fetchall()])

    def _take_back(self, raw: Transaction, requests: Sequence[int]) -> int:
        ids = json.dumps(requests)
        pages = raw.execute(
            "SELECT p.id, r.state FROM crawl_requests r JOIN crawl_frontiers f ON f.id = r.frontier"
            " JOIN crawl_record_scopes c ON c.spider = f.spider AND c.args = f.args"
            " JOIN crawl_record_pages p ON p.scope = c.id AND p.fingerprint = r.fingerprint"
            f" WHERE r.id IN ({self._numbers})",
            (ids,),
        ).fetchall()
        read = json.dumps([page for page, state in pages if state == State.DONE])
        listed = raw.execute(
            f"SELECT count(*) FROM crawl_sightings WHERE dropped = 0 AND page IN ({self._numbers})",
            (read,),
        ).fetchone()[0]
        raw.execute(
            f"DELETE FROM crawl_sightings WHERE page IN ({self._numbers}) AND request IN ({self._numbers})",
            (read, ids),
        )
        raw.execute(
            f"UPDATE crawl_sightings SET hash = NULL, dropped = 0 WHERE page IN ({self._numbers})",
            (read,),
        )
        entries = raw.execute(
            "SELECT id, record, kind, fields FROM crawl_changes WHERE request > 0"
            f" AND request IN ({self._numbers}) ORDER BY id DESC",
            (ids,),
        ).fetchall()
        for entry in entries:
            self._undo(raw, entry)
        return int(listed)

    def _undo(self, raw: Transaction, entry: _Entry) -> None:
        number, record, kind, _ = entry
        listed = raw.execute(
            "SELECT 1 FROM crawl_sightings WHERE record = ? AND dropped = 0 LIMIT 1", (record,)
        ).fetchone()
        if kind in ("new", "back") and listed:  # another page lists it, too: it stays, and so do the values until then
            raw.execute("UPDATE crawl_changes SET request = 0 WHERE id = ?", (number,))
            raw.execute("UPDATE crawl_records SET hash = ? WHERE id = ?", (b"", record))
        elif kind == "new":
            self._forget(raw, record)
        else:
            self._put_back(raw, entry)

    def _forget(self, raw: Transaction, record: int) -> None:
        """Remove the record as if it had never existed."""
        table = self._tables.table(raw, self._records.table_of(raw, record), {})
        raw.execute(f"DELETE FROM {quoted(table.stored_as)} WHERE _record = ?", (record,))
        raw.execute("DELETE FROM crawl_changes WHERE record = ?", (record,))
        raw.execute("DELETE FROM crawl_sightings WHERE record = ?", (record,))
        raw.execute("DELETE FROM crawl_records WHERE id = ?", (record,))

    def _put_back(self, raw: Transaction, entry: _Entry) -> None:
        number, record, kind, text = entry
        raw.execute("DELETE FROM crawl_changes WHERE id = ?", (number,))
        before = {name: pair[0] for name, pair in json.loads(text or "{}").items()}
        later = raw.execute(
            "SELECT id, kind, fields FROM crawl_changes WHERE record = ? AND id > ? ORDER BY id", (record, number)
        ).fetchall()
        for other, other_kind, other_text in later:
            fields = json.loads(other_text or "{}")
            for name in fields.keys() & before.keys():
                fields[name][0] = before.pop(name)
            left = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
            if not left and other_kind == "changed":
                raw.execute("DELETE FROM crawl_changes WHERE id = ?", (other,))
            else:
                raw.execute(
                    "UPDATE crawl_changes SET fields = ? WHERE id = ?", (json.dumps(left) if left else None, other)
                )
        table = self._records.table_of(raw, record)
        values = self._records.fields(table, record)
        values |= {unescape(name): None if stored is None else noted_value(stored) for name, stored in before.items()}
        self._records.write_row(raw, table, self._address_before(raw, table, record), values)
        raw.execute("UPDATE crawl_records SET hash = ? WHERE id = ?", (b"", record))
        if kind == "back":
            self._gone_again(raw, table, record)

    def _address_before(self, raw: Transaction, table: str, record: int) -> Address:
        """Where the record was before; its page is no longer known, unless it is still in the log."""
        stored_as = quoted(self._tables.table(raw, table, {}).stored_as)
        url, spider = raw.execute(f"SELECT _url, _spider FROM {stored_as} WHERE _record = ?", (record,)).fetchone()
        run, at, request, crawl = raw.execute(
            "SELECT run, at, request, crawl FROM crawl_changes WHERE record = ? AND kind <> 'gone'"
            " ORDER BY id DESC LIMIT 1",
            (record,),
        ).fetchone()
        return run, url, at, request, -record, crawl, spider

    def _gone_again(self, raw: Transaction, table: str, record: int) -> None:
        (crawl,) = raw.execute(
            "SELECT crawl FROM crawl_changes WHERE record = ? AND kind = 'gone' ORDER BY id DESC LIMIT 1", (record,)
        ).fetchone()
        raw.execute("UPDATE crawl_records SET gone = ? WHERE id = ?", (crawl, record))
        stored_as = quoted(self._tables.table(raw, table, {}).stored_as)
        raw.execute(f"UPDATE {stored_as} SET _gone = ? WHERE _record = ?", (crawl, record))
