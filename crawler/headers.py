"""Headers in requests' own mapping, made quickly: from ready fields instead of name by name. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from requests.structures import CaseInsensitiveDict

Fields = Mapping[str, tuple[str, str]]  #: by name in lower case: the name as written, and the value


def fields_of(headers: Mapping[str, Any]) -> Fields | None:
    """The mapping underneath a `CaseInsensitiveDict`; None for another kind of mapping."""
    return getattr(headers, "_store", None)


def value_of(headers: Mapping[str, Any], lower: str) -> Any:
    """The value of a header, whose name is given in lower case; None where there is none."""
    fields: Fields | None = getattr(headers, "_store", None)
    if fields is None:
        return headers.get(lower)
    found = fields.get(lower)
    return None if found is None else found[1]


def pairs_of(headers: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Names as written, and values, as they stand at one moment: another thread may add some meanwhile."""
    fields = fields_of(headers)
    if isinstance(fields, dict):
        return list(dict.values(fields))  # an OrderedDict's own `values` steps from one to the next
    return list(headers.items())


_IS_KNOWN = vars(CaseInsensitiveDict()) == {"_store": OrderedDict()}  #: not so in another version of requests


def headers_of(fields: Fields) -> CaseInsensitiveDict[str]:
    """A new mapping of *fields*."""
    if not _IS_KNOWN:
        return CaseInsensitiveDict(fields.values())
    made: Any = object.__new__(CaseInsensitiveDict)
    made._store = OrderedDict(fields)
    headers: CaseInsensitiveDict[str] = made
    return headers


def copy_of(headers: CaseInsensitiveDict[str]) -> CaseInsensitiveDict[str]:
    """A mapping of its own with the same fields."""
    fields = fields_of(headers)
    return headers.copy() if fields is None else headers_of(fields)
