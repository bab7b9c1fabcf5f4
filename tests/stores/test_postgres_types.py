"""Columns of results in PostgreSQL have the type of the first value that is not None."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.outcome import ItemRow
from crawler.records import key_of
from crawler.stores.base import RunRow, Store
from tests.stores.postgres_homes import home
from tests.stores.support import PostgresHome, accept, found, lease, start

__all__ = ["home"]  # fixtures

pytest.importorskip("psycopg")


@pytest.fixture
def store(home: PostgresHome) -> Store:
    return home.open()


@pytest.fixture
def run(store: Store) -> RunRow:
    made = start(store)
    store.frontier.add(made.frontier, [found(number) for number in range(20)])
    return made


def give(store: Store, run: RunRow, *items: dict[str, Any], keyed: bool = False) -> None:
    (leased,) = lease(store, run, 1)
    page = accept(leased)
    page.items.extend(ItemRow("Book", item, key=key_of(item, ["id"], "") if keyed else "") for item in items)
    assert store.commit(run, "me", [page]).lost == frozenset()


def types(home: PostgresHome) -> dict[str, str]:
    return dict(
        home.server.do(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'Book'"
            " AND column_name NOT LIKE '\\_%' ORDER BY 1",
            home.name,
        )
    )


@pytest.mark.parametrize("keyed", [False, True], ids=["items", "records"])
def test_a_column_whose_first_value_was_none_gets_the_type_of_the_first_that_is_one(
    home: PostgresHome, store: Store, run: RunRow, keyed: bool
) -> None:
    rows: list[dict[str, Any]] = [{"id": n, "price": None, "stock": None, "never": None} for n in range(6)]
    give(store, run, *rows[:2], keyed=keyed)
    assert types(home) == {"id": "bigint", "never": "text", "price": "text", "stock": "text"}
    rows[3]["price"], rows[4]["price"], rows[4]["stock"], rows[5]["price"] = 1.5, 2.5, 7, "on request"

    give(store, run, rows[2], rows[3], keyed=keyed)
    give(store, run, *rows[4:], keyed=keyed)

    assert types(home) == {"id": "bigint", "never": "text", "price": "double precision", "stock": "bigint"}
    assert [{name: row[name] for name in rows[0]} for row in store.results.rows("Book")] == rows
    assert home.server.do('SELECT sum(price), sum(stock) FROM "Book"', home.name) == [(4.0, 7)]
    assert home.server.do('SELECT sum(price) FROM "latest_Book"', home.name) == [(4.0,)]


def test_a_process_that_knew_the_column_without_a_type_writes_it_with_one(
    home: PostgresHome, store: Store, run: RunRow
) -> None:
    other = home.open()
    give(store, run, {"id": 1, "price": None})
    give(other, run, {"id": 2, "price": None})

    give(store, run, {"id": 3, "price": 1.5})
    give(other, run, {"id": 4, "price": "on request"})
    give(other, run, {"id": 5, "price": 2})

    assert [row["price"] for row in store.results.rows("Book")] == [None, None, 1.5, "on request", 2]
    assert types(home)["price"] == "double precision"


def test_two_processes_that_meet_a_field_first_at_once_make_one_column_each(
    home: PostgresHome, store: Store, run: RunRow
) -> None:
    other = home.open()
    give(store, run, {"id": 1})
    give(other, run, {"id": 2})
    give(store, run, {"id": 3, "new": "a"})
    give(other, run, {"id": 4, "new": "b"})

    assert [row.get("new") for row in store.results.rows("Book")] == [None, None, "a", "b"]


def test_a_column_that_holds_texts_from_before_stays_as_it_is(home: PostgresHome, store: Store, run: RunRow) -> None:
    give(store, run, {"id": 1, "price": None})
    home.server.do("""UPDATE "Book" SET price = '5', _types = '{"price": ["integer", "5"]}'""", home.name)

    give(store, run, {"id": 2, "price": 1.5})

    assert types(home)["price"] == "text"
    assert [row["price"] for row in store.results.rows("Book")] == [5, 1.5]


def test_names_of_more_than_63_bytes_and_more_than_400_fields_with_nul_and_lone_surrogates_read_back_equal(
    home: PostgresHome, store: Store, run: RunRow
) -> None:
    long = "é" * 40
    item: dict[str, Any] = {f"{long}{n}": f"a\x00{n}\ud800" for n in range(450)}
    (leased,) = lease(store, run, 1)
    page = accept(leased)
    page.items.extend([ItemRow(long + "A", item), ItemRow(long + "B", item | {f"{long}3": 5})])
    store.commit(run, "me", [page])

    ours = home.open()
    for table, wanted in ((long + "A", item), (long + "B", item | {f"{long}3": 5})):
        (row,) = ours.results.rows(table)
        assert {name: value for name, value in row.items() if name in wanted} == wanted
    names = home.server.do("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'é%'", home.name)
    assert len(names) == 2
