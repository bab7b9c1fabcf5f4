"""Items: every kind of object that a spider may keep becomes one kind of row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from crawler.errors import SpiderError
from crawler.items import is_item, to_row


@dataclass
class Book:
    title: str
    price: float | None = None


class Order(BaseModel):
    number: str
    lines: list[dict[str, int]] = []


class Named(BaseModel):
    __table__ = "things"
    a: int


def test_a_dict_goes_to_the_table_of_items() -> None:
    row = to_row({"a": 1, 2: "b"})

    assert (row.table, row.fields) == ("items", {"a": 1, "2": "b"})


@pytest.mark.parametrize(
    ("item", "table", "fields"),
    [
        (Book("x", 1.5), "Book", {"title": "x", "price": 1.5}),
        (Order(number="7", lines=[{"a": 1}]), "Order", {"number": "7", "lines": [{"a": 1}]}),
        (Named(a=1), "things", {"a": 1}),
    ],
    ids=["dataclass", "pydantic", "with-a-table"],
)
def test_other_items_go_to_a_table_named_after_their_class(item: Any, table: str, fields: dict[str, Any]) -> None:
    row = to_row(item)

    assert is_item(item)
    assert (row.table, row.fields) == (table, fields)


@pytest.mark.parametrize("value", [7, "text", None, [1], object(), Book], ids=lambda each: type(each).__name__)
def test_what_is_no_item_is_refused_by_name(value: Any) -> None:
    assert not is_item(value)
    with pytest.raises(SpiderError, match=type(value).__name__):
        to_row(value)


def test_an_item_without_fields_is_refused() -> None:
    with pytest.raises(SpiderError, match="without fields"):
        to_row({})


@given(st.dictionaries(st.text() | st.integers(), st.text() | st.none(), min_size=1))
def test_no_field_of_a_dict_is_lost_unless_two_have_one_name(fields: dict[Any, Any]) -> None:
    row = to_row(fields)

    assert set(row.fields) == {str(key) for key in fields}
