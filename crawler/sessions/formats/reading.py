"""What all formats share: which characters the bytes of a file are, and when a cookie ends, given a number. Pure.

Windows PowerShell writes UTF-16 for ``>``, Notepad puts a BOM in front of UTF-8; browsers keep milliseconds, Chromium's
own database microseconds since 1601. The bytes and the size of the number say which it is.
"""

from __future__ import annotations

import codecs
from typing import Any, Final

from crawler.errors import UsageError
from crawler.late_pattern import late_pattern
from crawler.sessions.cookies.dates import parse_cookie_date

_MARKS: Final = (  # the longer first: a UTF-32 mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LAST_SECOND: Final = 253_402_300_800.0  # the year 10000: what is beyond counts in something smaller
_SMALLEST_MICRO: Final = 1e14
_SINCE_1601: Final = 1e16  # microseconds: Windows and Chromium count from there
_FROM_1601_TO_1970_S: Final = 11_644_473_600.0
_NO_END: Final = frozenset(
    ("", "session", "at end of session", "when the browsing session ends", "never", "none", "null")
)
_NUMBER: Final = late_pattern(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?\Z")
_ISO: Final = late_pattern(r"\d{4}-\d\d-\d\d[T ]")


class Unreadable(ValueError):
    """An end of a cookie that is not a moment."""


def decoded(data: bytes, name: str) -> str:
    """The text of a file that another program wrote.

    Args:
        name: Of the file, for the error.
    Raises:
        UsageError: It is in none of the encodings of Unicode.
    """
    encoding = next((known for mark, known in _MARKS if data.startswith(mark)), "")
    if not encoding:
        start = data[:200]
        if start[1::2].count(0) > len(start) // 3:
            encoding = "utf-16-le"
        elif start[::2].count(0) > len(start) // 3:
            encoding = "utf-16-be"
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not {'UTF-16' if 'utf-16' in encoding else 'UTF-8'}: save it as UTF-8") from None


def end_of(value: Any) -> float | None:
    """The end of a cookie in seconds since 1970; None where there is none, also written as 0, -1 or ``session``.

    Raises:
        Unreadable: It is not a moment.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _NO_END:
            return None
        if _NUMBER.match(text):
            return end_of(float(text))
        return _of_date(text)
    if not isinstance(value, int | float) or value != value:
        raise Unreadable
    number = float(value) if abs(value) < 1e300 else 1e300
    if number <= 0:
        return None
    if number < _LAST_SECOND:
        return number
    if number < _SMALLEST_MICRO:
        return number / 1e3
    if number < _SINCE_1601:
        return number / 1e6
    return min(max(number / 1e6 - _FROM_1601_TO_1970_S, 1.0), _LAST_SECOND - 1)


def _of_date(text: str) -> float | None:
    from datetime import UTC, datetime

    if _ISO.match(text):
        try:
            found = datetime.fromisoformat(text)
            return end_of((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError, OSError):
            raise Unreadable from None
    moment = parse_cookie_date(text)
    if moment is None:
        raise Unreadable
    return end_of(moment)


def host_of_column(text: str) -> tuple[str, bool]:
    """The host of a column or field that says whose a cookie is, and whether subdomains get it, too.

    A port, a scheme and a path are left out: cookies know none of them.
    """
    rest = text.strip().lower()
    rest = rest.partition("://")[2] or rest
    rest = rest.partition("/")[0]
    wide = rest.startswith(".")
    rest = rest.removeprefix(".")
    if rest.startswith("["):
        rest = rest[1:].partition("]")[0]
    elif rest.count(":") == 1:
        rest = rest.partition(":")[0]
    return rest, wide
