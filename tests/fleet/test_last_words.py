"""A crawl of several machines ends by the last words of those that have nothing to do, and not by their leaving."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from crawler import run
from crawler.engine import crawl
from crawler.runs import lead
from crawler.runs.peers import Peers
from crawler.stores.sql.frontier_rows import FrontierRows
from tests.fleet.conftest import Fleet
from tests.fleet.unlucky import Unlucky


def test_a_crawl_of_two_machines_ends_at_once_and_its_pages_are_proved_as_those_of_one(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited_s, proved = list[float](), list[int]()
    others, prove = Peers.others, FrontierRows.prove_frontier

    def timed(peers: Peers, **patience: Any) -> Any:
        began = time.monotonic()
        found = others(peers, **patience)
        waited_s.append(time.monotonic() - began)
        return found

    def noted(rows: FrontierRows, frontier: int) -> None:
        proved.append(frontier)
        prove(rows, frontier)

    for module, patience in ((lead, "_PATIENCE_S"), (crawl, "_OTHERS_END_S")):  # this machine may be busy
        monkeypatch.setattr(module, patience, 30.0)
    monkeypatch.setattr(Peers, "others", timed)
    monkeypatch.setattr(FrontierRows, "prove_frontier", noted)
    account = fleet.site.accounts[0]
    for name, value in (("KEY", fleet.key), ("DEFAULT_USERNAME", account.username)):
        monkeypatch.setenv(f"CRAWL_{name}", value)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", account.password)
    fleet.site.change(latency_s=0.2)
    arguments = {"site": fleet.site.url, "how": "well", "pages": "24"}
    typed = [part for name, value in arguments.items() for part in ("-a", f"{name}={value}")]
    words = ["worker", "unlucky", *typed, "--store", fleet.address, "--wait", "--until-empty"]
    with fleet.machine(spider=Path(__file__).with_name("unlucky.py")).start(
        words, environment={"CRAWL_KEY": fleet.key}
    ) as other:
        settings = {"store": fleet.address, "workers": 1, "throttle": False, "per_host": 2}
        summary = run(Unlucky, arguments=arguments, settings=settings)
        assert other.end(40).code == 0

    assert (summary.ending, summary.pages, summary.processes) == ("finished", 24, 2), summary
    assert len(proved) == 1
    assert waited_s[0] < 15.0, "the other one had said its last word, and left after the end"
