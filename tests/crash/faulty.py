"""A spider whose callback goes wrong in a way that can be chosen; it is copied into project folders.

Arguments: ``site``, ``how`` (see `Faulty.parse_book`) and ``links`` (for ``how=links``: how many).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

from crawler import Request, Response, Spider

GOOD = 5  #: books up to this number are parsed as they should be


class Faulty(Spider):
    """The public books; from the sixth on the callback breaks."""

    name = "faulty"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/catalogue/?page=1"]

    def parse(self, response: Response) -> Iterator[Request]:
        if self.arguments["how"] == "links":
            count = int(self.arguments["links"])
            yield from (Request(f"{self.arguments['site']}/book/{number}") for number in range(1_000, 1_000 + count))
        else:
            yield from response.follow_all(css="a.book", callback=self.parse_book)
            yield from response.follow_all(css="a.next")

    def parse_book(self, response: Response) -> Any:
        number = int(response.css("p.id::text").get() or 0)
        if number <= GOOD:
            return [{"id": number}]
        return getattr(self, f"break_{self.arguments['how']}")(number)

    def break_memory(self, number: int) -> Any:
        raise MemoryError

    def break_exit(self, number: int) -> Any:
        raise SystemExit(3)

    def break_interrupt(self, number: int) -> Any:
        raise KeyboardInterrupt

    def break_recursion(self, number: int) -> Any:
        return self.break_recursion(number + 1)

    def break_error(self, number: int) -> Any:
        raise ValueError(f"no price on book {number}")

    def break_halfway(self, number: int) -> Iterator[dict[str, int]]:
        yield {"id": number}
        raise KeyError("upc")

    def break_none(self, number: int) -> Any:
        return None

    def break_text(self, number: int) -> Any:
        return "a text"

    def break_number(self, number: int) -> Any:
        return 7

    def break_endless(self, number: int) -> Any:
        for _ in itertools.count():
            time.sleep(0.05)
