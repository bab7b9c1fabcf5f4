"""The requests that a page gives, in short form: noted while its callback runs, given again while it is unchanged.

All of them count, even those that the frontier knew already: in the next crawl another page may be the first to name
them. What the logout guard has refused because of a link's text stays refused: the text itself is not kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from crawler.link_text import BY_SCRIPT_ALONE, SENT_BY_SCRIPT, says_by_script
from crawler.outcome import Found
from crawler.pages.targets import Targets
from crawler.request import Request
from crawler.stores.contents import pack_text, unpack_text
from crawler.url_users import gives_user

_MOST_BYTES = 1 << 20  #: of one page, before they are packed


class Group(NamedTuple):
    """Plain requests with one callback and one session."""

    callback: str
    session: str | None
    urls: list[str]


class LinksGiven:
    """Notes what one page gives. Used by one thread.

    Args:
        refused: URL to the rule by which the guard has refused it, as far as this process knows.

    Attributes:
        incomplete: The page gave something else, too, which could not be given again.
    """

    def __init__(self, refused: Mapping[str, str]) -> None:
        self._refused = refused
        self._groups: dict[tuple[str, str | None], dict[str, None]] = {}
        self._written: list[tuple[str, str | None, Targets, list[str]]] = []
        self._others: list[list[object]] = []
        self._own_refused: dict[str, str] = {}
        self.incomplete = False

    def several(self, callback: str, session: str | None, urls: Iterable[str]) -> None:
        """Plain requests."""
        group = dict.fromkeys(urls)
        before = self._groups.get((callback, session))
        self._groups[callback, session] = group if before is None else before | group

    def written(self, callback: str, session: str | None, target: Targets, hrefs: list[str]) -> None:
        """Plain requests for links as written: most are known, and where they lead has not been looked up."""
        self._written.append((callback, session, target, hrefs))

    def refused(self, url: str, row: Found | None) -> None:
        """What admission has decided about a link that is already noted."""
        if row is not None and row.skipped[:5] == "guard" and row.skipped != BY_SCRIPT_ALONE:
            self._own_refused[url] = row.skipped

    def one(self, link: Request, row: Found | None) -> None:
        """Any request.

        Args:
            row: What admission has decided about it; None where it was known.
        """
        extras = row.extras if row is not None else link.extras() if link.is_more_than_plain else ""
        by_script = says_by_script(link.link)
        if extras or link.priority or by_script:
            other: list[object] = [link.url, link.callback, link.session, link.priority, extras]
            self._others.append([*other, SENT_BY_SCRIPT] if by_script else other)
        else:
            key = link.callback, link.session
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = {}
            group[link.url] = None
        self.refused(link.url, row)

    def _as_written(self) -> list[str]:
        """Groups of links as written, as text; where that is impossible or must not be, their URLs are noted."""
        kept = []
        for callback, session, target, hrefs in self._written:
            different = dict.fromkeys(filter(None, hrefs))
            text = "\n".join(different)
            if self._refused or gives_user(text) or text.count("\n") >= len(different) > 0:
                self.several(callback, session, filter(None, map(target, hrefs)))
            elif text:
                kept.append(f"{callback}\t{session or ''}\t{target.charset}\t{target.base}\n{text}")
        return kept

    def packed(self) -> tuple[bytes, str] | None:
        """The plain requests, packed, and the others as text, which may hold secrets; None for no visit to record."""
        if self.incomplete:
            return None
        written = self._as_written()
        if not self._groups and not self._others and not written:
            return b"", ""
        refused = self._own_refused
        if self._refused:
            for urls in self._groups.values():
                refused = refused | {url: self._refused[url] for url in urls.keys() & self._refused.keys()}
        parts = [json.dumps(refused) if refused else ""]
        for (callback, session), urls in self._groups.items():
            parts.append("\n".join([f"{callback}\t{session or ''}", *urls]))  # there is no line end in a URL
        text = "\n\n".join(parts + written)
        others = json.dumps(self._others) if self._others else ""
        if len(text) + len(others) > _MOST_BYTES:
            return None
        return pack_text(text), others


def groups_of(packed: bytes) -> tuple[list[Group], dict[str, str]]:
    """The plain requests, and URL to the rule by which the guard has refused it."""
    if not packed:
        return [], {}
    refused, *groups = unpack_text(packed).split("\n\n")
    found = []
    for group in groups:
        head, *urls = group.split("\n")
        callback, session, *page = head.split("\t")
        if page:
            charset, base = page
            urls = [url for url in dict.fromkeys(map(Targets(base, charset), urls)) if url]
        found.append(Group(callback, session or None, urls))
    return found, json.loads(refused) if refused else {}


def others_of(text: str) -> Iterator[Request]:
    """The other requests."""
    for url, callback, session, priority, extras, *rel in json.loads(text) if text else ():
        request = Request.restore(url, callback=callback, session="", priority=priority, depth=0, extras=extras)
        request.session = session
        if rel:
            request.link = "", rel[0]
        yield request
