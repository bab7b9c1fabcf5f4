"""Items: what a spider keeps. One shape for dicts, dataclasses, attrs and pydantic objects, through itemadapter."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping, Sequence, Set, ValuesView
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from numbers import Integral, Rational, Real
from typing import Any

from crawler.errors import SpiderError
from crawler.outcome import ItemRow
from crawler.pages.following import Followed

DICT_TABLE = "items"
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, Decimal, datetime, date, time})
_DEEPEST = 200  # levels of lists and dicts in a field


class NotStorable(ValueError):
    """An item with a value that is none: a generator, a selector, a function ...; its text says which field."""


@cache
def _adapter() -> Any:
    """`itemadapter.ItemAdapter`; a spider that yields dicts never loads it, nor what it takes along (27 ms)."""
    from itemadapter import ItemAdapter

    return ItemAdapter


def is_item(value: Any) -> bool:
    """Whether a yielded value is something to keep."""
    return isinstance(value, dict) or bool(_adapter().is_item(value))


def table_of(item: Any) -> str:
    """The result table: "items" for dicts, else the class's own name (or its ``table`` attribute)."""
    if isinstance(item, dict):
        return DICT_TABLE
    named = getattr(type(item), "__table__", None)
    return named if isinstance(named, str) else type(item).__name__


def to_row(item: Any) -> ItemRow:
    """The item as a row.

    Raises:
        SpiderError: Not an item, or it has no fields.
        NotStorable: A field holds something that is no value.
    """
    if isinstance(item, dict):
        fields = {str(key): value for key, value in item.items()}
    elif is_item(item):
        fields = _adapter()(item).asdict()
    else:
        kind = "all that follow_all gave in one piece" if isinstance(item, Followed) else type(item).__name__
        raise SpiderError(f"a callback yielded {kind}; yield Requests, dicts, dataclasses or other items")
    if not fields:
        raise SpiderError("a callback yielded an item without fields")
    if not _PLAIN.issuperset(map(type, fields.values())):
        fields = {name: storable(value, name) for name, value in fields.items()}
    return ItemRow(table_of(item), fields)


def storable(value: Any, field: str, depth: int = 0) -> Any:
    """*value* as plain values: what holds others becomes a list or dict, nested items become dicts.

    Args:
        field: Name of the field that it stands in, for the error.
        depth: How many lists and dicts it is inside of.
    Raises:
        NotStorable: It, or something in it, is no value: its text would be ``<generator object at 0x...>``.
    """
    if type(value) in _PLAIN:
        return value
    if depth > _DEEPEST:
        raise NotStorable(f"field {field!r} is nested more than {_DEEPEST} levels deep, or holds itself")
    if isinstance(value, Mapping):
        return {_key(key): storable(each, field, depth + 1) for key, each in value.items()}
    if isinstance(value, str | bytes | bytearray | memoryview | int | float | Decimal | date | time | Integral):
        return value
    hint = _no_value(value)
    if hint:
        raise NotStorable(f"field {field!r} holds a {_kind(value)}: {hint}")
    if is_item(value):
        return storable(_adapter()(value).asdict(), field, depth + 1)
    if isinstance(value, Sequence | Set | KeysView | ValuesView):
        return [storable(each, field, depth + 1) for each in value]
    if hasattr(value, "tolist"):  # numpy and pandas, whose text is cut
        return storable(value.tolist(), field, depth + 1)
    if isinstance(value, Real) and not isinstance(value, Rational):
        return float(value)
    text = str(value)
    if " at 0x" in text:
        raise NotStorable(f"field {field!r} holds a {_kind(value)}: write what of it is to be kept")
    return text


def _no_value(value: Any) -> str:
    """What to write instead of something that is no value; "" for a value."""
    if hasattr(value, "getall") or hasattr(value, "xpath"):
        return "add .get() or .getall()"
    if isinstance(value, Iterator):
        return "write list(...)"
    if hasattr(value, "__await__") or hasattr(value, "__aiter__"):
        return "callbacks are not async; call something that gives a value"
    if callable(value):
        return "call it, or leave it out"
    if hasattr(value, "read") or hasattr(value, "iter_content"):
        return "write its text, or save it to a file"
    return ""


def _kind(value: Any) -> str:
    """The name of its class; of a private one, that of the public class which it is made from."""
    names = [each.__name__ for each in type(value).__mro__]
    return next((name for name in names[:-1] if not name.startswith("_")), names[0])


def _key(key: Any) -> str | int | float | None:
    return key if key is None or isinstance(key, str | int | float) else str(key)
