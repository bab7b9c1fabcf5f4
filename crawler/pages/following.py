"""The links of a page that are followed: one request at a time for a spider, all at once for the engine.

A spider says ``yield from response.follow_all(...)`` and most links of a page are known already. So that a known link
costs no object and no step through the spider's code, the engine checks which iterator a callback is handing out at the
moment; if it is one of these, it takes the remaining links at once, as they are written in the page: by that text a
link that needs no row is recognised, before it is resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from itertools import compress
from types import GeneratorType
from typing import Any

from crawler.link_text import says_by_script
from crawler.pages.targets import of_page, of_site
from crawler.request import Request


class Followed(Iterator[Request]):
    """Plain requests for links of a page. Used by one thread at a time.

    Args:
        hrefs: As they are written.
        links: For each of them what was followed: an element, or its text and rel.
        target: The URL to fetch for a link, without fragment; "" for what cannot be fetched, which is skipped.
        place: On which a link, as it is written, always has the same target, unless it is one `of_page`.
        site: The same for links that are `of_site`.
        callback: Name of a method, "" for `parse`.
        session: Name of the session that sends them; None inherits.
    """

    __slots__ = ("_hrefs", "_links", "_next", "callback", "place", "session", "site", "target")

    def __init__(
        self,
        hrefs: list[str],
        links: list[Any],
        target: Callable[[str], str],
        *,
        place: str = "",
        site: str = "",
        callback: str = "",
        session: str | None = None,
    ) -> None:
        self._hrefs, self._links, self._next = hrefs, links, 0
        self.target, self.place, self.site = target, place, site
        self.callback, self.session = callback, session

    def __next__(self) -> Request:
        hrefs, number = self._hrefs, self._next
        while number < len(hrefs):
            url = self.target(hrefs[number])
            number += 1
            self._next = number
            if url:
                return self.request(url, self._links[number - 1])
        raise StopIteration

    def request(self, url: str, link: Any) -> Request:
        """The request for one of the links."""
        return Request.of_link(url, self.callback, self.session, link)

    def left(self) -> list[str]:
        """Those that are left, as they are written."""
        return self._hrefs[self._next :]

    def urls(self) -> list[str]:
        """Where those lead that are left."""
        return [url for href in self.left() if (url := self.target(href))]

    def rest(
        self, seen: Container[str], settled: Container[str], of_all: Container[str] = ()
    ) -> tuple[list[tuple[str, Any]], list[str], list[str]]:
        """Take all that is left. Nothing is left then.

        Args:
            seen: URLs that need no request.
            settled: Links as they are written, on pages of this `place`, that need none.
            of_all: The same for pages of this `site`.
        Returns:
            The other links, each once: URL, and what was followed; and links that turned out to be settled, on pages
            of this `place` and of this `site`.
        """
        hrefs, links = self._hrefs, self._links
        if self._next:
            hrefs, links = hrefs[self._next :], links[self._next :]
        self._next = len(self._hrefs)
        target = self.target
        fresh: dict[str, Any] = {}
        here: list[str] = []
        everywhere: list[str] = []
        looked: set[str] = set()  # each once: a page may hold one link a million times
        for href, link in zip(hrefs, links, strict=True):
            if href in of_all or href in settled or href in looked:
                continue
            looked.add(href)
            url = target(href)
            if url and url not in seen:
                fresh.setdefault(url, link)
            elif not of_page(href):
                (everywhere if of_site(href) else here).append(href)
        return list(fresh.items()), here, everywhere


def without_scripted(hrefs: list[str], links: list[Any]) -> tuple[list[str], list[Any], tuple[list[str], list[Any]]]:
    """Links as they are written, what was followed, and both for those that a script sends, which are returned apart.

    Of two links to one address the first counts, and one that a script sends must not stand for a plain one.
    """
    by_script = [says_by_script(each) for each in links]
    if not any(by_script):
        return hrefs, links, ([], [])
    apart = list(compress(hrefs, by_script)), list(compress(links, by_script))
    plain = [not each for each in by_script]
    return list(compress(hrefs, plain)), list(compress(links, plain)), apart


def handed_out(source: Any) -> Followed | None:
    """The links that a callback was handing out (by ``yield from``) at its last yield; None: something else."""
    while isinstance(source, GeneratorType):
        source = source.gi_yieldfrom
    return source if isinstance(source, Followed) else None
