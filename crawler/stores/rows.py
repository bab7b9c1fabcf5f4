"""Values of items as SQLite keeps them, and back: what goes in comes out equal.

A column has a *kind*, fixed by the first value that it held (``text``, ``integer``, ``real``, ``blob``, ``json``,
``bool``, ``decimal``, ``datetime``, ``date``, ``time``; ``any`` when that was None). A value of this kind is stored as
it is, so that every SQLite tool reads it. A value that the column cannot hold as it is (text in a column of numbers, an
integer beyond 64 bits, NaN, text with NUL or lone surrogates) gets a *note* in the row's `_types` column: ``[kind,
original]`` by column, from which it is read back. A nested value containing something that JSON lacks (bytes, a
Decimal, a date, NaN, a key that is not a text) is stored as JSON for people and tools; its note has all of it.

The escape of text: backslash as ``\\\\``, NUL and lone surrogates as ``\\u0000``, ``\\ud800``; used for values with
such characters (kind ``escaped``) and for all names of fields and tables in the registry.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Integral
from typing import Any

from crawler.quick_dataclass import quick_dataclass
from crawler.stores.nested import is_plain, readable, tagged, untagged

_HOSTILE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(\\|u[0-9a-f]{4})")
_GREATEST_INTEGER = 2**63 - 1


def escape(text: str) -> str:
    """Text that any database takes; `unescape` gives back an equal one."""
    escaped = text.replace("\\", "\\\\")
    return _HOSTILE.sub(lambda found: f"\\u{ord(found.group()):04x}", escaped)


def unescape(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), text)


def harmless(text: str) -> str:
    """*text* unchanged if a database takes it, escaped otherwise; for logs and URLs, not to be read back."""
    return escape(text) if _HOSTILE.search(text) else text


@quick_dataclass
class Kind:
    """How values of one sort are stored.

    Attributes:
        sql: Type with which a column is made for this kind.
        encode: Turns a value into what is bound.
        decode: Turns what was stored into the value.
    """

    sql: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _bool(stored: Any) -> Any:
    return bool(int(stored))


def to_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=_jsonable, separators=(",", ":"))
    return json.dumps(value, default=_jsonable, separators=(",", ":")) if _HOSTILE.search(text) else text


def _jsonable(value: Any) -> Any:
    """Values that JSON lacks, inside a nested field: bytes as base64, sets as lists, the rest as text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


KINDS: dict[str, Kind] = {
    "text": Kind("TEXT", _same, _same),
    "integer": Kind("INTEGER", _same, int),
    "real": Kind("REAL", _same, float),
    "blob": Kind("BLOB", bytes, _same),  # like "any": nothing is converted there
    "bool": Kind("INTEGER", int, _bool),
    "json": Kind("TEXT", to_json, json.loads),
    "decimal": Kind("TEXT", str, Decimal),
    "datetime": Kind("TEXT", datetime.isoformat, datetime.fromisoformat),
    "date": Kind("TEXT", date.isoformat, date.fromisoformat),
    "time": Kind("TEXT", time.isoformat, time.fromisoformat),
    "escaped": Kind("TEXT", escape, unescape),
    "base64": Kind("TEXT", lambda value: base64.b64encode(value).decode("ascii"), base64.b64decode),
    "any": Kind("BLOB", _same, _same),  # the declared type BLOB converts nothing
    "nested": Kind("TEXT", to_json, untagged),  # only the note is read back
}

_KIND_OF: dict[type, str] = {
    str: "text",
    int: "integer",
    float: "real",
    bytes: "blob",
    bytearray: "blob",
    memoryview: "blob",
    bool: "bool",
    Decimal: "decimal",
    datetime: "datetime",
    date: "date",
    time: "time",
    dict: "json",
    list: "json",
    tuple: "json",
}
#: Kind to the one type whose values are bound unchecked (besides None).
#: In the column for rules, for a request that does not end as skipped: it was done in a session that was lost.
FETCHED_AGAIN = "fetched again"
PLAIN_TYPE: dict[str, type] = {"text": str, "integer": int, "real": float, "blob": bytes}


def kind_of(value: Any) -> str:
    """The kind that fits a value; ``any`` for None. Unknown types become text or JSON."""
    if value is None:
        return "any"
    known = _KIND_OF.get(type(value))
    if known is None:
        known = next((kind for sort, kind in _KIND_OF.items() if isinstance(value, sort) and sort is not int), None)
        if known is None:
            known = "integer" if isinstance(value, Integral) else "json"
    return known


def store_value(value: Any, kind: str) -> tuple[Any, list[Any] | None]:
    """What to bind for *value* in a column of *kind*, and the note needed to read it back, or None."""
    if value is None:
        return None, None
    own = kind_of(value)
    if own == "json" and not is_plain(value):
        return to_json(readable(value)), ["nested", tagged(value)]
    stored = KINDS[own].encode(value)
    if own == "text":
        stored = str.__str__(stored)
        if _HOSTILE.search(stored):
            stored, own = escape(stored), "escaped"
    elif own == "integer":
        stored = int(stored)
        if not -_GREATEST_INTEGER - 1 <= stored <= _GREATEST_INTEGER:
            return _digits(stored), ["integer", hex(stored)]
    elif own == "real":
        stored = float(stored)
        if stored != stored:
            return None, ["real", "nan"]
    if own == kind:
        return stored, None
    if own == "escaped" and KINDS[kind].sql == "TEXT":
        return stored, [own]
    return _foreign(stored, own, kind)


def _foreign(stored: Any, own: str, kind: str) -> tuple[Any, list[Any] | None]:
    """A value of kind *own* in a column of another *kind*: what the affinity would change goes into the note."""
    affinity = KINDS[kind].sql
    if affinity == "BLOB":  # nothing is converted there; storage tells text, numbers and bytes apart
        return stored, None if own in PLAIN_TYPE else [own]
    if isinstance(stored, bytes):
        return stored, [own]
    if affinity == "TEXT":
        return (stored if isinstance(stored, str) else repr(stored)), [own]
    return stored, [own, repr(stored) if isinstance(stored, int | float) else stored]


def load_value(stored: Any, kind: str, note: list[Any] | None) -> Any:
    """The value that `store_value` was given."""
    if note is None:
        if stored is None or kind == "any":
            return stored
        return KINDS[kind].decode(stored)
    own = note[0]
    source = note[1] if len(note) > 1 else stored
    if own == "integer" and isinstance(source, str):
        return int(source, 0)
    return KINDS[own].decode(source)


def read_back(value: Any) -> Any:
    """*value* as it is after being stored and read back."""
    kind = kind_of(value)
    stored, note = store_value(value, kind)
    return load_value(stored, kind, note)


def _digits(number: int) -> str:
    """The decimal digits for people and tools, or hexadecimal where Python refuses so many decimals."""
    try:
        return str(number)
    except ValueError:
        return hex(number)
