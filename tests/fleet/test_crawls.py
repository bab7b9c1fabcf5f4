"""Whole crawls in PostgreSQL, by the command that a person types: behind a login, killed, by several processes."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.engine import application
from crawler.engine.crawl import Crawl
from crawler.engine.scheduler import Scheduler
from crawler.events import Summary
from crawler.runs.lead import Lead
from crawler.runs.opening import argument_key
from crawler.sessions.vault import Vault
from crawler.stores.sql.run_rows import RunRows
from tests.crash.members import Members
from tests.fleet.conftest import PAGES, Fleet
from tests.long_form import LONG_FORM


def logins(fleet: Fleet) -> int:
    """As the site counted them."""
    return sum(fleet.site.record.login_posts.values())


def joining(fleet: Fleet) -> list[str]:
    """The command of a worker that waits for the crawl, and leaves with it."""
    at = ["-a", f"site={fleet.site.url}", "-s", f"store={fleet.address}"]
    return ["worker", "members", *at, "--wait", "--until-empty", "--json"]


def test_a_crawl_behind_a_login_is_exact_and_the_next_one_is_still_logged_in(fleet: Fleet) -> None:
    first = fleet.run()
    assert first.code == 0, first
    fleet.is_exact()
    assert "psycopg" not in first.err

    second = fleet.run(machine="two")

    assert second.code == 0, second
    assert logins(fleet) == 1
    assert fleet.rows("SELECT count(*), count(DISTINCT frontier) FROM crawl_runs WHERE exit_code = 0") == [(2, 2)]


def test_a_crawl_that_was_killed_goes_on_at_once_logged_in_and_ends_exact(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.05)
    with fleet.start() as running:
        until(lambda: fleet.count("crawl_pages") >= 10)
        running.kill()
    done = fleet.rows("SELECT count(*) FROM crawl_requests WHERE state = 2")[0][0]
    assert 0 < done < PAGES
    fleet.site.change(latency_s=0.0)

    resumed = fleet.run()

    assert resumed.code == 0, resumed
    assert logins(fleet) == 1
    fleet.is_exact()


def test_two_processes_share_the_pages_and_the_login(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.02)

    ended = fleet.run(processes=2)

    assert ended.code == 0, ended
    assert logins(fleet) == 1
    fleet.is_exact()


def test_a_second_run_of_the_spider_is_refused_while_the_first_one_works(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.1)
    with fleet.start() as running:
        until(lambda: fleet.count("crawl_pages") >= 1)
        second = fleet.run(machine="two")
        assert "runs already" in second.err or "running" in second.err or "process" in second.err, second
        assert second.code not in (0, -9), second
        assert running.code is None


def test_without_the_key_of_the_others_nothing_is_sent(fleet: Fleet) -> None:
    fleet.run()
    fleet.site.reset_record()

    fleet.key = Vault.new_key()
    other_key = fleet.run(machine="two")
    fleet.key = ""
    no_key = fleet.run(machine="two")

    assert (other_key.code, no_key.code) == (2, 2)
    assert "CRAWL_KEY" in other_key.err
    assert "CRAWL_KEY" in no_key.err
    assert list(fleet.site.log) == []


def until(holds: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not _held(holds):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _held(holds: object) -> bool:
    import psycopg

    try:
        return bool(holds())  # type: ignore[operator]
    except psycopg.errors.UndefinedTable:
        return False


@LONG_FORM
def test_workers_join_a_crawl_and_one_leaves_when_it_is_told_to(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.5)  # nobody is done before the others have come
    words = joining(fleet)
    more = ["-s", "workers=2", "-s", "throttle=false"]
    with (
        fleet.start(per_host=3) as first,
        fleet.start([*words, *more], machine="two") as two,
        fleet.start([*words, *more], machine="three") as three,
    ):
        # One that found all requests in the others' hands has no row yet, and may leave all the same
        until(lambda: fleet.rows("SELECT count(*) FROM crawl_owners WHERE name LIKE 'worker-%'")[0][0] >= 1, 40)
        two.send(signal.SIGTERM)
        left = two.end(30)
        assert fleet.rows("SELECT ended_at FROM crawl_runs") == [(None,)], "it goes on without the one that left"
        fleet.site.change(latency_s=0.05)
        ended, stayed = first.end(60), three.end(60)

    assert (ended.code, left.code, stayed.code) == (0, 0, 0), (ended, left, stayed)
    assert logins(fleet) == 1
    assert json.loads(left.out)["pages"] + json.loads(stayed.out)["pages"] > 0
    assert f"pages      {PAGES} " in ended.out, "the run counts what all have brought"
    assert f"another member ended the run: {PAGES} pages and " in stayed.out
    fleet.is_exact()


def test_a_worker_says_when_there_is_nothing_to_join(fleet: Fleet) -> None:
    fleet.run()

    late = fleet.run(["worker", "members", "-a", f"site={fleet.site.url}", "-s", f"store={fleet.address}"])

    assert late.code == 2
    assert "is not being crawled" in late.err


def test_workers_stay_when_the_first_process_is_killed_and_another_one_takes_over(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.3)
    words = joining(fleet)
    with fleet.start([*words, "-s", "workers=2", "-s", "lease=1"], machine="two") as two:
        with fleet.start(lease=1, per_host=2) as first:
            until(lambda: fleet.rows("SELECT count(DISTINCT owner) FROM crawl_requests WHERE owner > 0")[0][0] >= 2)
            first.kill()
        with fleet.start(lease=1, per_host=2) as again:
            until(lambda: fleet.rows("SELECT count(*) FROM crawl_workers WHERE left_at = 0")[0][0] >= 2)
            fleet.site.change(latency_s=0.1)
            resumed, stayed = again.end(60), two.end(60)

    assert (resumed.code, stayed.code) == (0, 0), (resumed, stayed)
    assert json.loads(stayed.out)["ending"] == "finished"
    fleet.is_exact()


def run_of_another(fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run that another process has begun and will end. Returns what a worker in this process is given to join it."""
    account = fleet.site.accounts[0]
    for name, value in (("CRAWL_KEY", fleet.key), ("CRAWL_DEFAULT_USERNAME", account.username)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", account.password)
    settings = {"store": fleet.address, "files": str(folder / "files"), "throttle": False}
    arguments = {"site": fleet.site.url}
    monkeypatch.setattr(RunRows, "running", lambda rows, spider: "first")
    monkeypatch.setattr(RunRows, "take_over", lambda rows, run, **who: False)
    monkeypatch.setattr(Lead, "may_end", lambda lead, now, say_so: True)
    with closing(application.open_project_store(application.load(command_line=settings))) as first:
        run = first.runs.open("members", args=argument_key(arguments), fresh=False, process="first")
        first.members.join(run.id, owner="first", process="first", first=True)
        first.members.leave(run.id, 0, counted="{}")
    return {"arguments": arguments, "settings": settings}


def test_a_worker_that_is_told_to_leave_while_its_run_is_ending_does_not_wait_for_the_next_one(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Crawl.run

    def told_at_its_end(crawl: Crawl) -> Summary:
        summary = run(crawl)
        os.kill(os.getpid(), signal.SIGTERM)
        return summary

    monkeypatch.setattr(Crawl, "run", told_at_its_end)
    joining = application.Joining(stay=True, wait=True)
    given = run_of_another(fleet, tmp_path, monkeypatch)

    summary = application.work(Members, **given, joining=joining, signals=True)

    assert (summary.ending, summary.pages) == ("finished", PAGES)


def test_a_worker_that_ends_is_not_blamed_for_a_page_that_somebody_puts_back_to_waiting(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another member has lost the session just then, and with it a page that did not prove itself."""
    put_back = (
        "WITH r AS (UPDATE crawl_requests SET state = 0 WHERE id = (SELECT min(id) FROM crawl_requests) RETURNING id)"
        " UPDATE crawl_frontiers SET waiting_or_leased = waiting_or_leased + 1, done = done - 1 FROM r RETURNING 1"
    )
    release = Scheduler.release_out

    def at_the_end(scheduler: Scheduler) -> None:
        release(scheduler)
        fleet.rows(put_back)

    monkeypatch.setattr(Scheduler, "release_out", at_the_end)
    summary = application.work(Members, **run_of_another(fleet, tmp_path, monkeypatch))

    assert (summary.ending, summary.exit_code) == ("finished", 0), summary
    assert summary.pages == PAGES


def test_a_refused_password_is_tried_once_by_all_together(fleet: Fleet) -> None:
    fleet.environment = {"CRAWL_DEFAULT_PASSWORD": "wrong"}
    words = ["worker", "members", "-a", f"site={fleet.site.url}", "-s", f"store={fleet.address}"]
    with fleet.start(grace=0) as first:
        until(lambda: fleet.count("crawl_runs") >= 1)
        others = [fleet.start([*words, "-s", "workers=2"], machine=name) for name in ("two", "three")]
        codes = [first.end(60).code, *(each.end(60).code for each in others)]

    assert sum(fleet.site.record.failed_logins.values()) == 1
    assert 0 not in codes
    assert fleet.rows("SELECT count(*) FROM crawl_logins") == [(1,)]
