"""A terminal, and numbers of a run, for tests of what a run says meanwhile."""

from __future__ import annotations

import io

from crawler import events


def told(at: float, pages: int) -> events.Progress:
    return events.Progress(at, pages, 300, 2, 480, 1, 12.34)


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True
