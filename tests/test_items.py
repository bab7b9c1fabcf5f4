"""Items: every kind of object that a spider may keep becomes one kind of row."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from parsel import Selector
from pydantic import BaseModel

from crawler import Response
from crawler.items import NotStorable, is_item, to_row


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
def test_an_invalid_item_is_refused_by_name(value: Any) -> None:
    assert not is_item(value)
    with pytest.raises(NotStorable, match=type(value).__name__):
        to_row(value)


def test_an_item_without_fields_is_refused() -> None:
    with pytest.raises(NotStorable, match="without fields"):
        to_row({})


@given(st.dictionaries(st.text() | st.integers(), st.text() | st.none(), min_size=1))
def test_no_field_of_a_dict_is_lost_unless_two_have_one_name(fields: dict[Any, Any]) -> None:
    row = to_row(fields)

    assert set(row.fields) == {str(key) for key in fields}


@dataclass
class Part:
    number: int


class Color(Enum):
    RED = "red"


VALUES: dict[str, tuple[Any, Any]] = {
    "list": ([1, "a"], [1, "a"]),
    "tuple": ((1, 2), [1, 2]),
    "set": ({1}, [1]),
    "range": (range(3), [0, 1, 2]),
    "keys-of-a-dict": ({"a": 1}.keys(), ["a"]),
    "values-of-a-dict": ({"a": 1}.values(), [1]),
    "deque": (deque([1, 2]), [1, 2]),
    "mapping": (MappingProxyType({"a": (1,)}), {"a": [1]}),
    "nested-dataclass": ([Part(7)], [{"number": 7}]),
    "nested-pydantic": ({"o": Order(number="7")}, {"o": {"number": "7", "lines": []}}),
    "key-that-is-no-text": ({(1, 2): 3}, {"(1, 2)": 3}),
    "uuid": (UUID(int=5), str(UUID(int=5))),
    "path": (PurePosixPath("/a/b"), "/a/b"),
    "enum": (Color.RED, "Color.RED"),
    "fraction": (Fraction(1, 3), "1/3"),
    "address": (ip_address("127.0.0.1"), "127.0.0.1"),
    "bytes-in-a-list": ([b"a"], [b"a"]),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_and_containers_of_values_are_kept(name: str) -> None:
    value, wanted = VALUES[name]

    assert to_row({"x": value}).fields == {"x": wanted}


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


async def coroutine() -> None: ...


NO_VALUES: dict[str, tuple[Callable[[], Any], str]] = {
    "generator": (lambda: (each for each in "ab"), r"'x' holds a generator: write list\(...\)"),
    "map": (lambda: map(str, [1]), "holds a map: write list"),
    "zip": (lambda: zip([1], [2], strict=True), "holds a zip: write list"),
    "iterator-in-a-list": (lambda: [iter([1])], "holds a list_iterator: write list"),
    "selector": (lambda: Selector(text="<a>x</a>").css("a")[0], r"holds a Selector: add .get\(\) or .getall\(\)"),
    "selectors": (lambda: Selector(text="<a>x</a>").css("a::text"), "holds a SelectorList: add .get"),
    "element": (lambda: etree.fromstring("<a/>"), "holds a _Element: add .get"),
    "response": (Response, "holds a Response"),
    "object": (object, "holds a object: write what of it is to be kept"),
    "lambda": (lambda: lambda: 1, "holds a function: call it"),
    "method": (lambda: "a".strip, "holds a builtin_function_or_method: call it"),
    "class": (lambda: Part, "holds a type: call it"),
    "coroutine": (coroutine, "holds a coroutine: callbacks are not async"),
    "file": (lambda: io.StringIO("a"), "holds a StringIO"),
    "holds-itself": (circle, "nested more than 200 levels deep, or holds itself"),
    "lock": (threading.Lock, "holds a lock"),
}


@pytest.mark.parametrize("name", NO_VALUES)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_an_invalid_value_is_refused_with_the_field_and_what_to_write(name: str) -> None:
    make, message = NO_VALUES[name]

    with pytest.raises(NotStorable, match=message):
        to_row({"id": 1, "x": make()})


def test_an_item_with_plain_values_is_taken_as_it_is() -> None:
    item = {"a": "x", "b": 1, "c": None, "d": 1.5}

    assert to_row(item).fields == item
