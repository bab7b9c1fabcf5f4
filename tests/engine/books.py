"""The spider of the tests of leases; it is copied into a project folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import Response, Spider


class Books(Spider):
    """Every book that everybody may see."""

    name = "books"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/book/{number}" for number in range(1, 41)]

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {"id": response.url}
