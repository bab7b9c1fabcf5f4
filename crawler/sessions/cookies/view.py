"""The cookies that can go to one host over one scheme, and the headers made of them.

Which cookies go to a path is decided by the longest cookie path that matches it, since all shorter ones that match the
path also match that one. So there are no more headers than cookie paths, and each is made once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from crawler.sessions.cookies.rules import Cookie, wire_length
from crawler.sessions.cookies.scope import path_match

MAX_HEADER_BYTES: Final = 65_536 - len("Cookie: ")  # the whole line: sessions in chunks of 4 kB are common
SHORT_HEADER_BYTES: Final = 8_190 - len("Cookie: ")  # what Apache takes, for a server that has refused a longer one

Key = tuple[str, str, bool, str]  # domain, name, host_only, path. Source: RFC 6265bis section 5.7, step 23


def key_of(cookie: Cookie) -> Key:
    """What tells one cookie from another."""
    return cookie.domain, cookie.name, cookie.host_only, cookie.path


class Header:
    """A Cookie header and what is in it. `last_used` is written without a lock: the last writer wins, by design."""

    __slots__ = ("keys", "last_used", "text")

    def __init__(self, text: str, keys: tuple[Key, ...]) -> None:
        self.text, self.keys, self.last_used = text, keys, 0.0


class View:
    """The cookies that can go to one host over one scheme. Nothing but its memory of headers changes."""

    __slots__ = ("_cookies", "_headers", "_most_bytes", "paths", "until")

    def __init__(self, cookies: Iterable[Cookie], most_bytes: int = MAX_HEADER_BYTES) -> None:
        self._most_bytes = most_bytes
        self._cookies = sorted(cookies, key=lambda cookie: (-len(cookie.path), cookie.order))
        self.until = min((c.expires for c in self._cookies if c.expires is not None), default=float("inf"))
        self.paths = tuple(dict.fromkeys(c.path for c in self._cookies if c.path != "/"))  # longest first
        self._headers: dict[str, Header] = {}

    def header(self, path: str) -> Header:
        """The header for *path*, from memory where it is there. Two threads may both make it; one is kept."""
        longest = next((p for p in self.paths if path_match(path, p)), "/")
        found = self._headers.get(longest)
        if found is None:
            fitting = [c for c in self._cookies if path_match(longest, c.path)]
            found = self._headers[longest] = _fitting(fitting, self._most_bytes)
        return found

    def headers(self) -> list[Header]:
        """Those that have been asked for so far."""
        return list(self._headers.values())


def _fitting(cookies: list[Cookie], most_bytes: int) -> Header:
    """The header of *cookies* (in sending order); where they are too many, those stay that were there first."""
    sizes = {id(cookie): wire_length(cookie.pair) + 2 for cookie in cookies}
    if sum(sizes.values()) - 2 > most_bytes:
        room, chosen = most_bytes + 2, set()
        for cookie in sorted(cookies, key=lambda cookie: cookie.order):
            if sizes[id(cookie)] <= room:
                room -= sizes[id(cookie)]
                chosen.add(id(cookie))
        cookies = [cookie for cookie in cookies if id(cookie) in chosen]
    return Header("; ".join([cookie.pair for cookie in cookies]), tuple(map(key_of, cookies)))
