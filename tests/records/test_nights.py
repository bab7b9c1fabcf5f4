"""Records through whole crawls of the practice shop: new, changed, gone and back, night by night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.output.export import crawl_rows
from crawler.testing import PracticeSite
from tests.records.shop import Books, audited, changed, crawl, opened


@pytest.fixture
def site() -> Iterator[PracticeSite]:
    with PracticeSite(books=12, per_page=4, log_limit=0) as site:
        yield site


def test_what_is_new_changed_gone_and_back_is_told_each_night(site: PracticeSite, tmp_path: Path) -> None:
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
        there = {row["id"]: row["stock"] for row in crawl_rows(store, [], ["Book"], latest_of="books")}
    finally:
        store.close()
    assert sorted(there) == [1, *range(3, 13)]
    assert there[1] == 77
