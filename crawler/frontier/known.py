"""What a process remembers of the frontier: links that need no row, so that the store is not asked about them.

It forgets when it is full, which costs another look at a link and nothing else; for the same reason it is safe from any
thread without a lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from crawler.link_text import BY_SCRIPT_ALONE
from crawler.outcome import Found

_MOST: Final = 30_000  #: fingerprints of requests; with their URLs about 9 MB. Also the most links as written
_MOST_REFUSED: Final = 5_000  #: by a rule: most are links to other sites, and each page has different ones


class KnownLinks:
    """Requests that are known to be in the frontier. Safe from any thread."""

    def __init__(self) -> None:
        self.fingerprints: set[bytes] = set()
        self._urls: dict[str, set[str]] = {}  # of plain requests among them, by the session that sends them
        self._count = 0  # of these URLs
        self._refused: list[Found] = []
        self.refused: dict[str, str] = {}  #: URL to the rule of the guard, of plain requests among them
        self._refused_marks: dict[bytes, str] = {}
        self._written: dict[tuple[str, str], set[str]] = {}  # links as they are written, by session and place
        self._written_count = 0

    def urls(self, session: str) -> set[str]:
        """URLs whose plain requests by *session* are known. Not all of them are here."""
        return self._urls.get(session) or set()

    def written(self, session: str, place: str) -> set[str]:
        """Links as they are written in the pages of a place, that need no row for *session*."""
        return self._written.get((session, place)) or set()

    def settle(self, session: str, place: str, links: list[str]) -> None:
        """These links need no row: they lead to what is known, or nowhere."""
        if self._written_count > _MOST:
            self._written, self._written_count = {}, 0
        self._written.setdefault((session, place), set()).update(links)
        self._written_count += len(links)

    def spelled(self, url: str, session: str, mark: bytes) -> None:
        """Another spelling of the URL of a plain request that is known, with its fingerprint."""
        if self._count < _MOST:
            self._see(url, session)
            if mark in self._refused_marks:
                self.refused[url] = self._refused_marks[mark]

    def forget(self) -> None:
        """Nothing is certain any more: the store may have lost what it said is stored."""
        self.fingerprints, self._refused, self._refused_marks = set(), [], {}
        self._urls, self._count, self.refused = {}, 0, {}
        self._written, self._written_count = {}, 0

    def learn(self, committed: Iterable[Found]) -> None:
        """These are in the frontier now."""
        if len(self.fingerprints) > _MOST:
            self.fingerprints, self._refused, self._refused_marks = set(), [], {}
        if self._count > _MOST:
            self._urls, self._count, self.refused = {}, 0, {}
        for row in committed:
            self.fingerprints.add(row.fingerprint)
            if row.skipped == BY_SCRIPT_ALONE:
                continue  # a plain link to the same URL is another request
            if not row.extras:
                self._see(row.url, row.session)
            if row.skipped:
                self._learn_refused(row)
        if len(self._refused) > _MOST_REFUSED:
            self._forget_refused()

    def _learn_refused(self, row: Found) -> None:
        if row.skipped[:5] == "guard":
            self._refused_marks[row.fingerprint] = self.refused[row.url] = row.skipped
        else:
            self._refused.append(row)

    def _forget_refused(self) -> None:
        refused, self._refused = self._refused, []
        self.fingerprints.difference_update([row.fingerprint for row in refused])
        for row in refused:
            self.urls(row.session).discard(row.url)
        self._count = sum(map(len, list(self._urls.values())))  # at once: another thread may meet another session

    def _see(self, url: str, session: str) -> None:
        self._urls.setdefault(session, set()).add(url)
        self._count += 1
