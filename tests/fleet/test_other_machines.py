"""Machines that were set up by different people: another version of the spider, other settings, another spider."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crawler.runs.begun_with import SHARED, BegunWith
from crawler.settings import Settings
from tests.crash.project import SPIDER, Project
from tests.fleet.conftest import BOOKS, PAGES, Fleet
from tests.fleet.test_crawls import joining, logins, until
from tests.fleet.test_members import at_work, working

OLD = 'yield {\n            "id"'
NEW = 'yield {\n            "version": 2,\n            "id"'


def spider_of(project: Project) -> Path:
    return project.folder / "spiders" / "members.py"


def begin(fleet: Fleet, project: Project, words: list[str]) -> Any:
    return project.start(words, environment={"CRAWL_KEY": fleet.key})


def worker_words(fleet: Fleet, *more: str) -> list[str]:
    at = ["-a", f"site={fleet.site.url}", "-s", f"store={fleet.address}"]
    return ["worker", "members", *at, "-s", "workers=2", "-s", "throttle=false", *more]


def test_a_worker_with_another_version_of_the_spider_joins_no_run(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.2)
    two = fleet.machine("two")
    spider_of(two).write_text(SPIDER.read_text().replace(OLD, NEW))
    with fleet.start() as first:
        until(lambda: fleet.count("crawl_pages") >= 2)
        with begin(fleet, two, worker_words(fleet)) as other:
            refused = other.end(30)
        fleet.site.change(latency_s=0.0)
        ended = first.end(150)

    assert (ended.code, refused.code) == (0, 2), (ended, refused)
    assert "run 1 of members was begun with another version of the spider" in refused.err
    assert "crawl drain members" in refused.err
    columns = fleet.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'items'")
    assert ("version",) not in columns
    fleet.is_exact()


def test_a_waiting_worker_restarts_with_the_files_that_were_replaced_meanwhile(fleet: Fleet) -> None:
    """It was started with the old ones; both machines are brought up to date; the crawl is begun with the new ones."""
    two = fleet.machine("two")
    with begin(fleet, two, worker_words(fleet, "--wait", "--until-empty", "--json")) as waiting:
        pid = waiting.pid
        until(lambda: fleet.count("crawl_runs") == 0)
        fleet.site.change(latency_s=2.0)  # it goes on for as long as it takes to begin anew
        one = fleet.machine("one")
        spider_of(one).write_text(SPIDER.read_text().replace(OLD, NEW))
        with begin(fleet, one, one.words(per_host=2)) as first:  # so that it claims few pages ahead
            until(lambda: fleet.count("crawl_pages") >= 1, 150)
            assert waiting.code is None, "it waits: its files are the old ones"
            assert working(fleet) == 1
            spider_of(two).write_text(SPIDER.read_text().replace(OLD, NEW))
            until(lambda: at_work(fleet) == 2, 150)
            fleet.site.change(latency_s=0.1)
            ended, also = first.end(150), waiting.end(150)

    assert (ended.code, also.code) == (0, 0), (ended, also)
    assert waiting.pid == pid, "the same process, for whoever started it"
    assert "another version of the spider" in also.err
    assert json.loads(also.out)["pages"] > 0
    assert fleet.rows("SELECT count(*) FROM items WHERE version = 2") == [(BOOKS,)]
    fleet.is_exact()


def test_settings_that_a_site_notices_are_those_of_the_first_process_on_all_machines(fleet: Fleet) -> None:
    fleet.site.change(latency_s=1.0)
    delay_s = 0.15
    with (
        fleet.start(delay=delay_s, jitter=0) as first,
        fleet.start([*joining(fleet), "-s", "workers=2", "-s", "per_host=16"], machine="two") as two,
    ):
        until(lambda: at_work(fleet) == 2, 150)
        fleet.site.change(latency_s=0.05)
        ended, also = first.end(150), two.end(150)

    assert (ended.code, also.code) == (0, 0), (ended, also)
    assert json.loads(also.out)["pages"] > 0
    pauses = fleet.site.gaps()[8:]
    assert min(sum(pauses[each : each + 5]) for each in range(len(pauses) - 4)) >= 5 * delay_s * 0.9
    assert "as run 1 was begun: delay=0.15, per_host=8, throttle=false" in also.err
    fleet.is_exact()


def test_a_worker_keeps_a_longer_delay_of_its_own_and_does_not_take_a_value_of_another_kind() -> None:
    run = BegunWith.here("", "", Settings(delay=1.0, per_host=2))

    assert run.taken(Settings(delay=3.0, workers=5)) == {"per_host": 2}
    assert run.taken(Settings()) == {"delay": 1.0, "per_host": 2}
    begun = BegunWith.here("", "", Settings(guard_allow=("/a", "/b")))
    stored = BegunWith(**json.loads(json.dumps(asdict(begun))))
    assert stored.taken(Settings()) == {"guard_allow": ("/a", "/b")}
    assert stored.taken(Settings(guard_allow=("/a", "/b"))) == {}
    assert BegunWith("", "", {"delay": "x", "store": "elsewhere", "proxy": "p"}).taken(Settings()) == {}
    assert not {"proxy", "headers", "accounts", "store"} & set(SHARED), "none may hold a secret, or say where"


def test_two_spiders_at_one_store_keep_the_delay_of_their_host_together(fleet: Fleet) -> None:
    delay_s = 0.15
    one = fleet.machine("one")
    other = fleet.machine("two")
    spider_of(other).unlink()
    again = SPIDER.read_text().replace('name = "members"', 'name = "again"').replace("class Members", "class Again")
    (other.folder / "spiders" / "again.py").write_text(again)
    words = ["run", "again", *other.words(delay=delay_s)[2:]]
    with begin(fleet, one, one.words(delay=delay_s)) as first, begin(fleet, other, words) as second:
        codes = first.end(150).code, second.end(150).code

    assert codes == (0, 0)
    assert logins(fleet) <= 2, "each spider has a session of its own"
    assert fleet.rows("SELECT count(*) FROM crawl_requests WHERE state = 2") == [(2 * PAGES,)]
    pauses = fleet.site.gaps()[12:]
    assert min(sum(pauses[each : each + 5]) for each in range(len(pauses) - 4)) >= 5 * delay_s * 0.9
