"""Logins and probes at a host with a delay: each of their requests in its turn, and none of them behind many others."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Response
from crawler.engine import application
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net, quick_net
from tests.sessions_e2e.portal import Home, Portal

__all__ = ["quick_net"]

_DELAY_S = 0.15
_JITTER_S = 0.05  # of arrivals on a busy machine; what is reserved is measured exactly in tests of politeness


class Many(Home):
    """Twenty pages besides the first one."""

    name = "many"

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"page": response.url}
        yield from (response.follow(f"/p/{number}") for number in range(20))


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "pa55-of-ann")


def test_a_login_in_the_middle_takes_the_turns_of_pages_that_wait_for_it(quick_net: Net, tmp_path: Path) -> None:
    """Moments are reserved for three seconds ahead; a login of four requests waited for those first."""
    portal = Portal(allowed=("/home", "/welcome", *(f"/p/{number}" for number in range(20))))
    portal.pages_each = 9
    calls: list[tuple[float, str]] = []

    def answer(call: WireRequest) -> Answer:
        calls.append((time.monotonic(), f"{call.method} {call.path}"))
        return portal(call)

    own = quick_net.host({"*": answer})
    run = application.run(
        Many,
        arguments={"site": own.url},
        settings={"store": str(tmp_path / "crawl.db"), "delay": _DELAY_S, "robots": False},
    )

    gaps = [after[0] - before[0] for before, after in itertools.pairwise(calls)]
    assert run.item_count == 21
    assert run.logins >= 2
    assert min(gaps) >= _DELAY_S - _JITTER_S, "not even a login comes too early"
    assert max(gaps) < 1.0, [
        f"{gap:.2f} s before {what}" for gap, (_, what) in zip(gaps, calls[1:], strict=True) if gap > 1
    ]
