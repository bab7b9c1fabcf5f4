"""A worker that finds a run which somebody else ends, or goes on with, before it has joined."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from crawler.engine.application import Joining, work
from crawler.stores.sql.run_rows import RunRows
from tests.fleet.conftest import Fleet
from tests.fleet.test_crawls import until
from tests.fleet.unlucky import Unlucky


def test_a_worker_whose_run_another_command_has_just_gone_on_with_joins_that_one(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = fleet.site.accounts[0]
    for name, value in (("KEY", fleet.key), ("DEFAULT_USERNAME", account.username)):
        monkeypatch.setenv(f"CRAWL_{name}", value)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", account.password)
    fleet.site.change(latency_s=0.2)
    arguments = {"site": fleet.site.url, "how": "well", "pages": "24"}
    typed = [part for name, value in arguments.items() for part in ("-a", f"{name}={value}")]
    words = [
        "run",
        "unlucky",
        *typed,
        "--store",
        fleet.address,
        "-s",
        "workers=1",
        "-s",
        "lease=1",
        "-s",
        "throttle=false",
    ]
    machine, environment = fleet.machine(spider=Path(__file__).with_name("unlucky.py")), {"CRAWL_KEY": fleet.key}
    with machine.start(words, environment=environment) as first:
        until(lambda: fleet.count("crawl_pages") >= 3)
        first.send(signal.SIGKILL)
        first.ended_within(20)
    join, commands = RunRows.join, list[Any]()

    def late(rows: RunRows, run: int) -> Any:
        if not commands:
            commands.append(machine.start(words, environment=environment))
            until(lambda: fleet.count("crawl_runs") == 2)
        return join(rows, run)

    monkeypatch.setattr(RunRows, "join", late)
    settings = {"store": fleet.address, "workers": 1, "throttle": False}
    summary = work(Unlucky, arguments=arguments, settings=settings, joining=Joining(wait=True))
    with commands[0] as resumed:
        ended = resumed.end(40)

    assert (summary.ending, summary.run, ended.code) == ("finished", 2, 0), (summary, ended)
    assert fleet.rows("SELECT count(*) FROM crawl_requests WHERE state = 2") == [(24,)]
