"""Whether a page need not be asked for yet: by the user's `max_age`, or by what its server has said (RFC 9111). Pure.

The rules of RFC 9111 are those of hishel (extra `http-cache`), asked as a private cache that serves nothing stale. Its
heuristics for pages whose server says nothing are left out: a crawl that guesses would miss changes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, mktime_tz, parsedate_tz
from importlib import import_module
from types import ModuleType

from crawler.errors import UsageError
from crawler.outcome import PageVisit

_SAID = ("Cache-Control", "Expires", "Date", "Age")


def rules() -> ModuleType:
    """The library.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return import_module("hishel")
    except ImportError:
        raise UsageError(
            "http_cache = 'rfc' needs the extra `http-cache`: pip install 'crawl-sessions[http-cache]'"
        ) from None


def caching_lines(headers: Mapping[str, str]) -> str:
    """The headers that decide freshness, as lines "name: value"; "" where the server has said nothing."""
    found = {name: str(headers[name]) for name in _SAID if name in headers}
    if found.keys() <= {"Date", "Age"}:
        return ""
    return "\n".join(f"{name}: {' '.join(value.split())}" for name, value in found.items())


def forbids_keeping(headers: Mapping[str, str]) -> bool:
    """Whether nothing of an answer may be kept (``no-store``)."""
    return "no-store" in str(headers.get("Cache-Control", "")).lower()


def is_young(visit: PageVisit, max_age_s: float, now: float) -> bool:
    """Whether a page was seen less than *max_age_s* seconds ago. A clock that was put back says nothing."""
    return 0 <= now - visit.checked_at < max_age_s


def is_fresh(visit: PageVisit, now: float) -> bool:
    """Whether the server's own words let a page count as unchanged at *now*, seconds since 1970."""
    if not visit.caching or now < visit.checked_at:
        return False
    said = {name: value for name, _, value in (line.partition(": ") for line in visit.caching.split("\n"))}
    made_at = _made_at(said, visit.checked_at)
    shift_s = time.time() - now  # the library looks at the clock itself
    library = rules()
    headers = {"Date": _date(made_at + shift_s)}
    if "Cache-Control" in said:
        headers["Cache-Control"] = said["Cache-Control"]
    if "Expires" in said:
        until, date = _seconds(said["Expires"]), _seconds(said.get("Date", ""))
        lifetime_s = -1.0 if until is None else until - (visit.checked_at if date is None else date)
        headers["Expires"] = _date(made_at + shift_s + lifetime_s)
    asked = library.Request(method="GET", url="http://page.invalid/", headers=library.Headers({}))
    answer = library.Response(status_code=200, headers=library.Headers(headers))
    from uuid import UUID  # loaded where the library is

    entry = library.Entry(id=UUID(int=0), request=asked, response=answer)
    state = library.IdleClient(options=library.CacheOptions(shared=False, allow_stale=False)).next(asked, [entry])
    return isinstance(state, library.FromCache)


def _made_at(said: Mapping[str, str], checked_at: float) -> float:
    """When the server made the answer: the age that it had on arrival counts from then (RFC 9111, 4.2.3)."""
    age = said.get("Age", "").split(",")[0].strip()
    of_caches_s = float(age) if age.isdigit() else 0.0
    date = _seconds(said.get("Date", ""))
    apparent_s = max(checked_at - date, 0.0) if date is not None else 0.0
    return checked_at - max(of_caches_s, apparent_s)


def _seconds(date: str) -> float | None:
    try:
        parsed = parsedate_tz(date)
        return float(mktime_tz(parsed)) if parsed is not None else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
