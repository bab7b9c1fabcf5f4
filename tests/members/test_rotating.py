"""Sites that set their cookie with every answer: crawls are complete, with one request at a time only if needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler.engine import application
from crawler.events import Summary
from tests.members.site import PASSWORD, USER, Members, Rules
from tests.members.spiders import Html


def crawl(folder: Path, site: Members, **settings: Any) -> Summary:
    given = {"store": str(folder / "crawl.db"), "workers": 8, "login_budget": 1000, **settings}
    return application.run(Html, arguments={"site": site.url}, settings=given)


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)


def hints(summary: Summary) -> list[str]:
    return [message for message in summary.messages if "serial=True" in message]


@pytest.mark.parametrize("workers", [2, 8, 32])
@pytest.mark.parametrize("link", [True, False], ids=["signs", "no sign"])
def test_where_each_answer_brings_a_new_cookie_the_crawl_goes_on_one_request_at_a_time_and_is_complete(
    workers: int, link: bool, tmp_path: Path
) -> None:
    with Members(Rules(pages=80, cookie="rotates", link=link, showing="quiet form")) as site:
        summary = crawl(tmp_path, site, workers=workers, per_host=workers)
        counts = site.counts

    assert (summary.exit_code, summary.item_count, summary.failed) == (0, 80, 0), summary
    assert len(hints(summary)) == 1
    assert counts["logins"] == 1
    assert counts["out"] <= 12 + 4 * workers, "only until it was found out"


@pytest.mark.parametrize(
    "rules",
    [
        Rules(pages=80, cookie="rotates strictly", showing="quiet form"),
        Rules(pages=80, cookie="rotates", showing="form"),
        Rules(pages=80, cookie="rotates strictly", showing="redirect", link=False),
    ],
    ids=["ended by the site", "the cookie is taken away", "ended, no sign"],
)
def test_where_an_old_cookie_ends_the_session_the_crawl_goes_on_one_request_at_a_time_and_is_complete(
    rules: Rules, tmp_path: Path
) -> None:
    with Members(rules) as site:
        summary = crawl(tmp_path, site)
        counts = site.counts

    assert (summary.exit_code, summary.item_count) == (0, 80), summary
    assert len(hints(summary)) == 1
    assert counts["logins"] <= 5


def test_sessions_that_end_while_the_cookie_rotates_are_one_login_each(tmp_path: Path) -> None:
    with Members(Rules(pages=80, cookie="rotates", showing="quiet form", requests=30)) as site:
        summary = crawl(tmp_path, site)
        counts = site.counts

    assert (summary.exit_code, summary.item_count) == (0, 80), summary
    assert counts["logins"] <= 6


def test_pages_with_a_login_form_for_everybody_make_no_session_slow_though_each_answer_sets_the_cookie(
    tmp_path: Path,
) -> None:
    odd = frozenset({10, 30, 31, 32, 50})
    with Members(Rules(pages=80, cookie="changes", odd=odd)) as site:
        summary = crawl(tmp_path, site)
        counts = site.counts

    assert (summary.exit_code, summary.item_count, summary.failed) == (1, 75, 5)
    assert hints(summary) == []
    assert counts["logins"] == 1


@pytest.mark.parametrize("requests", [25, 14])
def test_short_sessions_whose_answers_set_the_cookie_are_not_a_reason_to_go_one_at_a_time(
    requests: int, tmp_path: Path
) -> None:
    with Members(Rules(pages=80, cookie="changes", requests=requests)) as site:
        summary = crawl(tmp_path, site)

    assert (summary.exit_code, summary.item_count) == (0, 80)
    assert hints(summary) == []


@pytest.mark.parametrize("link", [True, False], ids=["signs", "no sign"])
@pytest.mark.parametrize("cookie", ["the same", "changes"])
def test_many_pages_that_log_out_on_a_site_that_sets_its_cookie_with_each_answer_are_not_taken_for_rotation(
    cookie: Any, link: bool, tmp_path: Path
) -> None:
    quits = dict.fromkeys(range(5, 40, 6), "good-bye")
    with Members(Rules(pages=40, cookie=cookie, quits=quits, link=link)) as site:
        summary = crawl(tmp_path, site, logout_guard=False)

    assert (summary.exit_code, summary.item_count) == (1, 34), summary
    assert hints(summary) == []
