"""A machine that is too slow for its turns still sends, but no sooner than the delay allows."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from crawler.stores.sql.lease_rows import LeaseRows
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Net
from tests.urls_and_traps.test_redirects import Follower, links


def test_a_machine_on_which_each_turn_ends_before_it_can_be_used_fetches_all_pages(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[float] = []
    lease = LeaseRows.lease

    def late(rows: LeaseRows, *given: Any, **more: Any) -> Any:
        leased = lease(rows, *given, **more)
        time.sleep(0.055 if leased else 0.0)  # a turn with this delay may be used 10 ms late
        return leased

    def one_link(call: WireRequest) -> Answer:
        arrived.append(time.time())
        return links(f"/p{int(call.path[2:] or 0) + 1}") if len(arrived) < 4 else links()

    monkeypatch.setattr(LeaseRows, "lease", late)
    own = quick_net.host({"*": one_link})

    summary = crawl(Follower, own.url, tmp_path, delay=0.04, max_time=10, throttle=False)

    assert (summary.ending, summary.pages) == ("finished", 4), summary
    assert min(after - before for before, after in pairwise(arrived)) >= 0.035
