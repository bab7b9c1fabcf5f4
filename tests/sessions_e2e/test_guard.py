"""The logout guard over whole crawls: on, off, and what it learns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Response
from crawler.events import LoginEnded, RunStarted
from crawler.frontier.guard_learned import LearnedBans, guard_name
from crawler.stores import open_store
from crawler.testing import Account, PracticeSite
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, credentials, opened, stored
from tests.hosts import Host
from tests.stores.support import ReversingCipher

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


def keep_bans(folder: Path, url: str, *, confirm: bool = False) -> None:
    bans = LearnedBans()
    bans.ban(url)
    if confirm:
        bans.confirm()
    keep(folder, bans.dumps())


def keep(folder: Path, state: str) -> None:
    with closing(open_store(str(folder / "crawl.db"), cipher=ReversingCipher())) as store:
        store.values.set(guard_name(Everything.name), state)


def kept_bans(folder: Path) -> list[str]:
    with opened(folder) as database:
        found = database.execute("SELECT value FROM crawl_values WHERE name = ?", (guard_name(Everything.name),))
        return [ban["key"] for ban in json.loads(json.loads(found.fetchone()[0]))["bans"]]


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


def test_U5_a_page_that_logs_out_under_a_harmless_name_is_tried_banned_and_told_and_the_crawl_is_else_complete(
    member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=30, logout_links="sneaky")

    first = crawl(Everything, site.url, tmp_path, login_budget=100)

    assert (first.ending, first.exit_code) == ("failures", 1), "pages are missing: that is not the end of a good run"
    assert first.skipped_by["guard: learned"] == 1
    assert "/farewell ended the session each time it was fetched alone" in first.messages[0]
    assert first.next_command == "crawl guard everything"
    assert ids(tmp_path) == list(range(1, 31))
    assert 3 <= logouts(site) <= 6, "twice blamed, and twice tried at least"

    before = logouts(site)
    again = crawl(Everything, site.url, tmp_path, login_budget=100, fresh=True)

    assert logouts(site) == before
    assert (again.exit_code, again.skipped_by["guard: learned"], again.next_command) == (1, 1, "crawl guard everything")


def test_a_ban_that_a_person_has_confirmed_is_part_of_a_good_run(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=30)
    keep_bans(tmp_path, f"{site.url}/members/book/7", confirm=True)

    summary = crawl(Everything, site.url, tmp_path, login_budget=100)

    assert (summary.ending, summary.exit_code, summary.skipped_by["guard: confirmed"]) == ("finished", 0, 1)
    assert 7 not in ids(tmp_path)


def test_with_the_guard_off_what_it_learned_is_off_too(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=30)
    keep_bans(tmp_path, f"{site.url}/members/book/7")

    summary = crawl(Everything, site.url, tmp_path, logout_guard=False, login_budget=100)

    assert ids(tmp_path) == list(range(1, 31))
    assert not [rule for rule in summary.skipped_by if rule.startswith("guard")]


def test_bans_of_an_older_version_are_not_believed(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=30)
    keep(tmp_path, json.dumps({"version": 1, "banned": [f"{site.url}/members/book/7"], "losses": {}}))

    summary = crawl(Everything, site.url, tmp_path)

    assert (summary.exit_code, ids(tmp_path)) == (0, list(range(1, 31)))


def test_what_was_learned_is_kept_at_once_and_with_what_another_process_has_learned(
    member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=30, logout_links="sneaky")
    other = "http://shop.example/from-another"
    seen: list[list[str]] = []

    def look(event: Any) -> None:
        if isinstance(event, RunStarted):
            keep_bans(tmp_path, other)
        if isinstance(event, LoginEnded):
            seen.append(kept_bans(tmp_path))

    crawl(Everything, site.url, tmp_path, login_budget=100, observers=[look])

    assert set(seen[-1]) == {other, f"{site.url}/farewell"}, "a kill now would lose nothing"
    assert set(kept_bans(tmp_path)) == {other, f"{site.url}/farewell"}


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


class Listing(Members):
    """Begins where the address has a word that the guard knows, as the list of posts of WordPress has."""

    name = "listing"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/members/edit?page=1"]

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"page": response.url.rpartition("=")[2]}
        yield from response.follow_all(css="a")


class Given(Listing):
    """The same by requests of its own."""

    name = "given"
    start_urls = ()

    def __init__(self, **arguments: str) -> None:
        super(Members, self).__init__(**arguments)
        self.probe_url = f"{arguments['site']}/members/home"

    def start(self) -> Iterator[Request]:
        yield Request(f"{self.arguments['site']}/members/edit?page=1")


@pytest.mark.parametrize(("spider", "pages"), [(Listing, ["1", "2"]), (Given, ["1"])], ids=["start_urls", "start"])
def test_a_page_that_the_spider_begins_at_is_fetched_whatever_it_is_called(
    spider: type[Members], pages: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def login(call: WireRequest) -> Answer:
        if call.method == "POST":
            return Answer(302, headers=[("Location", "/members/home"), ("Set-Cookie", "sid=1; Path=/")])
        return Answer(body=b"<form method=post><input name=username><input type=password name=password></form>")

    links = "".join(f"<a href='/members/edit?{query}'>x</a>" for query in ("page=2", "action=trash&x=1", "post=7"))
    host = Host({"/login": login, "*": Answer(body=f"<html>{links}</html>".encode())}, "127.0.0.1", None)
    credentials(monkeypatch, default=Account("ann", "right"))

    summary = crawl(spider, host.url, tmp_path)
    host.close()

    assert (summary.ending, summary.exit_code, summary.logins) == ("finished", 0, 1)
    assert sorted(row["page"] for row in stored(tmp_path, "page")) == pages
    assert {call.query_text for call in host.seen("/members/edit")} == {f"page={page}" for page in pages}
