"""A spider over many hosts; it is copied into project folders. Argument ``sites``: their addresses, blanks between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import Response, Spider


class ManyHosts(Spider):
    """The public books of each host."""

    name = "many_hosts"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{site}/catalogue/?page=1" for site in arguments["sites"].split()]

    def parse(self, response: Response) -> Iterator[Any]:
        yield from response.follow_all(css="a.next")
        yield from response.follow_all(css="a.book", callback=self.parse_book)

    def parse_book(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {"id": response.css("p.id::text").get(), "url": response.url}
