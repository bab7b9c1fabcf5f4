"""P5: however many processes start at once, one crawls; its lock is the system's, so that kill -9 frees it."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from crawler.testing import SiteProcess
from tests.crash.project import Project
from tests.crash.proof import remains, wrong_at_the_end
from tests.crash.swarm import started_at_once
from tests.crash.waiting import wait_for_pages
from tests.crash.warm import Warm

pytestmark = pytest.mark.crash
RUNNING = 4


def exact(project: Project, shop: SiteProcess) -> list[str]:
    truth = shop.truth.member_items(shop.accounts[0].username)
    return wrong_at_the_end(project, remains(project.database), truth)


@pytest.mark.parametrize("starts", [2, 50])
def test_P5_of_many_starts_at_once_one_crawls_and_the_others_say_that_it_runs(
    starts: int, project: Project, shop: SiteProcess
) -> None:
    shop.change(latency_s=0.5)  # the crawl outlasts the slowest start

    codes = started_at_once(project, starts)

    assert Counter(codes) == {0: 1, RUNNING: starts - 1}
    assert exact(project, shop) == []
    assert shop.record.logins == {shop.accounts[0].username: 1}
    assert max(shop.record.hits[url] for url in shop.truth.member_urls) == 1


def test_P5_kill_9_frees_the_lock_and_the_message_before_that_names_the_holder(
    project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.3)
    with project.start() as first:
        wait_for_pages(shop, 2)
        with project.start_warm(warm) as second:
            refused = second.end()
        first.kill()
        with project.start_warm(warm) as third:
            ended = third.end()

    assert refused.code == RUNNING
    assert f"process {first.pid} " in refused.err
    assert len(refused.err.splitlines()) == 1
    assert ended.code == 0, ended.err
    assert exact(project, shop) == []
    assert shop.record.logins == {shop.accounts[0].username: 1}


def test_P5_skip_does_nothing_and_is_not_an_error(project: Project, shop: SiteProcess, warm: Warm) -> None:
    shop.change(latency_s=0.3)
    with project.start() as first:
        wait_for_pages(shop, 2)
        with project.start_warm(warm, [*project.words(), "--if-running", "skip", "--quiet"]) as second:
            skipped = second.end()
        assert first.code is None
        assert first.end().code == 0

    assert (skipped.code, skipped.out, skipped.err) == (0, "", "")
    assert exact(project, shop) == []


def test_P5_wait_begins_when_the_other_has_ended(project: Project, shop: SiteProcess, warm: Warm) -> None:
    shop.change(latency_s=0.3)
    with project.start() as first:
        wait_for_pages(shop, 2)
        with project.start_warm(warm, [*project.words(), "--if-running", "wait"]) as second:
            assert first.end().code == 0
            over = time.monotonic()
            waited = second.end()

    assert waited.code == 0, waited.err
    assert time.monotonic() - over > 0.5  # it crawled then, anew: the first had finished
    assert remains(project.database).runs == 2
    assert shop.record.logins == {shop.accounts[0].username: 1}


def test_P5_members_end_with_the_first_process_of_their_run_and_the_next_run_is_exact(
    project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.2)
    with project.start_warm(warm, processes=2) as first:
        wait_for_pages(shop, 3)
        first.send(9)  # the first alone, not its group
        assert first.ended_within(10)
        with project.start_warm(warm) as second:
            ended = second.end()

    assert ended.code == 0, ended.err
    assert exact(project, shop) == []
