"""Workers on a Dask cluster: started, killed with their node, scaled, told to leave; the crawl stays exact."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.dask_cluster import Cluster
from tests.fleet.test_crawls import logins, until
from tests.fleet.test_members import ended, listed, working
from tests.installed import needs
from tests.long_form import LONG_FORM

pytestmark = needs("distributed")


def words(fleet: Fleet, cluster: Cluster, number: int, *more: str) -> list[str]:
    folder = fleet.machine("node").folder
    return [
        *("workers", "start", "members", "--engine", f"dask://{cluster.address}", "-n", str(number)),
        *("--folder", str(folder), "-a", f"site={fleet.site.url}", "-s", f"store={fleet.address}"),
        *("-s", "workers=2", "-s", "throttle=false", "--wait", *more),
    ]


@pytest.fixture
def cluster(fleet: Fleet) -> Any:
    with Cluster(fleet.folder, {**fleet.machine("node").environment, "CRAWL_KEY": fleet.key}) as made:
        yield made


def pids(fleet: Fleet) -> dict[str, int]:
    """Name to process of the workers that live."""
    return {
        each["name"]: int(each["process"].split()[1])
        for each in listed(fleet)
        if each["name"].startswith("dask") and each["state"] not in ("dead", "left")
    }


@LONG_FORM
def test_workers_on_a_cluster_are_started_killed_with_their_node_and_told_to_leave(
    fleet: Fleet, cluster: Cluster
) -> None:
    fleet.site.change(latency_s=2.0)
    lost = cluster.node()
    with fleet.start(per_host=1) as first, fleet.start(words(fleet, cluster, 2)) as launcher:
        until(lambda: working(fleet) >= 1, 60)
        paused = fleet.run(["pause", "members", "--store", fleet.address])  # nothing is over before all have come
        assert paused.code == 0, paused
        until(lambda: working(fleet) == 3, 60)
        before = pids(fleet)
        assert sorted(before) == ["dask-1", "dask-2"]
        cluster.node()
        os.kill(before["dask-2"], signal.SIGKILL)
        until(lambda: pids(fleet).get("dask-2", before["dask-2"]) != before["dask-2"], 60)
        resumed = fleet.run(["resume", "members", "--store", fleet.address])
        assert resumed.code == 0, resumed
        cluster.kill(lost)
        until(lambda: set(pids(fleet).values()).isdisjoint(before.values()) and len(pids(fleet)) == 2, 60)
        launcher.send(signal.SIGTERM)
        left = launcher.end(60)
        until(lambda: not pids(fleet), 60)
        fleet.site.change(latency_s=0.0)
        done = first.end(60)

    assert (left.code, done.code) == (0, 0), (left, done)
    assert ended(fleet) == [("finished", 0)]
    assert logins(fleet) == 1
    fleet.is_exact()


@LONG_FORM
def test_more_workers_are_handed_in_and_left_alone(fleet: Fleet, cluster: Cluster) -> None:
    fleet.site.change(latency_s=0.3)
    cluster.node(4)
    with fleet.start(per_host=6) as first:
        for number in (1, 3):
            handed = fleet.run(words(fleet, cluster, number, "--until-empty", "--detach"))
            assert (handed.code, "submitted" in handed.err) == (0, True), handed
        until(lambda: working(fleet) == 5, 60)
        fleet.site.change(latency_s=0.0)
        done = first.end(60)

    assert done.code == 0, done
    fleet.is_exact()


def test_a_cluster_that_does_not_answer_is_reported(fleet: Fleet) -> None:
    class Nobody:
        address = "127.0.0.1:1"

    said = fleet.run(words(fleet, Nobody(), 1))  # type: ignore[arg-type]

    assert (said.code, "no scheduler answers" in said.err) == (2, True), said


def test_no_password_goes_through_the_scheduler(fleet: Fleet) -> None:
    engine = ["--engine", "dask://127.0.0.1:1", "--store", "postgresql://ann:hunter2@db/crawl"]
    said = fleet.run(["workers", "start", "members", *engine])

    assert (said.code, "PGPASSFILE" in said.err, "hunter2" in said.err + said.out) == (2, True, False), said
