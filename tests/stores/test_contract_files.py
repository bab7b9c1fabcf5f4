"""Files: their rows come and go with the requests that fetched them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crawler.outcome import FileRow, State
from crawler.stores.base import RunRow, Store
from tests.stores.support import accept, found, lease

ONE = FileRow(
    "shop/ann",
    "http://shop.example/a.pdf",
    '["7",1]',
    "a" * 64,
    100,
    "application/pdf",
    "a.pdf",
    "s/a.pdf",
    '"1"',
)
LOOKED_FOR = {"url": ONE.url, "key": ONE.key}


def fetch(store: Store, run: RunRow, file: FileRow, *, name: str = "a.pdf", was: str = "new", **more: object) -> int:
    """Commit a request that brought *file*; its number."""
    store.frontier.add(run.frontier, [found(name)])
    (leased,) = lease(store, run)
    store.commit(run, "me", [accept(leased, {"hash": file.hash}, file=file, file_was=was, **more)])
    return leased.id


def test_a_file_is_held_by_its_key_and_at_its_url(store: Store, run: RunRow) -> None:
    fetch(store, run, ONE, sent_at=5.0, epoch=3, proven=False)

    by_key, at_url = store.files.held("orders", "shop/ann", **LOOKED_FOR)

    assert by_key == at_url
    assert by_key is not None
    assert by_key == replace(ONE, id=by_key.id, frontier=run.frontier, sent_at=5.0, epoch=3, proven=False)
    assert store.files.held("orders", "shop/ann", url=ONE.url) == (None, at_url)
    assert store.files.held("orders", "shop/ann", url="http://shop.example/other", key=ONE.key) == (by_key, None)


@pytest.mark.parametrize(("spider", "session"), [("others", "shop/ann"), ("orders", "shop/bob")])
def test_what_another_spider_or_account_holds_does_not_count(
    store: Store, run: RunRow, spider: str, session: str
) -> None:
    fetch(store, run, ONE)

    assert store.files.held(spider, session, **LOOKED_FOR) == (None, None)


def test_a_confirmed_file_gets_no_second_row_and_keeps_validators_that_were_not_named_again(
    store: Store, run: RunRow
) -> None:
    fetch(store, run, ONE)
    _, known = store.files.held("orders", "shop/ann", url=ONE.url)
    assert known is not None

    fetch(store, run, replace(known, etag="", modified="Thu, 01 Jan 2026 00:00:00 GMT"), name="again", was="unchanged")

    _, after = store.files.held("orders", "shop/ann", url=ONE.url)
    assert after is not None
    assert (after.id, after.etag, after.modified) == (known.id, '"1"', "Thu, 01 Jan 2026 00:00:00 GMT")
    assert len(list(store.files.all())) == 1


def test_a_file_that_needed_no_request_changes_nothing(store: Store, run: RunRow) -> None:
    fetch(store, run, ONE)
    before = store.files.held("orders", "shop/ann", **LOOKED_FOR)
    assert before[0] is not None

    fetch(store, run, before[0], name="again", was="held")

    assert store.files.held("orders", "shop/ann", **LOOKED_FOR) == before


def test_a_page_that_is_taken_back_takes_its_file_back_and_the_version_before_is_the_newest_again(
    store: Store, run: RunRow
) -> None:
    fetch(store, run, ONE)
    newer = replace(ONE, hash="b" * 64, key='["7",2]')
    fetch(store, run, newer, name="again", was="changed", session_name="default", epoch=4, proven=False, sent_at=50.0)
    assert [each.hash for each in store.files.all()] == [ONE.hash, newer.hash]

    assert store.frontier.quarantine(run.frontier, session="default", epoch=4, since=40.0) == 1

    assert [each.hash for each in store.files.all("orders")] == [ONE.hash]
    assert store.files.held("orders", "shop/ann", url=ONE.url, key=newer.key)[0] is None
    assert [row["hash"] for row in store.results.rows("items")] == [ONE.hash]


def test_what_a_lost_session_confirmed_is_asked_for_again_in_the_same_crawl(store: Store, run: RunRow) -> None:
    fetch(store, run, ONE)
    _, known = store.files.held("orders", "shop/ann", url=ONE.url)
    assert known is not None
    fetch(store, run, known, name="again", was="unchanged", session_name="default", epoch=4, proven=False, sent_at=50.0)

    store.frontier.quarantine(run.frontier, session="default", epoch=4, since=40.0)

    _, after = store.files.held("orders", "shop/ann", url=ONE.url)
    assert after is not None
    assert (after.hash, after.frontier) == (ONE.hash, 0)


def test_the_name_of_a_file_that_was_taken_back_is_known_until_its_url_is_fetched_again(
    store: Store, run: RunRow
) -> None:
    fetch(store, run, ONE, session_name="default", epoch=4, proven=False, sent_at=50.0)
    where = ("orders", "shop/ann")
    assert store.files.left_name(*where, url=ONE.url) == ""

    store.frontier.quarantine(run.frontier, session="default", epoch=4, since=40.0)

    assert (list(store.files.all()), store.files.held(*where, **LOOKED_FOR)) == ([], (None, None))
    assert store.files.left_name(*where, url=ONE.url) == f"{ONE.link} {ONE.hash}"
    assert store.files.left_name("orders", "shop/bob", url=ONE.url) == ""
    (again,) = lease(store, run)
    newer = replace(ONE, hash="b" * 64)
    store.commit(run, "me", [accept(again, {"n": 1}, file=newer, file_was="new", file_before=f"{ONE.link} {ONE.hash}")])
    assert store.files.left_name(*where, url=ONE.url) == ""
    assert [each.hash for each in store.files.all()] == [newer.hash]


def test_a_failed_request_that_is_tried_again_has_no_file_meanwhile(store: Store, run: RunRow) -> None:
    fetch(store, run, ONE)

    store.frontier.reopen(run.frontier, states=(State.DONE,))

    assert list(store.files.all()) == []


def test_a_lost_lease_writes_no_file(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a.pdf")])
    (leased,) = lease(store, run)

    late = accept(replace(leased, token=leased.token - 1), {"n": 1}, file=ONE, file_was="new")
    committed = store.commit(run, "me", [late])

    assert committed.lost == {leased.id}
    assert list(store.files.all()) == []


def test_texts_that_no_database_takes_are_kept_in_another_form(store: Store, run: RunRow) -> None:
    odd = replace(ONE, name="a\0\ud800.pdf", link="s/a\0.pdf", url=ONE.url + "\0", etag='"\0"')

    fetch(store, run, odd)

    assert len(list(store.files.all())) == 1
    assert store.files.held("orders", "shop/ann", url=odd.url)[1] is not None
