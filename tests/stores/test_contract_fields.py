"""The columns of an export are the fields that its spider has ever given to the table, whatever others store there."""

from __future__ import annotations

import pytest

from crawler.outcome import ItemRow
from crawler.selection import Selection
from crawler.stores.base import Store
from tests.stores.support import Home, start
from tests.stores.test_contract_items import keep

FIRST = {"a": 1, "b": None, "c": "x"}


def crawl(home: Home, spider: str, given: dict[str, object]) -> None:
    """A crawl of one page, whole, in a process that knows nothing of those before."""
    store = home.open()
    run = start(store, spider=spider, fresh=True)
    keep(store, run, ItemRow("items", given))
    store.runs.end(run.id, ending="finished", exit_code=0, summary="{}")
    store.close()


def fields(store: Store, spider: str = "orders", *, typed: bool = True) -> list[str]:
    selection = Selection(spider, runs=(0,)) if not typed else Selection(spider)
    return [column.name for column in store.exports.columns("items", selection, typed=typed)]


@pytest.mark.parametrize("key", ["", '{"a": 1}'], ids=["items", "records"])
def test_a_field_that_is_empty_stays_a_column_when_another_spider_shares_the_table(store: Store, key: str) -> None:
    keep(store, start(store), ItemRow("items", FIRST, key=key))
    assert fields(store) == ["a", "b", "c"]

    keep(store, start(store, spider="others"), ItemRow("items", {"d": 1, "e": None, "c": "y"}, key=key))

    assert fields(store) == fields(store, typed=False) == ["a", "b", "c"]
    assert fields(store, "others") == fields(store, "others", typed=False) == ["c", "d", "e"]


def test_a_field_that_goes_empty_stays_and_a_process_that_knows_nothing_adds_to_what_was_noted(home: Home) -> None:
    for given in ({"a": 1, "b": 2}, {"a": 1, "b": None}, {"a": 1, "f": None}):
        crawl(home, "orders", given)
        crawl(home, "others", {"d": 1})

    assert fields(home.open()) == ["a", "b", "f"]


def test_rows_from_before_fields_were_noted_tell_their_fields_by_their_values(home: Home) -> None:
    crawl(home, "orders", FIRST | {"g": 2})
    with home.raw() as raw:
        raw.execute("DELETE FROM crawl_values WHERE substr(name, 1, 6) = ?", ("field ",))
    assert fields(home.open()) == ["a", "b", "c", "g"]  # the table is the spider's alone

    crawl(home, "others", {"d": 1})
    assert fields(home.open()) == ["a", "c", "g"]

    crawl(home, "orders", FIRST)
    assert fields(home.open()) == ["a", "b", "c", "g"]
