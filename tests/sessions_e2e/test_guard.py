"""The logout guard over whole crawls: on, off, and what it learns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Response
from crawler.events import LoginEnded, RunStarted
from crawler.testing import PracticeSite
from tests.engine.shop import Members, crawl, opened, stored

from .conftest import MakeSite


class Everything(Members):
    """Follows each link that it sees."""

    name = "everything"

    def parse(self, response: Response) -> Iterator[Any]:
        if "/members/book/" in response.url:
            yield from self.parse_book(response)
        yield from response.follow_all(css="a", callback=self.parse)


def ids(folder: Path) -> list[int]:
    return [int(row["id"]) for row in stored(folder, "id")]


def logouts(site: PracticeSite) -> int:
    return sum(site.record.logouts.values())


def test_U5_with_the_guard_no_link_that_logs_out_or_deletes_is_followed(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=30, logout_links="all", delete_links=True)

    summary = crawl(Everything, site.url, tmp_path)

    assert (summary.ending, summary.logins) == ("finished", 1), summary
    assert ids(tmp_path) == list(range(1, 31))
    assert (logouts(site), site.record.deleted) == (0, [])
    rules = {rule for rule in summary.skipped_by if rule.startswith("guard")}
    assert len(rules) > 1, "the summary says which rules there were"


@pytest.mark.parametrize("style", ["redirect", "soft200"])
def test_U5_without_the_guard_the_crawl_is_still_complete(style: str, member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=30, login=style, logout_links="all")

    summary = crawl(Everything, site.url, tmp_path, logout_guard=False, login_budget=100)

    assert summary.ending in ("finished", "failures"), summary
    assert ids(tmp_path) == list(range(1, 31))
    assert logouts(site) > 0, "otherwise nothing was tried"
    assert site.record.logins["alice"] <= logouts(site) + 1


def test_U5_an_address_that_no_rule_knows_is_banned_after_the_second_loss_for_later_runs_too(
    member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=30, logout_links="sneaky")

    first = crawl(Everything, site.url, tmp_path, login_budget=100)
    lost = logouts(site)
    assert first.ending in ("finished", "failures"), first
    assert ids(tmp_path) == list(range(1, 31))
    assert 1 <= lost <= 2

    for _ in range(2):
        crawl(Everything, site.url, tmp_path, login_budget=100, fresh=True)
    after = logouts(site)
    last = crawl(Everything, site.url, tmp_path, login_budget=100, fresh=True)

    assert logouts(site) == after == 2
    assert last.ending == "finished"
    assert any("learned" in rule for rule in last.skipped_by), last.skipped_by


def test_U5_what_was_learned_is_kept_at_once_and_with_what_another_process_has_learned(
    member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=30, logout_links="sneaky")
    name = f"guard:{Everything.name}"
    kept: list[str] = []

    def look(event: Any) -> None:
        with opened(tmp_path) as database, database:
            if isinstance(event, RunStarted):
                state = json.dumps({"version": 1, "banned": ["http://shop.example/from-another"], "losses": {"x": 1}})
                database.execute(
                    "INSERT OR REPLACE INTO crawl_values (name, value) VALUES (?, ?)", (name, json.dumps(state))
                )
            if isinstance(event, LoginEnded):
                found = database.execute("SELECT value FROM crawl_values WHERE name = ?", (name,)).fetchone()[0]
                kept.append(found)

    crawl(Everything, site.url, tmp_path, login_budget=100, observers=[look])

    assert logouts(site) >= 1, "otherwise nothing was tried"
    learned = json.loads(json.loads(kept[1]))
    assert learned["losses"] or learned["banned"][1:], "a kill now would lose nothing"
    with opened(tmp_path) as database:
        last = json.loads(
            json.loads(database.execute("SELECT value FROM crawl_values WHERE name = ?", (name,)).fetchone()[0])
        )
    assert "http://shop.example/from-another" in last["banned"]
    assert "x" not in last["losses"], "the other process may have forgiven it meanwhile"


def test_a_guest_may_follow_what_a_member_may_not(make_practice_site: Any, tmp_path: Path) -> None:
    """The guard is for sessions that could lose something."""

    class Guest(Everything):
        name = "guest"
        login = Members.__mro__[1].login  # the one of Spider: none

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/", f"{arguments['site']}/logout"]

    site = make_practice_site(books=3)

    summary = crawl(Guest, site.url, tmp_path)

    assert not [rule for rule in summary.skipped_by if rule.startswith("guard")]
    assert site.record.hits[f"{site.url}/logout"] == 1
