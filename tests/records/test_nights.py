"""Records through whole crawls of the practice shop: new, changed, gone and back, night by night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing import PracticeSite
from tests.engine.shop import credentials
from tests.records.shop import Books, Fresh, MemberBooks, audited, changed, crawl, opened


@pytest.fixture
def site() -> Iterator[PracticeSite]:
    with PracticeSite(books=12, per_page=4, log_limit=0) as site:
        yield site


def test_new_changed_gone_and_returned_records_are_reported_each_night(site: PracticeSite, tmp_path: Path) -> None:
    first = crawl(Books, site, tmp_path)
    assert first.changes == {"Book": {"new": 12, "changed": 0, "gone": 0, "back": 0}}
    assert changed(tmp_path, "books") == sorted(("new", str(number), {}) for number in range(1, 13))

    second = crawl(Books, site, tmp_path)
    assert second.ending == "finished"
    assert second.items == {"Book": 12}
    assert changed(tmp_path, "books") == []

    site.edit({3: {"stock": 99}, 7: None, 5: {"title": "Another", "stock": 98}})
    before = site.truth
    crawl(Books, site, tmp_path)
    found = changed(tmp_path, "books")
    assert [(kind, key) for kind, key, _ in found] == [("changed", "3"), ("changed", "5"), ("gone", "7")]
    assert found[0][2]["stock"][1] == 99
    assert found[1][2]["title"][1] == "Another"
    assert before is site.truth

    site.edit({7: {}})
    crawl(Books, site, tmp_path)
    assert changed(tmp_path, "books") == [("back", "7", {})]
    assert audited(tmp_path, "books") == ()


def test_what_is_exported_is_what_is_there_now(site: PracticeSite, tmp_path: Path) -> None:
    crawl(Books, site, tmp_path)
    site.edit({1: {"stock": 77}, 2: None})
    crawl(Books, site, tmp_path)

    store = opened(tmp_path)
    try:
        there = {row["id"]: row["stock"] for row in store.results.latest("Book", spider="books")}
    finally:
        store.close()
    assert sorted(there) == [1, *range(3, 13)]
    assert there[1] == 77


def test_several_processes_make_one_crawl_and_each_change_once(site: PracticeSite, tmp_path: Path) -> None:
    crawl(Books, site, tmp_path, processes=2)
    site.edit({3: {"stock": 99}, 7: None})

    summary = crawl(Books, site, tmp_path, processes=2)

    assert summary.changes == {"Book": {"new": 0, "changed": 1, "gone": 1, "back": 0}}
    assert audited(tmp_path, "books") == ()


def test_a_run_that_is_stopped_makes_nothing_gone_and_the_next_one_ends_the_same_crawl(
    site: PracticeSite, tmp_path: Path
) -> None:
    crawl(Books, site, tmp_path)
    site.edit({1: None, 3: {"stock": 99}, 12: None})

    stopped = crawl(Books, site, tmp_path, max_pages=4)
    assert (stopped.ending, stopped.complete, stopped.changes["Book"]["gone"]) == ("limit", False, 0)
    ended = crawl(Books, site, tmp_path, fresh=False)

    assert (ended.ending, ended.complete) == ("finished", True)
    assert ended.changes == {"Book": {"new": 0, "changed": 1, "gone": 2, "back": 0}}


def test_a_spider_may_keep_the_records_of_each_account_apart(
    site: PracticeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine(MemberBooks):
        name = "mine"
        sessions = ("alice", "bob")
        keys = {"Book": ("id", "@account")}

    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
    crawl(Mine, site, tmp_path)
    site.edit({2: None, 3: {"pence": 4000}})

    summary = crawl(Mine, site, tmp_path)

    assert summary.changes == {"Book": {"new": 0, "changed": 2, "gone": 2, "back": 0}}
    prices = {(each.key["@account"], each.fields["price"][1]) for each in summary.changed() if each.kind == "changed"}
    assert len(prices) == 2, "each account pays its own price"


def test_a_page_that_is_unchanged_lists_what_it_listed(tmp_path: Path) -> None:
    with PracticeSite(books=8, per_page=4, log_limit=0) as site:
        crawl(Fresh, site, tmp_path)
        before = site.record.hits.total()
        site.edit({2: {"stock": 99}})

        summary = crawl(Fresh, site, tmp_path)

        assert summary.not_asked == 10
        assert site.record.hits.total() - before <= 1, "robots.txt at most"
        assert (summary.complete, summary.items) == (True, {"Book": 8})
        assert summary.changes == {"Book": {"new": 0, "changed": 0, "gone": 0, "back": 0}}
        assert audited(tmp_path, "fresh") == ()
        crawl(Fresh, site, tmp_path, full=True)
        assert [(kind, key) for kind, key, _ in changed(tmp_path, "fresh")] == [("changed", "2")]
