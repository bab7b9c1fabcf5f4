"""Exports into Parquet, Excel and DuckDB: typed, whole, and read back by other programs."""

from __future__ import annotations

import datetime
import io
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import UsageError
from tests.exports import write_rows
from tests.hosts import Host
from tests.installed import needs

from .conftest import Crawl
from .test_exports import shop

__all__ = ["shop"]
pytestmark = needs("pyarrow", "openpyxl", "duckdb")

DAY, MOMENT = datetime.date(2026, 11, 29), datetime.datetime(2026, 11, 29, 3, tzinfo=datetime.UTC)
FIRST = {
    "day": DAY, "at": MOMENT, "sum": Decimal("1.10"), "raw": b"\x00\xff", "tags": '["a", {"b": 1}]', "ok": True,
    "text": "=1+1 100%", "nan": float("nan"), "big": str(2**70),
}  # fmt: skip


def same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return {name: repr(value) for name, value in found.items()} == {name: repr(each) for name, each in wanted.items()}


def read_parquet(place: Any) -> Any:
    from pyarrow import parquet

    return parquet.read_table(place)


def test_parquet_holds_values_of_their_types(shop: Host, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet")

    assert crawl("export", "shop", "-o", "a.parquet", "--table", "items").code == 0

    table = read_parquet("a.parquet")
    found = table.to_pylist()
    assert found[0]["at"] == MOMENT
    assert same({**found[0], "at": MOMENT}, FIRST)
    assert found[1] == dict.fromkeys(FIRST) | {"text": "Käse", "big": "3"}
    assert [str(table.schema.field(name).type) for name in ("day", "at", "sum", "raw", "ok")] == [
        "date32[day]", "timestamp[us, tz=UTC]", "decimal128(38, 2)", "binary", "bool",
    ]  # fmt: skip


def test_parquet_of_several_kinds_has_the_kind_of_each_row_and_goes_through_a_pipe(
    shop: Host, project: Path, crawl: Crawl
) -> None:
    crawl("run", "shop", "--quiet", "-o", "all.parquet")

    rows = read_parquet("all.parquet").to_pylist()
    assert sorted((row["_table"], row["sku"] or "") for row in rows) == [
        ("Product", "a"), ("Product", "b"), ("Product", "c"), ("items", ""), ("items", ""),
    ]  # fmt: skip


def test_excel_gets_dates_numbers_and_texts_that_are_not_formulas(shop: Host, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet", "-o", "a.xlsx")

    import openpyxl

    book = openpyxl.load_workbook("a.xlsx")
    assert sorted(book.sheetnames) == ["Product", "items"]
    head, first, second = book["items"].iter_rows(values_only=True)
    found = dict(zip(head, first, strict=True))
    assert found == {
        **FIRST, "day": datetime.datetime(2026, 11, 29), "at": MOMENT.isoformat(), "sum": 1.1, "raw": "AP8=",
        "nan": "nan",
    }  # fmt: skip
    assert [cell.data_type for cell in book["items"][2]][head.index("text")] == "s"
    assert dict(zip(head, second, strict=True))["text"] == "Käse"
    assert sorted(book["Product"].iter_rows(min_row=2, values_only=True)) == [("a", 1.5), ("b", 2), ("c", 30)]


def test_a_full_sheet_is_reported_and_nothing_is_cut(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="32,767 characters"):
        write_rows(tmp_path / "a.xlsx", [{"text": "x" * 32_768}], "xlsx")


def test_duckdb_gets_typed_tables_beside_the_existing_ones(shop: Host, project: Path, crawl: Crawl) -> None:
    import duckdb

    with duckdb.connect("a.duckdb") as raw:
        raw.execute("CREATE TABLE mine AS SELECT 1 AS a")
    crawl("run", "shop", "--quiet", "-o", "a.duckdb")
    assert crawl("export", "shop", "-o", "a.duckdb").code == 0, "a second time"

    with duckdb.connect("a.duckdb", read_only=True) as raw:
        assert raw.execute("SELECT day, sum, raw, tags, ok, text, big FROM items").fetchone() == (
            DAY, Decimal("1.10"), b"\x00\xff", '["a", {"b": 1}]', True, "=1+1 100%", str(2**70),
        )  # fmt: skip
        assert raw.execute("SELECT sku, price FROM Product ORDER BY sku").fetchall() == [
            ("a", 1.5), ("b", 2.0), ("c", 30.0),
        ]  # fmt: skip
        assert raw.execute("SELECT a FROM mine").fetchall() == [(1,)]


@pytest.mark.parametrize("form", ["parquet", "xlsx", "sqlite"])
def test_names_and_texts_that_other_programs_cannot_hold(form: str, tmp_path: Path) -> None:
    rows = [{"A": "\ud800", "a": "nul \x00", "": 1, 'q"': {"x": "\ud800"}}]
    place: Any = io.BytesIO() if form == "parquet" else tmp_path / "out"

    assert write_rows(place, rows, form) == 1

    if form == "sqlite":
        raw = sqlite3.connect(place)
        assert raw.execute("SELECT * FROM items").fetchone() == ("\\ud800", "nul \x00", 1, '{"x": "\\ud800"}')
        raw.close()
    elif form == "parquet":
        assert read_parquet(place).column_names == ["A", "a_2", "unnamed", 'q"']
