"""The forecast over runs: what the list shows, and that a run which would outlive its login logs in first."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.events import Event, LoginStarted, Summary
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl

from .conftest import MakeSite, write_spider

HOUR_S = 3600.0


def lasted(folder: Path, seconds: float) -> None:
    """As if the last run had taken so long."""
    with closing(sqlite3.connect(folder / "crawl.db")) as database, database:
        database.execute("UPDATE crawl_runs SET started_at = ended_at - ?", (seconds,))


def lived(folder: Path, *seconds: float) -> None:
    """As if earlier logins had been found lost after so long."""
    with closing(sqlite3.connect(folder / "crawl.db")) as database, database:
        (key,) = database.execute("SELECT key FROM crawl_sessions").fetchone()
        for life in seconds:
            database.execute(
                "INSERT INTO crawl_logins (key, owner, epoch, started_at, ended_at, outcome, expired_at)"
                " VALUES (?, 'earlier', 0, 1000, 1000, 'ok', ?)",
                (key, 1000 + life),
            )
        database.execute("UPDATE crawl_logins SET id = id + 1000 WHERE owner != 'earlier'")


def two_runs(site: PracticeSite, folder: Path, between: Any, **settings: Any) -> tuple[Summary, list[str]]:
    """A run, something, and another run: its summary and the reasons of its logins."""
    events: list[Event] = []
    crawl(Members, site.url, folder)
    between()
    second = crawl(Members, site.url, folder, fresh=True, observers=[events.append], **settings)
    return second, [event.reason for event in events if isinstance(event, LoginStarted)]


def test_a_run_that_would_outlive_its_cookie_logs_in_first(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(cookie_max_age_s=1800)

    summary, reasons = two_runs(site, tmp_path, lambda: lasted(tmp_path, HOUR_S))

    assert (summary.ending, summary.logins, summary.restored) == ("finished", 1, 0)
    assert reasons == ["the stored session is expected to end before this run does"]
    assert summary.rechecked == 0, "the session was good: nothing of it is doubted"


@pytest.mark.parametrize(
    ("age_s", "run_s"),
    [pytest.param(2 * 3600, 3600.0, id="long-enough"), pytest.param(30, 20.0, id="short-runs-do-not-look-ahead")],
)
def test_a_run_that_ends_before_its_login_does_not(
    age_s: int, run_s: float, member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(cookie_max_age_s=age_s)

    summary, reasons = two_runs(site, tmp_path, lambda: lasted(tmp_path, run_s))

    assert (summary.logins, summary.restored, reasons) == (0, 1, [])


def test_experience_goes_before_what_the_cookie_says(member_site: MakeSite, tmp_path: Path) -> None:
    """Earlier logins lived half an hour, whatever the cookie promises."""
    site = member_site(cookie_max_age_s=90 * 86_400)

    def between() -> None:
        lasted(tmp_path, HOUR_S)
        lived(tmp_path, 1700, 1800, 1900)

    assert two_runs(site, tmp_path, between)[0].logins == 1


def test_the_list_shows_health_age_proof_and_expected_end(member_site: MakeSite, project: Path, command: Crawl) -> None:
    site = member_site(cookie_max_age_s=7200)
    write_spider(project, site)
    command("run", "orders", "--quiet")

    heads, row = command("sessions", "list").out.splitlines()
    (told,) = [json.loads(line) for line in command("sessions", "list", "--json").out.splitlines()]

    for head in ("session", "health", "logged in", "last proof", "expected end"):
        assert head in heads
    assert "good" in row
    assert "(the first cookie ends)" in row
    assert (told["health"], told["epoch"]) == ("good", 1)
    assert told["proved_at"] >= told["logged_in_at"]
    assert 7190 < told["ends_at"] - told["logged_in_at"] <= 7201


def test_the_list_learns_from_logins_that_were_lost(member_site: MakeSite, project: Path, command: Crawl) -> None:
    site = member_site(revoke_at=(3, 6))
    write_spider(project, site)
    command("run", "orders", "--quiet", "-s", "workers=1")
    with closing(sqlite3.connect(project / "data" / "crawl.db")) as database, database:
        database.execute("UPDATE crawl_logins SET ended_at = expired_at - 3000 WHERE expired_at IS NOT NULL")

    (told,) = [json.loads(line) for line in command("sessions", "list", "--json").out.splitlines()]

    assert told["epoch"] == 3
    assert 2990 < told["ends_at"] - told["logged_in_at"] < 3010
    assert "past logins lived" in told["why"]
