"""Whole crawls of the practice site: complete, without duplicates, with as few logins as the site allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler.testing import SiteProcess
from tests.engine.shop import Members, crawl, credentials, opened, stored

FIELDS = ("id", "title", "upc", "price")


def truth(site: SiteProcess, username: str) -> list[dict[str, str]]:
    return [{field: item[field] for field in FIELDS} for item in site.truth.member_items(username)]


def test_every_page_behind_the_login_is_stored_once_with_one_login(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=500, log_limit=0)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)

    summary = crawl(Members, site.url, tmp_path, workers=16, per_host=16)

    assert (summary.ending, summary.exit_code) == ("finished", 0)
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)
    record = site.record
    assert record.logins == {alice.username: 1}
    assert summary.logins == 1
    assert max(record.connections.values()) <= 16
    assert max(record.most_simultaneous.values()) <= 16
    assert summary.failed == 0
    assert summary.items == {"items": 500}
    with opened(tmp_path) as database:
        assert database.execute("SELECT count(*) FROM crawl_requests WHERE state NOT IN (2, 4)").fetchone() == (0,)


@pytest.mark.parametrize("style", ["redirect", "soft200"])
def test_a_session_that_is_revoked_five_times_costs_five_logins_and_no_item(
    style: str, make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=500, login=style, revoke_at=(50, 140, 230, 320, 410), log_limit=0)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)

    summary = crawl(Members, site.url, tmp_path, workers=16, per_host=16, login_budget=20)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)
    assert site.record.logins == {alice.username: 6}
    assert summary.logins == 6


def test_a_second_run_proves_the_stored_session_and_does_not_log_in(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=30)
    credentials(monkeypatch, default=site.accounts[0])
    crawl(Members, site.url, tmp_path)

    summary = crawl(Members, site.url, tmp_path, fresh=True)

    assert summary.ending == "finished"
    assert (summary.logins, summary.restored) == (0, 1)
    assert site.record.logins == {site.accounts[0].username: 1}


def test_a_wrong_password_is_sent_once_and_ends_the_run_with_code_3(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=30)
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", site.accounts[0].username)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "wrong")

    summary = crawl(Members, site.url, tmp_path, workers=16)

    assert (summary.ending, summary.exit_code) == ("login failed", 3)
    assert site.record.failed_logins == {site.accounts[0].username: 1}
    assert "refused" in summary.messages[0]
    assert summary.parked == 1


def test_parked_requests_go_on_in_the_run_after_the_password_was_mended(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=30)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "wrong")
    crawl(Members, site.url, tmp_path)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", alice.password)

    summary = crawl(Members, site.url, tmp_path)

    assert (summary.ending, summary.resumed, summary.parked) == ("finished", True, 0)
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)


def test_two_accounts_on_the_same_urls_are_both_complete_and_never_mixed(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class TwoMembers(Members):
        name = "two"
        sessions = ("alice", "bob")

        def parse_book(self, response: Any) -> Any:
            for item in super().parse_book(response):
                yield {**item, "session": response.session_name}

    site = make_site_process(books=120)
    alice, bob = site.accounts[:2]
    credentials(monkeypatch, alice=alice, bob=bob)

    summary = crawl(TwoMembers, site.url, tmp_path, workers=16)

    rows = stored(tmp_path, *FIELDS, "session")
    for account in (alice, bob):
        mine = [{field: row[field] for field in FIELDS} for row in rows if row["session"] == account.username]
        assert mine == truth(site, account.username)
    assert summary.logins == 2
    assert site.record.logins == {alice.username: 1, bob.username: 1}


def test_two_spiders_on_two_accounts_of_one_store_keep_their_cookies_apart(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Second(Members):
        name = "second"
        sessions = ("other",)

    site = make_site_process(books=60)
    alice, bob = site.accounts[:2]
    credentials(monkeypatch, default=alice, other=bob)

    crawl(Members, site.url, tmp_path)
    first = stored(tmp_path, *FIELDS)
    crawl(Second, site.url, tmp_path)
    both = stored(tmp_path, *FIELDS, "_run")

    assert first == truth(site, alice.username)
    assert [{field: row[field] for field in FIELDS} for row in both if row["_run"] == 2] == truth(site, bob.username)
    assert site.record.logins == {alice.username: 1, bob.username: 1}


def test_errors_that_pass_are_retried_until_every_page_is_there(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=150, rate_503=0.05, rate_reset=0.03, rate_cut=0.03, retry_after="")
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)

    summary = crawl(Members, site.url, tmp_path, retries=12, throttle=False)

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)
    assert summary.retried > 0
