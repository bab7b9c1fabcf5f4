"""Items: what a spider keeps. One shape for dicts, dataclasses, attrs and pydantic objects, through itemadapter."""

from __future__ import annotations

from functools import cache
from typing import Any

from crawler.errors import SpiderError
from crawler.outcome import ItemRow

DICT_TABLE = "items"


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
    """
    if isinstance(item, dict):
        fields = {str(key): value for key, value in item.items()}
    elif is_item(item):
        fields = _adapter()(item).asdict()
    else:
        kind = type(item).__name__
        raise SpiderError(f"a callback yielded {kind}; yield Requests, dicts, dataclasses or other items")
    if not fields:
        raise SpiderError("a callback yielded an item without fields")
    return ItemRow(table_of(item), fields)
