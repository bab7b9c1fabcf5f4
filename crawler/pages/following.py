"""The links of a page that are followed: requests one by one for whoever asks, all in one piece for the engine.

A spider says ``yield from response.follow_all(...)`` and most links of a page are known already. So that a known link
costs no object and no step through the spider's code, the engine looks which iterator a callback is handing out at the
moment; when it is one of these, it takes what is left of it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from crawler.request import Request


class Followed(Iterator[Request]):
    """Plain requests for links of a page. Used by one thread at a time.

    Args:
        urls: Absolute and checked, without fragment.
        links: For each URL what was followed: an element, or its text and rel.
        callback: Name of a method, "" for `parse`.
        session: Name of the session that sends them; None inherits.
    """

    __slots__ = ("_links", "_next", "_urls", "callback", "session")

    def __init__(self, urls: list[str], links: list[Any], callback: str, session: str | None) -> None:
        self._urls, self._links, self._next = urls, links, 0
        self.callback, self.session = callback, session

    def __next__(self) -> Request:
        number = self._next
        if number >= len(self._urls):
            raise StopIteration
        self._next = number + 1
        return self.request(self._urls[number], self._links[number])

    def request(self, url: str, link: Any) -> Request:
        """The request for one of the links."""
        return Request.of_link(url, self.callback, self.session, link)

    def rest(self) -> list[tuple[str, Any]]:
        """Take all that is left: URLs, and what was followed. Nothing is left then."""
        start, self._next = self._next, len(self._urls)
        return list(zip(self._urls[start:], self._links[start:], strict=True))


def handed_out(source: Any) -> Followed | None:
    """The links that a callback was handing out (by ``yield from``) at its last yield; None: something else."""
    while isinstance(source, GeneratorType):
        source = source.gi_yieldfrom
    return source if isinstance(source, Followed) else None
