"""The members' site: every page once, no innocent page left out, about as many logins as sessions.

A part of its table; ``python -m tests.members`` plays all of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crawler.engine import application
from crawler.sessions.login.suspects import MOST_TRIALS
from tests.members.site import PASSWORD, USER, Members, Rules
from tests.members.spiders import Basic, Html, Json
from tests.members.table import ROWS, Row, play


@pytest.mark.parametrize("row", [row for row in ROWS if row.quick], ids=lambda row: row.name)
def test_every_page_once_no_innocent_page_left_out_and_about_as_many_logins_as_sessions(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "")  # put back afterwards
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "")

    about = replace(row, most_logins=row.most_logins + 1)  # beside other tests answers come in another order

    result = play(about, str(tmp_path))

    assert result.faults == ()


def test_a_page_that_ends_sessions_and_takes_longer_than_they_live_fails_after_its_trials_and_is_not_fetched_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "")
    rules = Rules(pages=30, requests=8, quits={7: "good-bye"}, slow={7: 1.5})
    row = Row("slow and out", rules, Html, settings={"login_budget": 60}, exit_code=1, missing=frozenset({7}))

    result = play(row, str(tmp_path))

    assert result.summary.item_count == 29
    assert result.summary.exit_code == 1
    assert result.summary.errors == {"EndsSession": 1} or result.summary.skipped == 1
    assert result.logins <= 7 + 2 + MOST_TRIALS + 1, "sessions that the pages take, lost to it twice, and in trials"


def test_sessions_that_probes_alone_use_up_are_given_up_after_a_few_logins_and_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)
    settings = {"store": str(tmp_path / "crawl.db"), "max_time": 6, "login_budget": 1000}
    with Members(Rules(pages=5, requests=4, link=False)) as site:
        summary = application.run(Html, arguments={"site": site.url}, settings=settings)

    assert summary.exit_code == 3
    assert summary.logins <= 20, "2,121 in 9 minutes once: each good probe counted as a page that had come"
    assert any("gone before it had brought a page" in each for each in summary.messages)


def test_a_login_page_that_refuses_and_pages_that_say_403_are_a_refused_login_and_the_right_password_is_tried_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"store": str(tmp_path / "crawl.db")}
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    with Members(Rules(pages=20, login="basic", showing="403")) as site:
        endings = []
        for password in ("wrong", "wrong", PASSWORD, PASSWORD):
            monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", password)
            summary = application.run(
                Basic, arguments={"site": site.url}, settings=settings, fresh=password == PASSWORD
            )
            endings.append((summary.exit_code, summary.logins, summary.restored, summary.item_count))
        counts = site.counts

    assert endings == [(3, 0, 0, 0), (3, 0, 0, 0), (0, 1, 0, 20), (0, 0, 1, 20)]
    assert counts["refused"] == 1, "the same wrong password is not tried again"


def test_a_probe_page_that_is_forbidden_to_members_proves_no_stored_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Html):
        name = "elsewhere"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.probe_url = f"{arguments['site']}/p/5"

    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)
    with Members(Rules(pages=20, showing="403", forbidden=frozenset({5}))) as site:
        runs = [
            application.run(
                Elsewhere, arguments={"site": site.url}, settings={"store": str(tmp_path / "crawl.db")}, fresh=True
            )
            for _ in range(2)
        ]

    assert [(run.logins, run.restored, run.item_count, run.failed) for run in runs] == [(1, 0, 19, 1)] * 2


def test_night_after_night_no_page_of_sessions_that_end_is_ever_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)
    with Members(Rules(pages=30, requests=25, link=False)) as site:
        nights = [
            application.run(
                Html, arguments={"site": site.url}, settings={"store": str(tmp_path / "crawl.db")}, fresh=True
            )
            for _ in range(6)
        ]

    assert [(night.exit_code, night.item_count) for night in nights] == [(0, 30)] * 6


@pytest.mark.parametrize(
    ("spider", "rules", "sessions"),
    [
        (Json, Rules(pages=100, requests=40, kind="json", showing="json error"), 3),
        (Html, Rules(pages=60, requests=13), 6),
        (Html, Rules(pages=20, requests=5), 10),
    ],
    ids=["data, 39 requests", "pages, 12 requests", "pages, 4 requests"],
)
def test_how_long_sessions_live_is_known_from_the_run_before(
    spider: type[Html], rules: Rules, sessions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)
    given = {"store": str(tmp_path / "crawl.db"), "workers": 8, "login_budget": 1000}
    with Members(rules) as site:
        first = application.run(spider, arguments={"site": site.url}, settings=given)
        site.end_all()
        before = site.counts["out"]
        second = application.run(spider, arguments={"site": site.url}, settings=given, fresh=True)
        out = site.counts["out"] - before

    assert [run.item_count for run in (first, second)] == [rules.pages] * 2
    assert second.logins == sessions
    assert out <= 2 * sessions + 1, "each end is met by the probe, hardly by pages"


@pytest.mark.parametrize(
    "address",
    [
        "/p/{n}?sid={id}{id}",
        "/p/{n};jsessionid={id}",
        "/(S({id}))/p/{n}",
        "/PHPSESSID/{id}{id}1/p/{n}",
        "/p/{n}?CFID=8&CFTOKEN={id}",
    ],
)
def test_pages_whose_links_hold_the_id_of_the_session_are_known_again_after_each_login(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "")

    result = play(Row("ids", Rules(pages=40, requests=20, address=address), most_logins=4), str(tmp_path))

    assert result.faults == ()
    assert result.summary.known == 40
