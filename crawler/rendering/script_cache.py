"""Scripts and stylesheets that pages have loaded, kept for as long as their servers allow.

The browser's own cache is off while its requests are intercepted: each page would request the same scripts again. What
is kept is what a browser keeps, by RFC 9111, in its private cache: what is fresh, as the server says or, where it gives
only the time of the last change, for a tenth of its age. For a session at one epoch, in memory, for one run.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import Final

from crawler.rendering.page_rules import PageRequest
from crawler.response import Response
from crawler.sessions.session import Session

_KINDS: Final = frozenset({"script", "stylesheet"})
_MAX_AGE: Final = re.compile(r"\bmax-age\s*=\s*\"?(\d{1,10})")
_NOT_KEPT: Final = re.compile(r"\bno-(?:store|cache)\b")
_NEUTRAL: Final = frozenset({"accept-encoding", "origin", ""})  #: the same in all requests of one kind and session
_GUESSED_SHARE: Final = 0.1
_MOST_GUESSED_S: Final = 3_600.0

Key = tuple[str, int, str]
"""Name and epoch of a session, and a URL."""


class ScriptCache:
    """What is kept. Safe from any thread.

    Args:
        most_bytes: In total; what was least recently used goes first.
    """

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()  # guards the two below
        self._kept: OrderedDict[Key, tuple[float, Response]] = OrderedDict()
        self._bytes = 0

    def get(self, session: Session, asked: PageRequest, now: float) -> Response | None:
        """The answer that is still good at *now* (seconds since 1970), or None."""
        if asked.kind not in _KINDS or asked.method != "GET":
            return None
        key = session.name, session.epoch, asked.url
        with self._lock:
            until, response = self._kept.get(key, (0.0, None))
            if response is None or now >= until:
                return None
            self._kept.move_to_end(key)
            return response

    def put(self, session: Session, asked: PageRequest, response: Response, now: float) -> None:
        """Keep an answer that came at *now*, where its server allows it."""
        if asked.kind not in _KINDS or asked.method != "GET" or response.status_code != 200 or response.history:
            return
        fresh_s, size = fresh_for_s(response.headers, now), len(response.body)
        if fresh_s <= 0 or size > self._most_bytes:
            return
        key = session.name, session.epoch, asked.url
        with self._lock:
            self._forget(key)
            self._kept[key] = now + fresh_s, response
            self._bytes += size
            while self._bytes > self._most_bytes:
                self._forget(next(iter(self._kept)))

    def _forget(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1].body)


def fresh_for_s(headers: Mapping[str, str], now: float) -> float:
    """Seconds for which an answer that came at *now* is fresh; 0 where it may not be kept, or nothing says so.

    Source: RFC 9111, sections 4.1, 4.2.1 and 4.2.2.
    """
    said = str(headers.get("Cache-Control", "")).lower()
    vary = {each.strip().lower() for each in str(headers.get("Vary", "")).split(",")}
    if _NOT_KEPT.search(said) or "set-cookie" in {name.lower() for name in headers} or vary - _NEUTRAL:
        return 0.0
    age = str(headers.get("Age", "")).strip()
    age_s = float(age) if age.isascii() and age.isdigit() else 0.0
    date = _moment(headers.get("Date")) or now
    if found := _MAX_AGE.search(said):
        return float(found[1]) - age_s
    if headers.get("Expires") is not None:
        until = _moment(headers["Expires"])
        return 0.0 if until is None else until - date - age_s
    changed = _moment(headers.get("Last-Modified"))
    return 0.0 if changed is None else min((date - changed) * _GUESSED_SHARE, _MOST_GUESSED_S) - age_s


def _moment(date: str | None) -> float | None:
    try:
        parsed = parsedate_tz(date) if date else None
        return float(mktime_tz(parsed)) if parsed is not None else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
