"""Headers in requests' own mapping, made quickly: from what is ready, instead of name by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requests.structures import CaseInsensitiveDict

Fields = Mapping[str, tuple[str, str]]  #: by name in lower case: the name as written, and the value


def fields_of(headers: Mapping[str, Any]) -> Fields | None:
    """What is below a `CaseInsensitiveDict`; None for another kind of mapping."""
    return getattr(headers, "_store", None)


def pairs_of(headers: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Names as written, and values, as they stand at one moment: another thread may add some meanwhile."""
    fields = fields_of(headers)
    if isinstance(fields, dict):
        return list(dict.values(fields))  # an OrderedDict's own way goes from one to the next
    return list(headers.items())


def headers_of(fields: Fields) -> CaseInsensitiveDict[str]:
    """A new mapping of *fields*."""
    made: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    below = getattr(made, "_store", None)
    if below is not None:
        below.update(fields)
    else:  # another version of requests
        made.update(fields.values())
    return made


def copy_of(headers: CaseInsensitiveDict[str]) -> CaseInsensitiveDict[str]:
    """A mapping of its own with the same fields."""
    fields = fields_of(headers)
    return headers.copy() if fields is None else headers_of(fields)
