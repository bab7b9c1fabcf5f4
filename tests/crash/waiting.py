"""Waiting for what a process under test does, bounded."""

from __future__ import annotations

import time
from collections.abc import Callable

from crawler.testing import SiteProcess

WITHIN_S = 30.0


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Ask again and again until it is so.

    Raises:
        TimeoutError: It did not become so.
    """
    ends = time.monotonic() + WITHIN_S
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {WITHIN_S:g} s: {what}")
        time.sleep(0.01)


def wait_for_pages(site: SiteProcess, count: int) -> None:
    """Until the site has answered so many pages behind the login."""
    wait_until(lambda: pages(site) >= count, f"{count} pages")


def pages(site: SiteProcess) -> int:
    """How many pages behind the login the site has answered."""
    return sum(times for url, times in site.record.hits.items() if "/members/" in url)
