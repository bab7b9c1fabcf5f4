"""Whatever is in an item, and whatever its keys are, it is stored and read back equal."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.outcome import ItemRow, Outcome, Verdict
from crawler.stores.base import RunRow, Store
from tests.stores.support import Home, found, lease, start

OURS = {"_run", "_url", "_time", "_request", "_position", "_crawl", "_spider"}


def keep(store: Store, run: RunRow, *items: ItemRow) -> None:
    """Commit one page with these items."""
    store.frontier.add(run.frontier, [found(f"page-{store.frontier.counts(run.frontier).known}")])
    (leased,) = lease(store, run, 1)
    assert store.commit(run, "me", [Outcome(leased, Verdict.ACCEPT, items=list(items))]).items == len(items)


def read(store: Store, table: str = "items") -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in OURS} for row in store.results.rows(table)]


def same(left: Any, right: Any) -> bool:
    """Equal and of one type, NaN included."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return type(left) is type(right) and left == right


NESTED: list[Any] = [
    [b"\x00\xff"],
    {"price": Decimal("1.50"), "at": [datetime(2026, 1, 2, 3, 4, tzinfo=UTC), date(2026, 1, 2), time(3, 4)]},
    [float("inf"), -0.0, 2**80],
    {1: "int", None: "none", 1.5: "float", "1": "text"},
    {"$": ["decimal", "1"], "a": {"$": 1}},
    [[[{"deep": [Decimal("0E-10")]}]]],
    {"a\x00b": "\ud800", "c": b""},
]


@pytest.mark.parametrize("value", NESTED, ids=repr)
def test_what_json_has_no_form_for_is_read_back_from_inside_of_nested_values(store: Store, value: Any) -> None:
    run = start(store)
    keep(store, run, ItemRow("items", {"a": value}), ItemRow("items", {"a": 7}))
    keep(store, run, ItemRow("numbers", {"a": 7}), ItemRow("numbers", {"a": value}))

    assert [row["a"] for row in read(store)] == [value, 7]
    assert [row["a"] for row in read(store, "numbers")] == [7, value]


def test_nan_inside_of_a_nested_value_is_null_to_others_and_nan_to_us(store: Store) -> None:
    keep(store, start(store), ItemRow("items", {"a": {"b": float("nan")}}))

    (row,) = read(store)
    assert math.isnan(row["a"]["b"])


VALUES: list[Any] = [
    None,
    "",
    "text",
    "007",
    "1e3",
    "-0",
    " 12 ",
    "\x00",
    "a\x00b",
    "\ud800",
    "back\\slash \\u0000",
    "\\ud800 and \ud800",
    "'\"`[];--",
    "x" * 100_000,
    "äöü € 😀 \u2028",
    "line\r\nbreak\ttab",
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**70,
    -(2**70),
    10**5000,
    True,
    False,
    0.0,
    2.0,
    1.5,
    1e300,
    0.1 + 0.2,
    math.inf,
    -math.inf,
    math.nan,
    b"",
    b"\x00\xff bytes",
    Decimal("1.50"),
    Decimal("1e400"),
    datetime(2026, 11, 23, 3, 0, 1, 5, tzinfo=UTC),
    datetime(2026, 11, 23),
    date(2026, 11, 23),
    time(3, 4, 5),
    [],
    [1, "two", None, [3.5]],
    {"a": {"b": ["c", None, True]}},
    {"nul": "\x00", "half": "\ud800"},
]


@pytest.mark.parametrize(
    "first", ["text", 1, 1.5, b"b", True, None, {"a": 1}, Decimal("1.5"), date(2026, 1, 1)], ids=repr
)
def test_S11_every_value_reads_back_equal_in_a_column_of_every_kind(store: Store, run: RunRow, first: Any) -> None:
    values = [first, *VALUES]
    keep(store, run, *(ItemRow("items", {"n": number, "value": value}) for number, value in enumerate(values)))

    rows = {row["n"]: row["value"] for row in read(store)}

    assert [value for number, value in enumerate(values) if not same(rows[number], value)] == []


def test_a_tuple_or_a_set_in_an_item_reads_back_as_a_list(store: Store, run: RunRow) -> None:
    keep(store, run, ItemRow("items", {"pair": (1, 2), "nested": {"deep": (3,)}, "odd": {"b": b"x", "s": {1}}}))

    assert read(store) == [{"pair": [1, 2], "nested": {"deep": [3]}, "odd": {"b": b"x", "s": [1]}}]


HOSTILE_KEYS = [
    'id"); DROP TABLE items;--',
    "a'b",
    "",
    " ",
    "x" * 5_000,
    "nul\x00key",
    "half\ud800key",
    "Total",
    "total",
    "TOTAL",
    "[brackets]",
    "`ticks`",
    "select",
    "rowid",
    "_rowid_",
    "_types",
    "_more",
    "back\\slash",
    "new\nline",
    "%s ? :name",
    "ünïcode",
    "x" * 4_999 + "y",
]


def test_S11_hostile_keys_become_columns_that_read_back_under_their_name(store: Store, run: RunRow) -> None:
    item = {key: f"value of {number}" for number, key in enumerate(HOSTILE_KEYS)}
    keep(store, run, ItemRow("items", item))
    keep(store, run, ItemRow("items", item))

    assert read(store) == [item, item]
    assert store.results.tables() == {"items": 2}


def test_S11_a_field_named_like_a_column_of_ours_keeps_its_value_beside_ours(store: Store, run: RunRow) -> None:
    keep(store, run, ItemRow("items", {"_run": "theirs", "_URL": "theirs too", "a": 1}))

    (row,) = store.results.rows("items")

    assert row["_run"] == run.id
    assert sorted(str(value) for name, value in row.items() if name not in OURS) == ["1", "theirs", "theirs too"]


@pytest.mark.parametrize(
    "name",
    [
        "Book",
        "crawl_runs",
        "CRAWL_requests",
        "sqlite_master",
        "",
        "a'b\"); DROP TABLE x;--",
        "x" * 5_000,
        "nul\x00",
        "\ud800",
    ],
    ids=lambda name: ascii(name[:20]),
)
def test_S11_every_table_name_has_its_own_table(home: Home, store: Store, run: RunRow, name: str) -> None:
    keep(store, run, ItemRow(name, {"a": 1}), ItemRow("items", {"a": 2}))

    assert store.results.tables() == {name: 1, "items": 1}
    assert read(store, name) == [{"a": 1}]
    again = home.open()
    assert read(again, name) == [{"a": 1}]
    assert again.runs.last()[0].id == run.id


def test_tables_named_like_our_indexes_do_not_clash_with_them(store: Store, run: RunRow) -> None:
    names = ["a", "a_by_request", "crawl_by_request_a", "a_by_run", "crawl_by_run_a_by_run", "item_crawl_by_request_a"]
    for name in [*names, *reversed(names)]:
        keep(store, run, ItemRow(name, {"name": name}))

    assert store.results.tables() == dict.fromkeys(names, 2)
    assert all(read(store, name) == [{"name": name}] * 2 for name in names)


def test_two_tables_that_differ_by_case_alone_are_two(store: Store, run: RunRow) -> None:
    keep(store, run, ItemRow("Book", {"a": 1}), ItemRow("book", {"a": 2}))

    assert (read(store, "Book"), read(store, "book")) == ([{"a": 1}], [{"a": 2}])


def test_a_table_is_widened_when_an_item_brings_a_new_field(home: Home, store: Store, run: RunRow) -> None:
    keep(store, run, ItemRow("items", {"a": 1}))
    other = home.open()
    keep(store, run, ItemRow("items", {"b": "x"}))
    keep(other, run, ItemRow("items", {"b": "y", "c": 2.5}))
    keep(store, run, ItemRow("items", {"c": 1.0, "a": None}))

    assert read(store) == [
        {"a": 1, "b": None, "c": None},
        {"a": None, "b": "x", "c": None},
        {"a": None, "b": "y", "c": 2.5},
        {"a": None, "b": None, "c": 1.0},
    ]


def test_items_with_more_fields_than_a_table_can_have_columns_lose_none(store: Store, run: RunRow) -> None:
    items: list[dict[str, Any]] = [
        {f"field {number}": value for number in range(2_500)} for value in (1, "x", b"b", 2**70)
    ]
    keep(store, run, *(ItemRow("items", item) for item in items))

    assert read(store) == items


def test_keys_that_differ_on_every_item_are_all_kept(
    store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store._db.dialect, "most_columns", 40)  # type: ignore[attr-defined]
    items = [{"n": number, f"key-{number}": number} for number in range(200)]
    for start_at in range(0, 200, 20):
        keep(store, run, *(ItemRow("items", item) for item in items[start_at : start_at + 20]))

    stored = {row["n"]: row.get(f"key-{row['n']}") for row in read(store)}

    assert stored == {number: number for number in range(200)}


def test_an_item_without_a_field_is_still_an_item(store: Store, run: RunRow) -> None:
    keep(store, run, ItemRow("items", {}), ItemRow("items", {"a": 1}))

    assert read(store) == [{"a": None}, {"a": 1}]


def test_rows_of_one_run_can_be_read_alone(store: Store, run: RunRow) -> None:
    keep(store, run, ItemRow("items", {"a": 1}))
    store.runs.end(run.id, ending="finished", exit_code=0, summary="{}")
    second = start(store)
    keep(store, second, ItemRow("items", {"a": 2}))

    assert [row["a"] for row in store.results.rows("items", run=second.id)] == [2]
    assert [row["a"] for row in store.results.rows("items")] == [1, 2]
    assert list(store.results.rows("nothing of that name")) == []


def test_rows_are_read_whole_in_portions_while_others_write(store: Store, run: RunRow) -> None:
    keep(store, run, *(ItemRow("items", {"n": number}) for number in range(1_201)))
    reader = store.results.rows("items")
    first = next(reader)

    keep(store, run, ItemRow("items", {"n": 1_201}))

    assert [first["n"], *(row["n"] for row in reader)] == list(range(1_202))


_text = st.text(st.characters(codec=None), max_size=20)
_scalars = st.one_of(
    st.none(),
    _text,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.binary(max_size=20),
    st.decimals(allow_nan=False),
    st.datetimes(),
    st.dates(),
)
_values = st.one_of(
    _scalars,
    st.recursive(
        st.one_of(st.none(), _text, st.integers(), st.floats(allow_nan=False), st.booleans()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
        max_leaves=6,
    ),
)
_keys = _text.filter(lambda key: key.lower() not in OURS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(st.dictionaries(_keys, _values, max_size=5), min_size=1, max_size=4))
def test_S11_any_items_read_back_equal(store: Store, run: RunRow, items: list[dict[str, Any]]) -> None:
    table = f"table {len(store.results.tables())}"
    keep(store, run, *(ItemRow(table, item) for item in items))

    rows = list(store.results.rows(table))

    assert len(rows) == len(items)
    for row, item in zip(rows, items, strict=True):
        assert all(same(row[key], value) for key, value in item.items()), (row, item)
        assert all(value is None for key, value in row.items() if key not in item and key not in OURS)
