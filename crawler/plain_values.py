"""Values of fields to JSON and back, equal and of the same type: what JSON lacks is written along with its kind."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

_OWN = "crawler.pages.selectors"  #: whose classes spider authors know as those of parsel
_MARK = "~"  #: a dict with this key alone is a value with its kind
_READ: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "bytes": base64.b64decode,
    "dict": lambda pairs: {key: unpacked(value) for key, value in pairs},
}


def class_name_of(value: Any) -> str:
    """The name of its class for messages: for a private class, and for our selectors, that of the public base class."""
    kinds = type(value).__mro__
    public = (each for each in kinds[:-1] if not each.__name__.startswith("_") and each.__module__ != _OWN)
    return next(public, kinds[0]).__name__


def packed(value: Any) -> Any:
    """*value* as JSON can hold it.

    Raises:
        TypeError: It, or something in it, is of a kind that is not known here.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        if _MARK in value or not all(isinstance(key, str) for key in value):
            return {_MARK: ["dict", [[key, packed(each)] for key, each in value.items()]]}
        return {key: packed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [packed(each) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return {_MARK: ["bytes", base64.b64encode(bytes(value)).decode("ascii")]}
    if isinstance(value, Decimal):
        return {_MARK: ["decimal", str(value)]}
    for kind, sort in (("datetime", datetime), ("date", date), ("time", time)):
        if isinstance(value, sort):
            return {_MARK: [kind, value.isoformat()]}
    raise TypeError(f"a {class_name_of(value)} is no value that can be kept")


def unpacked(value: Any) -> Any:
    """What `packed` was given; tuples come back as lists."""
    if isinstance(value, list):
        return [unpacked(each) for each in value]
    if isinstance(value, dict):
        if set(value) == {_MARK}:
            kind, stored = value[_MARK]
            return _READ[kind](stored)
        return {key: unpacked(each) for key, each in value.items()}
    return value
