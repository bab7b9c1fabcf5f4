"""Items: what a spider keeps. One shape for dicts, dataclasses, attrs and pydantic objects, through itemadapter."""

from __future__ import annotations

import json
from collections.abc import Iterator, KeysView, Mapping, Sequence, Set, ValuesView
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from numbers import Integral, Rational, Real
from types import MappingProxyType
from typing import Any

from crawler.errors import SpiderError
from crawler.outcome import Draft, ItemRow, Rejected
from crawler.pages.following import Followed
from crawler.plain_values import class_name_of
from crawler.records import BadKey, class_key, key_of

DICT_TABLE = "items"
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, Decimal, datetime, date, time})
NO_KEYS: Mapping[str, Sequence[str]] = MappingProxyType({})
_LONGEST_REASON = 1_000  # characters of a class's reason against an item
_LONGEST_REJECTED = 20_000  # characters of a rejected item that are kept
_DEEPEST = 200  # levels of lists and dicts in a field


class NotStorable(ValueError):
    """An item with a value that cannot be stored (a generator, a selector ...); the text names the field."""


@cache
def _adapter() -> Any:
    """`itemadapter.ItemAdapter`; a spider that yields dicts never loads it, nor what it imports (27 ms)."""
    from itemadapter import ItemAdapter

    return ItemAdapter


def is_item(value: Any) -> bool:
    """Whether a yielded value is something to keep."""
    return isinstance(value, dict) or bool(_adapter().is_item(value))


def table_of(item: Any) -> str:
    """The result table: "items" for dicts, else the class's own name (or its ``table`` attribute)."""
    return table_of_class(type(item))


def table_of_class(kind: type) -> str:
    """The same for a class of items."""
    if issubclass(kind, dict):
        return DICT_TABLE
    named = getattr(kind, "__table__", None)
    return named if isinstance(named, str) else kind.__name__


def to_row(item: Any, keys: Mapping[str, Sequence[str]] = NO_KEYS, session: str = "") -> ItemRow:
    """The item as a row.

    Args:
        keys: Table to the fields that make its items records (`Spider.keys`); an item class may name its own.
        session: Name of the session that fetched the page, which may be part of a key.
    Raises:
        SpiderError: It is all that `follow_all` returned, in one piece: its links would be lost.
        NotStorable: Not an item, or without fields; a field does not hold a value, or the key is not a valid one.
    """
    if type(item) is Draft:
        item = made(item)
    if isinstance(item, dict):
        fields = {str(key): value for key, value in item.items()}
    elif is_item(item):
        fields = _adapter()(item).asdict()
    else:
        if isinstance(item, Followed):
            raise SpiderError("a callback yielded all that follow_all gave in one piece; write `yield from`")
        raise NotStorable(_no_item(item))
    if not fields:
        raise NotStorable("an item without fields")
    if not _PLAIN.issuperset(map(type, fields.values())):
        fields = {name: storable(value, name) for name, value in fields.items()}
    if not keys and type(item) is dict:
        return ItemRow(DICT_TABLE, fields)
    table = table_of(item)
    named = keys.get(table) or class_key(item.__class__)
    if not named:
        return ItemRow(table, fields)
    try:
        return ItemRow(table, fields, key_of(fields, named, session))
    except BadKey as why:
        raise NotStorable(str(why)) from None


def made(produced: Any) -> Any:
    """The item of a draft; anything else as it is.

    Raises:
        NotStorable: Its class raised, or returned something that is not an item.
    """
    if type(produced) is not Draft:
        return produced
    try:
        item = produced.kind(**produced.fields)
    except Exception as error:
        raise NotStorable(_said_by(error)) from error
    if not is_item(item):
        raise NotStorable(_no_item(item))
    return item


def _said_by(error: Exception) -> str:
    """Why a class refuses an item, on one line."""
    listed = getattr(error, "errors", None)
    if callable(listed):  # pydantic
        with suppress(Exception):
            return "; ".join(map(_refusal, listed()))[:_LONGEST_REASON]
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:_LONGEST_REASON]


def _refusal(told: Mapping[str, Any]) -> str:
    """Why pydantic refuses one field, and what to write where its value is not a value."""
    from crawler.foreign_words import in_plain_words

    given = told.get("input")
    hint = _no_value(given) if told.get("type") not in ("missing", "extra_forbidden") else ""
    place = ".".join(map(str, told["loc"]))
    said = in_plain_words(str(told["msg"])) + (f", not a {class_name_of(given)}: {hint}" if hint else "")
    return f"{place}: {said}" if place else said


_MAKING = frozenset({"__init__", "__setattr__"})


def refused_by_its_class(error: Exception) -> tuple[Draft, NotStorable] | None:
    """The item that raised while it was created or changed inside a callback; None for any other error.

    Dataclasses, attrs and pydantic all raise from within the item's ``__init__`` or ``__setattr__``: the arguments of
    that call are in its frame.
    """
    trace = error.__traceback__
    while trace is not None:
        frame, trace = trace.tb_frame, trace.tb_next
        if frame.f_code.co_name in _MAKING:
            given = frame.f_locals
            item = given["self"] if "self" in given else given.get("__dataclass_self__")
            if item is not None and not isinstance(item, dict) and is_item(item):
                return Draft(type(item), _called_with(type(item), given)), NotStorable(_said_by(error))
    kind = getattr(error, "title", None)
    if type(error).__module__.startswith("pydantic") and isinstance(kind, str):  # model_validate and the like
        return Draft(type(kind, (), {}), _inputs(error)), NotStorable(_said_by(error))
    return None


def _called_with(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields among the variables in a frame of ``__init__``: by name, or in what it passes on (pydantic)."""
    names = list(_adapter().get_field_names_from_class(kind) or ())
    found = {**dict(zip(names, given.get("args") or (), strict=False)), **given}
    for name in ("kwargs", "data"):
        if isinstance(given.get(name), dict):
            found |= given[name]
    return {name: found[name] for name in names if name in found}


def _inputs(error: Any) -> dict[str, Any]:
    """The input that pydantic refused."""
    with suppress(Exception):
        return {".".join(map(str, each["loc"])): each.get("input") for each in error.errors()}
    return {}


def rejected(item: Any, why: NotStorable, keys: Mapping[str, Sequence[str]] = NO_KEYS, session: str = "") -> Rejected:
    """What is kept of something that is not a valid item, without memory addresses."""
    kind, fields = _parts(item)
    if kind is None:
        return Rejected(class_name_of(item), str(why))
    written: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            written[str(name)] = storable(value, str(name))
        except (NotStorable, RecursionError):
            written[str(name)] = f"({class_name_of(value)})"
    table, key = table_of_class(kind), ""
    named = keys.get(table) or class_key(kind)
    if named:
        with suppress(BadKey):
            key = key_of(fields, named, session)
    return Rejected(table, str(why), _shortened(written), key)


def _parts(item: Any) -> tuple[Any, Mapping[Any, Any]]:
    """The class and the fields of something that may be an item; None where it is not."""
    if type(item) is Draft:
        return item.kind, item.fields
    if isinstance(item, dict):
        return type(item), item
    return (type(item), _adapter()(item).asdict()) if is_item(item) else (None, {})


def _shortened(written: dict[str, Any]) -> str:
    """JSON of *written*, with long values cut short."""
    text = json.dumps(written, default=str)
    if len(text) <= _LONGEST_REJECTED:
        return text
    share = _LONGEST_REJECTED // max(len(written), 1)
    short = {name[:200]: str(value)[:share] for name, value in list(written.items())[:200]}
    return json.dumps(short, default=str)


def _no_item(value: Any) -> str:
    """Why something that was yielded is not an item."""
    kind = class_name_of(value)
    hint = {
        "generator": "write `yield from`",
        "coroutine": "callbacks are not async",
        "list": "yield its members one by one: `yield from`",
        "tuple": "yield its members one by one: `yield from`",
        "str": "yield a dict: {'text': ...}",
    }.get(kind, "yield Requests, dicts, dataclasses or other items")
    return f"{_article(kind)} {kind} is no item; {hint}"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in ("a", "e", "i", "o") else "a"


def with_storable_fields(file: Mapping[str, Any]) -> dict[str, Any]:
    """What a `crawler.File` has besides the request, its fields as plain values. Raises NotStorable."""
    return {**file, "fields": {str(name): storable(value, str(name)) for name, value in file["fields"].items()}}


def storable(value: Any, field: str, depth: int = 0) -> Any:
    """*value* as plain values: containers become a list or dict, nested items become dicts.

    Args:
        field: Name of the field that it stands in, for the error.
        depth: How many lists and dicts it is nested in.
    Raises:
        NotStorable: It, or something in it, is not a value: its text would be ``<generator object at 0x...>``.
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
        raise NotStorable(f"field {field!r} holds a {class_name_of(value)}: {hint}")
    if is_item(value):
        return storable(_adapter()(value).asdict(), field, depth + 1)
    if isinstance(value, Sequence | Set | KeysView | ValuesView):
        return [storable(each, field, depth + 1) for each in value]
    if hasattr(value, "tolist"):  # numpy and pandas, whose text is shortened
        return storable(value.tolist(), field, depth + 1)
    if isinstance(value, Real) and not isinstance(value, Rational):
        return float(value)
    text = str(value)
    if " at 0x" in text:
        raise NotStorable(f"field {field!r} holds a {class_name_of(value)}: write what of it is to be kept")
    return text


def _no_value(value: Any) -> str:
    """What to write instead of something that is not a value; "" for a value."""
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


def _key(key: Any) -> str | int | float | None:
    return key if key is None or isinstance(key, str | int | float) else str(key)
