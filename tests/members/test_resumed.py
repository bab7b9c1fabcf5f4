"""Runs that stop by a limit and are resumed: each makes progress, though sessions end and no page shows who we are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.engine import application
from crawler.events import Summary
from tests.members.site import PASSWORD, USER, Members, Rules
from tests.members.spiders import Html, Json


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)


def resumed(folder: Path, site: Members, spider: type[Html] = Html, most: int = 20, **settings: Any) -> list[Summary]:
    """The runs of a crawl until nothing waits any more, *most* at the most."""
    runs: list[Summary] = []
    given = {"store": str(folder / "crawl.db"), "workers": 8, "login_budget": 1000, **settings}
    while len(runs) < most and (not runs or runs[-1].waiting):
        runs.append(application.run(spider, arguments={"site": site.url}, settings=given))
    return runs


def numbers(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / "crawl.db")) as database:
        return sorted(int(number) for (number,) in database.execute("SELECT n FROM items"))


@pytest.mark.parametrize(
    ("max_pages", "requests", "most"),
    [(17, 20, 3), (5, 8, 9), (17, 16, 4), (40, 20, 3), (10, 1000, 4)],
    ids=["just a session", "less than a session", "more than a session", "two sessions", "sessions do not end"],
)
def test_runs_that_stop_by_a_limit_of_pages_end_together_though_no_page_shows_that_we_are_logged_in(
    max_pages: int, requests: int, most: int, tmp_path: Path
) -> None:
    with Members(Rules(pages=40, requests=requests, link=False)) as site:
        runs = resumed(tmp_path, site, most=most, max_pages=max_pages)

    assert runs[-1].waiting == runs[-1].failed == 0, [(run.pages, run.waiting) for run in runs]
    assert numbers(tmp_path) == list(range(40))


def test_data_without_a_sign_is_proved_at_the_stop_too(tmp_path: Path) -> None:
    with Members(Rules(pages=60, requests=20, kind="json", showing="json error")) as site:
        runs = resumed(tmp_path, site, Json, most=8, max_pages=17)

    assert runs[-1].waiting == runs[-1].failed == 0, [(run.pages, run.waiting) for run in runs]
    assert numbers(tmp_path) == list(range(60))


def test_what_a_stop_has_proved_is_not_fetched_again_when_the_session_has_ended_meanwhile(tmp_path: Path) -> None:
    with Members(Rules(pages=40, link=False)) as site:
        first = resumed(tmp_path, site, most=1, max_pages=20)
        before = sum(site.fetched.values())
        site.end_all()
        runs = resumed(tmp_path, site)
        fetched = sum(site.fetched.values()) - before

    assert (first[0].ending, first[0].pages) == ("limit", 20)
    assert (runs[-1].ending, runs[-1].rechecked) == ("finished", 0)
    assert fetched <= 20 + 8, (
        "those that waited, where the login leads, a probe there, after 1, 3, 6, 11, 19, at the end"
    )
    assert numbers(tmp_path) == list(range(40))


def test_a_session_that_has_ended_at_the_stop_is_reported_by_the_same_run_and_costs_no_login(tmp_path: Path) -> None:
    with Members(Rules(pages=40, requests=24, link=False)) as site:  # two at the login, 17 pages, 4 probes among them
        (run,) = resumed(tmp_path, site, most=1, max_pages=17)
        logins = site.counts["logins"]

    assert logins == 1
    assert (run.ending, run.pages, run.waiting) == ("limit", 11, 29), "most of it was proved on the way"
    assert len(numbers(tmp_path)) == 11


def test_each_of_the_runs_makes_progress_though_the_session_of_the_first_one_is_used_up_just_then(
    tmp_path: Path,
) -> None:
    with Members(Rules(pages=40, requests=20, link=False)) as site:
        runs = resumed(tmp_path, site, max_pages=17)
        logins = site.counts["logins"]

    assert all(run.pages for run in runs), [run.pages for run in runs]
    assert (len(runs), logins) == (3, 4)
    assert numbers(tmp_path) == list(range(40))


def test_a_resumed_run_knows_how_much_of_its_session_the_run_before_has_used(tmp_path: Path) -> None:
    with Members(Rules(pages=40, requests=8, link=False)) as site:
        runs = resumed(tmp_path, site, max_pages=5)
        logins = site.counts["logins"]

    assert all(run.pages == 5 for run in runs[1:-1]), [run.pages for run in runs]
    assert sum(run.rechecked for run in runs[1:]) == 0
    assert logins <= 17, "four pages and a probe each"


def test_a_probe_that_hangs_at_the_stop_is_waited_for_no_longer_than_the_grace(tmp_path: Path) -> None:
    with Members(Rules(pages=40, link=False)) as site:
        site.hangs_after = 18  # the login's page, its probe, 12 pages and 4 probes among them
        (run,) = resumed(tmp_path, site, most=1, max_pages=12, grace=0.5)

    assert (run.ending, run.pages) == ("limit", 12)
    assert run.elapsed_s < 4
