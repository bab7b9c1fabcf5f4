"""The spider of these measurements; it is copied into project folders. Each page tells which process parsed it.

Arguments: ``site`` and ``pages``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from crawler import Request, Response, Spider


class Paced(Spider):
    """Pages of one host."""

    name = "paced"

    def start(self) -> Iterator[Request]:
        for number in range(int(self.arguments["pages"])):
            yield Request(f"{self.arguments['site']}/{self.name}/{number}")

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {"url": response.url, "process": os.getpid()}
