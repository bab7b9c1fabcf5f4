"""Nested values of items: lists and dicts, holding values that JSON cannot represent. Pure.

`readable` is JSON for people and tools; `tagged` is JSON from which `untagged` makes an equal value: what JSON lacks is
an object with the one key ``$``, ``{"$": [kind, text]}``; so are dicts with keys that are not texts, or with that key.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

_MARK = "$"
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "bytes": lambda text: base64.b64decode(text),
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "real": float,
}


def is_plain(value: Any) -> bool:
    """Whether JSON gives the value back as it is."""
    if value is None or isinstance(value, str | bool | int):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return _MARK not in value and all(isinstance(key, str) and is_plain(each) for key, each in value.items())
    return isinstance(value, list | tuple) and all(map(is_plain, value))


def readable(value: Any) -> Any:
    """*value* for JSON: bytes as base64 in an object, times and decimals as text, NaN and infinities as null."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): readable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [readable(each) for each in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    kind, text = _as_text(value)
    return {"base64": text} if kind == "bytes" else text


def tagged(value: Any) -> Any:
    """*value* for JSON, from which `untagged` makes an equal one."""
    if isinstance(value, dict):
        pairs = [(tagged(key), tagged(each)) for key, each in value.items()]
        if _MARK in value or not all(isinstance(key, str) for key in value):
            return {_MARK: ["dict", [list(pair) for pair in pairs]]}
        return dict(pairs)
    if isinstance(value, list | tuple | set | frozenset):
        return [tagged(each) for each in value]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return {_MARK: list(_as_text(value))}


def untagged(given: Any) -> Any:
    """The value that `tagged` was given, tuples and sets as lists."""
    if isinstance(given, list):
        return [untagged(each) for each in given]
    if not isinstance(given, dict):
        return given
    if _MARK not in given:
        return {key: untagged(each) for key, each in given.items()}
    kind, content = given[_MARK]
    if kind == "dict":
        return {untagged(key): untagged(each) for key, each in content}
    return _FROM_TEXT[kind](content) if kind in _FROM_TEXT else content


def _as_text(value: Any) -> tuple[str, str]:
    if isinstance(value, bytes | bytearray | memoryview):
        return "bytes", base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Decimal):
        return "decimal", str(value)
    if isinstance(value, float):
        return "real", repr(value)
    for kind, sort in (("datetime", datetime), ("date", date), ("time", time)):
        if isinstance(value, sort):
            return kind, value.isoformat()
    return "text", str(value)
