"""Pages that may end a session, on hosts of which the process that tries them has no connection of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler import run
from crawler.frontier.guard_learned import key_of
from crawler.frontier.shares import Sharers, Shares
from crawler.runs.knowledge import Knowledge
from tests.fleet.conftest import Fleet
from tests.fleet.unlucky import Unlucky

PAGES, SUSPECTS = 170, 8


def test_suspects_come_to_the_process_that_tries_them_whoever_has_the_connections_to_their_host(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more processes than connections some have none to a host. Two waited for each other, and the crawl stood."""
    blamed = {
        key_of(f"{fleet.site.url}/members/book/{each}"): ["one loss", "another"]
        for each in range(PAGES - SUSPECTS + 1, PAGES + 1)
    }
    account = fleet.site.accounts[0]
    for name, value in (("USERNAME", account.username), ("PASSWORD", account.password)):
        monkeypatch.setenv(f"CRAWL_DEFAULT_{name}", value)
    monkeypatch.setattr(Knowledge, "share_blames", lambda knowledge, blames: blamed)

    def none_for_the_first(sharers: Sharers, name: str, per_host: int, host: str) -> int:
        return 0 if len(sharers.names) > 1 and name.endswith(".0") else per_host

    monkeypatch.setattr(Sharers, "share", none_for_the_first)
    monkeypatch.setattr(Shares, "may_be_none", property(lambda shares: True))
    fleet.site.change(latency_s=0.02)
    arguments = {"site": fleet.site.url, "how": "well", "pages": str(PAGES)}
    settings = {"store": str(tmp_path / "crawl.db"), "processes": 2, "throttle": False, "max_time": 40, "min_items": 0}

    summary = run(Unlucky, arguments=arguments, settings=settings)

    assert (summary.ending, summary.waiting, summary.processes) != ("limit", 0, 1), summary
    assert summary.stopped_by == "", "it stood until its time was over"
    assert summary.pages + summary.failed == PAGES, summary
