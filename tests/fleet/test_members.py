"""Who works on a crawl, and what they are told: listed, paused, drained, killed; the run has its end all the same."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.request
from contextlib import ExitStack
from typing import Any

from tests.crash.project import Running
from tests.fleet.conftest import PAGES, Fleet
from tests.fleet.test_crawls import logins, until
from tests.long_form import LONG_FORM


def worker(fleet: Fleet, *more: str) -> list[str]:
    site = ["-a", f"site={fleet.site.url}", "-s", f"store={fleet.address}"]
    return ["worker", "members", *site, "-s", "workers=2", "-s", "throttle=false", *more]


def listed(fleet: Fleet) -> list[dict[str, Any]]:
    said = fleet.run(["workers", "members", "--json", "--store", fleet.address])
    assert said.code == 0, said
    return [json.loads(line) for line in said.out.splitlines()]


def working(fleet: Fleet) -> int:
    """How many members the database knows that live."""
    return int(fleet.rows("SELECT count(*) FROM crawl_workers WHERE left_at = 0")[0][0])


def at_work(fleet: Fleet) -> int:
    """How many members have claimed pages."""
    return int(fleet.rows("SELECT count(DISTINCT owner) FROM crawl_requests WHERE state = 1 AND owner > 0")[0][0])


def states(fleet: Fleet) -> set[tuple[str, int]]:
    """What the members last said of themselves: how they are, and what they have under way."""
    rows = fleet.rows("SELECT value FROM crawl_values WHERE name LIKE 'live:%'")
    words = [json.loads(value) for (value,) in rows]
    return {(word["state"], word["under_way"]) for word in words}


def ended(fleet: Fleet) -> list[Any]:
    return fleet.rows("SELECT ending, exit_code FROM crawl_runs ORDER BY id")


def test_a_run_whose_first_process_is_killed_is_ended_by_a_worker_with_all_that_others_did(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.15)
    metrics = fleet.folder / "crawl.prom"
    with ExitStack() as stack:
        first: Running = stack.enter_context(fleet.start(per_host=2))
        two = stack.enter_context(
            fleet.start(worker(fleet, "--wait", "--until-empty", "--name", "two", "-s", f"metrics_file={metrics}"))
        )
        until(lambda: working(fleet) == 2 and fleet.count("crawl_pages") >= 4)
        first.kill()
        last = two.end(60)

    assert last.code == 0, last
    assert ended(fleet) == [("finished", 0)]
    summary = json.loads(fleet.rows("SELECT summary FROM crawl_runs")[0][0])
    assert (summary["pages"], summary["items"], summary["processes"]) == (PAGES, {"items": PAGES - 4}, 2)
    assert summary["logins"] == logins(fleet) == 1
    assert f"pages      {PAGES} " in last.out, "whoever records the end tells of the whole run"
    told = metrics.read_text()
    assert 'crawl_run_success{spider="members"} 1' in told
    of_members = re.findall(r'crawl_run_member_pages{spider="members",member="(\d)"} (\d+)', told)
    assert [number for number, _ in of_members] == ["0", "1"]
    assert PAGES - 8 <= sum(int(pages) for _, pages in of_members) <= PAGES, "but for what it had not said yet"
    assert working(fleet) == 0
    shown = fleet.run(["runs", "show", "1", "--json", "--store", fleet.address])
    told_of = {each["number"]: each["gone"] for each in json.loads(shown.out)["members"]}
    assert told_of == {0: "dead", 1: "left"}
    page = fleet.run(["report", "members", "-o", "-", "--store", fleet.address])
    assert (page.code, "Members of the newest run" in page.out, "killed" in page.out) == (0, True, True), page.err
    fleet.is_exact()

    fleet.site.change(latency_s=0.0)
    again = fleet.run()
    assert again.code == 0, again
    assert "run 1 has ended (finished): workers went on with it" in again.err, "the command begins the next crawl"
    assert ended(fleet) == [("finished", 0)] * 2


@LONG_FORM
def test_members_are_listed_paused_set_going_again_and_drained(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.15)
    with (
        fleet.start(per_host=1) as first,
        fleet.start(worker(fleet, "--wait", "--name", "two"), machine="two") as two,
    ):
        until(lambda: working(fleet) == 2 and fleet.count("crawl_pages") >= 2)  # and the login is over
        told = fleet.run(["pause", "members", "--store", fleet.address])
        assert (told.code, "2 members" in told.err) == (0, True), told
        until(lambda: states(fleet) == {("paused", 0)})
        before = len(fleet.site.log)
        members = {each["name"]: each for each in listed(fleet)}
        assert sorted(members) == ["", "two"]
        assert members[""]["leads"]
        assert 30 >= members["two"]["lease_left_s"] > 0 <= members["two"]["lease_age_s"]
        assert len(fleet.site.log) == before, "nothing is sent while all are paused"
        fleet.site.change(latency_s=3.0)
        assert fleet.run(["resume", "members", "--store", fleet.address]).code == 0
        until(lambda: len(fleet.site.log) > before)
        one = fleet.run(["drain", "members", "--worker", "two", "--store", fleet.address])
        assert one.code == 0, one
        assert two.end(30).code == 0
        rest = fleet.run(["drain", "members", "--store", fleet.address])
        assert rest.code == 0, rest
        left = first.end(30)

    assert left.code == 143, left
    assert ended(fleet) == [("interrupted", 143)]
    fleet.site.change(latency_s=0.0)
    assert fleet.run().code == 0
    fleet.is_exact()


def test_the_first_process_may_leave_and_the_last_one_ends_the_run(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.4)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def figures() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    with (
        fleet.start(per_host=2) as first,
        fleet.start(worker(fleet, "--wait", "--until-empty", "-s", f"metrics_port={port}"), machine="two") as two,
    ):
        until(lambda: working(fleet) == 2)
        until(lambda: 'crawl_leads{spider="members"} 0.0' in figures())
        first.send(signal.SIGTERM)
        left = first.end(30)
        until(lambda: 'crawl_leads{spider="members"} 1.0' in figures())
        fleet.site.change(latency_s=0.02)
        stayed = two.end(60)

    assert left.code == 143
    assert "other members go on" in left.out
    assert stayed.code == 0, stayed
    assert ended(fleet) == [("finished", 0)]
    fleet.is_exact()


def test_a_worker_goes_on_with_a_run_whose_members_are_all_dead(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.1)
    with fleet.start() as first:
        until(lambda: fleet.count("crawl_pages") >= 4)
        first.kill()
    fleet.site.change(latency_s=0.0)

    done = fleet.run(worker(fleet))

    assert done.code == 0, done
    assert ended(fleet) == [("finished", 0)]
    assert logins(fleet) == 1
    fleet.is_exact()


def test_a_probe_asks_the_machine_and_not_the_database(fleet: Fleet) -> None:
    nobody = fleet.run(worker(fleet, "--check"))
    assert (nobody.code, nobody.out.startswith("no worker of "), "runs on this machine" in nobody.out) == (
        1,
        True,
        True,
    )
    environment = {"TMPDIR": str(fleet.folder)}
    project = fleet.machine("two")
    words = worker(fleet, "--wait", "--name", "w")
    fleet.run()  # so that there is a database to wait on
    with project.start(words, environment={"CRAWL_KEY": fleet.key, **environment}) as running:
        until(lambda: list(fleet.folder.glob("crawl-*/*.json")))

        def check(*more: str) -> Any:
            with project.start(worker(fleet, "--check", *more), environment=environment) as asked:
                return asked.end(30)  # without the key, and so without the database

        assert (check().code, check("--name", "w").code, check("--name", "x").code) == (0, 0, 1)
        running.kill()
        dead = check()
    assert (dead.code, "is dead" in dead.out) == (1, True), dead


@LONG_FORM
def test_a_worker_resumes_a_run_whose_first_process_died_before_it_reported_anything(fleet: Fleet) -> None:
    fleet.run(max_pages=5)
    fleet.rows("UPDATE crawl_runs SET ending = '', ended_at = NULL, exit_code = NULL, max_pages = 0")
    fleet.rows("DELETE FROM crawl_workers")

    done = fleet.run(worker(fleet))

    assert done.code == 0, done
    assert ended(fleet) == [("finished", 0)]
    fleet.is_exact()


@LONG_FORM
def test_a_first_process_that_is_killed_and_started_again_helps_those_that_go_on(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.4)
    with fleet.start(per_host=2) as first, fleet.start(worker(fleet, "--wait", "--until-empty")) as two:
        until(lambda: working(fleet) == 2 and fleet.count("crawl_pages") >= 1)  # the login is over
        first.kill()
        until(lambda: '"leads": true' in str(fleet.rows("SELECT value FROM crawl_values WHERE name = 'live:1:1'")))
        with fleet.start(per_host=2) as again:
            until(lambda: working(fleet) == 2)
            fleet.site.change(latency_s=0.0)
            done, led = again.end(60), two.end(60)

    assert (done.code, led.code) == (0, 0), (done, led)
    assert ended(fleet) == [("finished", 0)]
    assert logins(fleet) == 1
    fleet.is_exact()
