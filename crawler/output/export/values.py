"""Values as text: one row as JSON, one value as a cell, and what spreadsheets must not run.

What JSON cannot represent becomes text: decimals, times (ISO 8601), bytes (base64), NaN and infinities.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

#: First characters of a formula in Excel, LibreOffice and Google Sheets, their full-width twins, and the controls
#: that some of them skip. Source: OWASP, "CSV Injection".
_FORMULA = re.compile("[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
_NEGATIVE_NUMBER = re.compile(r"-\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?\Z")


def json_text(row: Any) -> str:
    """One row, or one value, on one line of JSON, readable text where UTF-8 can hold it."""
    try:
        text = json.dumps(row, ensure_ascii=False, default=_as_json, allow_nan=False)
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate: only an escape can express it
        return json.dumps(row, default=_as_json, allow_nan=False)
    except (TypeError, ValueError):  # NaN, an infinity, or a key that is no text, perhaps deep inside
        return json_text(_finite(row))
    return text


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_finite(each) for each in value]
    return value


def cell(value: Any) -> Any:
    """A value for a cell of CSV: a text or a number; nested ones as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return json_text(value)
    return value if isinstance(value, str | int | float) else str(_as_json(value))


def spreadsheet_safe(value: Any) -> Any:
    """A cell, with ``'`` in front when a spreadsheet would take its text for a formula."""
    if not isinstance(value, str) or not _FORMULA.match(value) or _NEGATIVE_NUMBER.match(value):
        return value
    return f"'{value}"


def plain(value: Any) -> Any:
    """A value for databases without types of their own: text, number, bytes, or None."""
    if value is None or isinstance(value, str | float | bytes):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return cell(value)


def writable(text: str) -> str:
    """A text that files of other programs can hold: lone surrogates are written as escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
