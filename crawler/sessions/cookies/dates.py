"""Cookie dates, by the forgiving rules that servers have come to rely on.

Pure. A date costs time in proportion to its length and nothing else, whatever a hostile server writes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_TOKEN: Final = re.compile(r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")  # all but the delimiters of the RFC
_TIME: Final = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY: Final = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR: Final = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}


def parse_cookie_date(text: str) -> float | None:
    """Read a cookie date.

    Args:
        text: The value of an Expires attribute or of a Date header, in any of the forms in use.
    Returns:
        Seconds since 1970 (UTC; below 0 for earlier dates), or None when *text* is not a date. Never raises.

    Source: RFC 6265 section 5.1.1.
    """
    clock: tuple[int, int, int] | None = None
    day = month = year = None
    for token in _TOKEN.findall(text):
        if clock is None and (found := _TIME.match(token)):
            clock = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS[token[:3].lower()]
        elif year is None and (found := _YEAR.match(token)):
            year = int(found[1])
    if clock is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    try:
        return datetime(year, month, day, *clock, tzinfo=UTC).timestamp()
    except ValueError:  # 31 February, 25 o'clock, the 61st minute
        return None
