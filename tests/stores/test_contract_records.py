"""Records in the store: written with the page that lists them, taken back with it, gone only by a complete crawl."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from crawler.outcome import Found, ItemRow, Leased, Outcome, Rejected, Verdict
from crawler.stores.base import RunRow, Store
from tests.stores.support import Home, found, lease, start

Page = Sequence[dict[str, Any]] | str  #: the records that it lists; or the error with which it failed


def item(fields: dict[str, Any]) -> ItemRow:
    return ItemRow("Book", fields, json.dumps({"id": str(fields["id"])}))


def links(names: Iterable[str], parent: int) -> list[Found]:
    return [replace(found(name), parent=parent, depth=1) for name in names]


class Crawler:
    """Commits whole crawls: a start page that links to all others, each of which lists records."""

    def __init__(self, store: Store, args: str = "{}") -> None:
        self.store, self.args = store, args
        self.run: RunRow | None = None

    def begin(self, *, fresh: bool = True) -> RunRow:
        self.run = start(self.store, spider="shop", args=self.args, fresh=fresh)
        return self.run

    def pages(self, pages: dict[str, Page], *, proven: bool = True, **of_each: Any) -> dict[str, Leased]:
        """Read a start page that links to *pages*, and those; returns what was leased, by name."""
        run = self.run or self.begin()
        self.store.frontier.add(run.frontier, [found("start")])
        (first,) = lease(self.store, run, 1)
        self.store.commit(run, "me", [Outcome(first, Verdict.ACCEPT, found=links(pages, first.id), status=200)])
        return self.read(pages, proven=proven, **of_each)

    def read(self, pages: dict[str, Page], *, proven: bool = True, **of_each: Any) -> dict[str, Leased]:
        assert self.run is not None
        leased = {each.url.rpartition("/")[2]: each for each in lease(self.store, self.run, 100)}
        for name, page in pages.items():
            if isinstance(page, str):
                outcome = Outcome(leased[name], Verdict.FAIL, error=page, status=500)
            else:
                outcome = Outcome(leased[name], Verdict.ACCEPT, items=list(map(item, page)), status=200, **of_each)
                outcome.proven, outcome.session_name, outcome.epoch, outcome.sent_at = proven, "default", 1, 5.0
            self.store.commit(self.run, "me", [outcome])
        return leased

    def end(self, *, settle: bool = True) -> bool:
        assert self.run is not None
        self.unmet = self.store.records.settle(self.run) if settle else None
        self.store.runs.end(self.run.id, ending="finished", exit_code=0, summary="{}")
        assert self.store.care.audit(self.run.frontier).problems == ()
        self.run = None
        return self.unmet is not None

    def crawl(self, pages: dict[str, Page]) -> list[tuple[str, str, dict[str, Any]]]:
        """A whole crawl of its own: what it found."""
        run = self.begin()
        self.pages(pages)
        self.end()
        return self.told(run)

    def told(self, run: RunRow) -> list[tuple[str, str, dict[str, Any]]]:
        changes = self.store.records.changes("shop", crawls=(run.frontier, run.frontier))
        return sorted((each.kind, each.key["id"], dict(each.fields)) for each in changes)

    def rows(self) -> list[dict[str, Any]]:
        """The records that are there, without our columns."""
        return [
            {name: value for name, value in row.items() if name[0] != "_" and value is not None}
            for row in self.store.results.latest("Book", spider="shop")
        ]


@pytest.fixture
def shop(store: Store) -> Crawler:
    return Crawler(store)


A, B = {"id": 1, "price": 10}, {"id": 2, "price": 20}


def test_a_crawl_that_says_the_same_writes_no_row_and_no_change(shop: Crawler) -> None:
    assert shop.crawl({"a": [A], "b": [B]}) == [("new", "1", {}), ("new", "2", {})]
    before = list(shop.store.results.rows("Book"))

    assert shop.crawl({"a": [A], "b": [B]}) == []

    assert shop.unmet == (0, "")
    assert list(shop.store.results.rows("Book")) == before, "not even its time"


@pytest.mark.parametrize(
    ("new", "fields"),
    [
        ({"id": 1, "price": 11}, {"price": (10, 11)}),
        ({"id": 1, "price": "10"}, {"price": (10, "10")}),
        ({"id": 1, "price": 10.0}, {"price": (10, 10.0)}),
        ({"id": 1, "price": None}, {"price": (10, None)}),
        ({"id": 1}, {"price": (10, None)}),
        ({"id": 1, "price": 10, "stock": 2**70}, {"stock": (None, 2**70)}),
        ({"id": 1, "price": [1, {"a": b"\x00"}]}, {"price": (10, [1, {"a": b"\x00"}])}),
        ({"id": "1", "price": 10}, {"id": (1, "1")}),
    ],
    ids=str,
)
def test_a_change_has_the_old_and_the_new_value_of_what_differs(
    shop: Crawler, new: dict[str, Any], fields: dict[str, Any]
) -> None:
    shop.crawl({"a": [A]})

    assert shop.crawl({"a": [new]}) == [("changed", "1", fields)]
    assert shop.rows() == [{name: value for name, value in new.items() if value is not None}]
    assert shop.crawl({"a": [new]}) == []
    assert shop.crawl({"a": [A]}) == [("changed", "1", {name: (b, a) for name, (a, b) in fields.items()})]


def test_a_record_that_moves_to_another_page_is_the_same_and_nothing_has_changed(shop: Crawler) -> None:
    shop.crawl({"a": [A, B], "b": []})

    assert shop.crawl({"a": [A], "b": [B]}) == []
    assert shop.crawl({"b": [A, B]}) == []


def test_pages_that_give_different_fields_of_one_record_make_one_row_and_no_change_each_night(shop: Crawler) -> None:
    pages: dict[str, Page] = {"list": [{"id": 1, "price": "from 10"}], "page": [{"id": 1, "price": "10", "text": "x"}]}
    shop.crawl(pages)
    assert shop.rows() == [{"id": 1, "price": "10", "text": "x"}]

    for _ in range(3):
        assert shop.crawl(pages) == []
    assert shop.crawl({**pages, "page": [{"id": 1, "price": "10"}]}) == [("changed", "1", {"text": ("x", None)})]
    assert shop.crawl(pages) == [("changed", "1", {"text": (None, "x")})]
    assert shop.crawl({"list": pages["list"]}) == [("changed", "1", {"text": ("x", None)})]


def test_one_key_twice_on_a_page_is_one_record(shop: Crawler) -> None:
    pages: dict[str, Page] = {"a": [{"id": 1, "price": 10}, {"id": 1, "stock": 3}]}

    assert shop.crawl(pages) == [("new", "1", {})]
    assert shop.rows() == [{"id": 1, "price": 10, "stock": 3}]
    assert shop.crawl(pages) == []


MISSING = "StatusError: 404 from http://shop.example/b"
BROKEN = "StatusError: 500 from http://shop.example/b"


@pytest.mark.parametrize(
    ("pages", "gone"),
    [
        ({"a": [A], "b": []}, True),
        ({"a": [A]}, True),
        ({"a": [A], "b": MISSING}, True),
        ({"a": [A], "b": BROKEN}, False),
        ({"a": BROKEN, "b": []}, False),
    ],
    ids=["the page lists it no more", "nothing leads there", "the page is missing", "it failed", "another one failed"],
)
def test_a_record_is_gone_when_every_page_that_would_have_listed_it_was_asked(
    shop: Crawler, pages: dict[str, Page], gone: bool
) -> None:
    shop.crawl({"a": [A], "b": [B]})

    assert (("gone", "2", {}) in shop.crawl(pages)) is gone
    assert (B in shop.rows()) is not gone


def test_what_was_not_believed_to_be_gone_is_gone_by_the_next_complete_crawl_and_comes_back(shop: Crawler) -> None:
    shop.crawl({"a": [A], "b": [B], "c": []})
    assert shop.crawl({"a": [A], "b": [], "c": BROKEN}) == []

    assert shop.crawl({"a": [A], "b": [], "c": []}) == [("gone", "2", {})]
    assert shop.rows() == [A]
    assert shop.crawl({"a": [A], "b": [], "c": []}) == []
    assert shop.crawl({"a": [A], "b": [], "c": [{**B, "price": 21}]}) == [("back", "2", {"price": (20, 21)})]
    assert shop.rows() == [A, {**B, "price": 21}]


def test_a_record_that_moved_to_a_page_that_failed_is_not_gone_by_the_crawl_after(shop: Crawler) -> None:
    shop.crawl({"a": [A, B], "b": []})
    shop.crawl({"a": [A], "b": BROKEN})

    assert shop.crawl({"a": [A], "b": [B]}) == []


def test_a_crawl_with_open_requests_makes_nothing_gone_and_goes_on(shop: Crawler) -> None:
    shop.crawl({"a": [A], "b": [B]})
    run = shop.begin()
    leased = shop.pages({"a": []}) | {}
    assert leased
    shop.store.frontier.add(run.frontier, [found("late")])
    assert shop.end() is False
    assert shop.told(run) == []

    again = shop.begin(fresh=False)
    assert again.frontier == run.frontier
    shop.read({"late": [B]})
    assert shop.end() is True
    assert shop.told(run) == [("gone", "1", {})]


def test_a_page_left_out_by_a_rule_proves_nothing_nor_do_the_pages_below_it(shop: Crawler) -> None:
    shop.begin()
    (listing,) = [shop.pages({"list": []})["list"]]
    assert shop.run is not None
    shop.store.frontier.add(shop.run.frontier, links(["deep"], listing.id))
    shop.read({"deep": [A]})
    shop.end()
    run = shop.begin()
    shop.store.frontier.add(run.frontier, [found("start")])
    (first,) = lease(shop.store, run, 1)
    left_out = [replace(each, skipped="depth: deeper than 0") for each in links(["list"], first.id)]
    shop.store.commit(run, "me", [Outcome(first, Verdict.ACCEPT, found=left_out, status=200)])

    assert shop.end() is True
    assert shop.unmet == (1, 'Book {"id": "1"}')
    assert shop.told(run) == []
    assert shop.rows() == [A]


def test_a_page_from_which_something_without_a_key_was_kept_aside_proves_nothing(shop: Crawler) -> None:
    bad = [Rejected("Book", "its key field 'id' is missing")]
    shop.crawl({"a": [A, B]})
    run = shop.begin()
    shop.pages({"a": [A]}, rejected=bad)
    shop.end()
    assert shop.told(run) == []
    assert shop.rows() == [A, B]
    assert [each["reason"] for each in shop.store.rejected.all(run.frontier)] == [bad[0].reason]

    assert shop.crawl({"a": [A]}) == [("gone", "2", {})]


def test_a_page_that_always_has_such_things_proves_as_much_as_any(shop: Crawler) -> None:
    bad = [Rejected("Book", "its key field 'id' is missing")]
    shop.begin()
    shop.pages({"a": [A, B]}, rejected=bad)
    shop.end()
    run = shop.begin()
    shop.pages({"a": [A]}, rejected=bad)
    shop.end()

    assert shop.told(run) == [("gone", "2", {})]


def test_a_record_whose_item_is_invalid_tonight_stays_as_it_was(shop: Crawler) -> None:
    shop.crawl({"a": [A, B]})
    run = shop.begin()
    shop.pages({"a": [A]}, rejected=[Rejected("Book", "a bad price", key=item(B).key)])
    shop.end()

    assert (shop.told(run), shop.rows()) == ([], [A, B])


def test_crawls_with_other_arguments_make_nothing_gone_of_one_another(store: Store) -> None:
    books, toys = Crawler(store, '{"of":"books"}'), Crawler(store, '{"of":"toys"}')
    books.crawl({"a": [A, B]})

    assert toys.crawl({"t": [B, {"id": 3}]}) == [("new", "3", {})]
    assert books.crawl({"a": [A]}) == [], "the toys list it still"
    assert toys.crawl({"t": [{"id": 3}]}) == [("gone", "2", {})]
    assert [row["id"] for row in books.rows()] == [1, 3]


# --- taken back ---------------------------------------------------------------------------------------------------


def state(shop: Crawler) -> Any:
    """All that is known of records, but for numbers that only ever grow."""
    told = sorted(
        (each.kind, each.key["id"], sorted(each.fields.items()))
        for each in shop.store.records.changes("shop", crawls=(0, 10**9))
    )
    return shop.rows(), told, [row["id"] for row in shop.store.results.rows("Book")]


@pytest.mark.parametrize(
    "page",
    [
        [A, {**B, "price": 99}],
        [A, B, {"id": 3, "price": 30}],
        [A],
        [],
        [{**A, "price": None}, {**B, "more": "x"}],
        [A, B],
        [{"id": 4, "price": 40}, {"id": 3}],
    ],
    ids=["changed", "new", "lacking", "empty", "fields", "same", "back"],
)
def test_records_from_a_page_of_a_lost_session_are_taken_back(shop: Crawler, page: Page) -> None:
    shop.crawl({"a": [A, B, {"id": 4, "price": 41}], "b": [{"id": 5}]})
    shop.crawl({"a": [A, B], "b": [{"id": 5}]})
    before = state(shop)
    run = shop.begin()
    shop.pages({"a": page}, proven=False)

    assert shop.store.frontier.quarantine(run.frontier, session="default", epoch=1, since=0.0) == 1

    assert state(shop) == before
    shop.read({"a": [A, B]})
    shop.end()
    assert shop.told(run) == [("gone", "5", {})]


def test_what_two_pages_said_can_be_taken_back_for_one_of_them(shop: Crawler) -> None:
    shop.crawl({"a": [A], "b": [{"id": 1}]})
    run = shop.begin()
    leased = shop.pages({"b": [{"id": 1, "price": 11}], "a": [{"id": 1, "price": 12}]}, proven=False)
    shop.store.frontier.prove_pages(run.frontier, ids=[leased["a"].id], epoch=1)

    shop.store.frontier.quarantine(run.frontier, session="default", epoch=1, since=0.0)

    assert shop.told(run) == [("changed", "1", {"price": (10, 12)})]
    shop.read({"b": [{"id": 1}]})
    shop.end()
    assert shop.told(run) == [("changed", "1", {"price": (10, 12)})]


def test_a_record_that_a_lost_page_was_the_first_to_list_stays_while_another_one_lists_it(shop: Crawler) -> None:
    run = shop.begin()
    leased = shop.pages({"a": [{"id": 1, "price": None}], "b": [A]}, proven=False)
    shop.store.frontier.prove_pages(run.frontier, ids=[leased["b"].id], epoch=1)

    shop.store.frontier.quarantine(run.frontier, session="default", epoch=1, since=0.0)

    assert (shop.rows(), shop.told(run)) == ([A], [("new", "1", {})])
    shop.read({"a": [A]})
    shop.end()
    assert (shop.rows(), shop.told(run)) == ([A], [("new", "1", {})])


def test_a_failed_page_whose_errback_gave_a_record_takes_it_back_when_it_is_tried_again(shop: Crawler) -> None:
    run = shop.begin()
    leased = shop.pages({"a": []})
    assert leased
    shop.store.frontier.add(run.frontier, [found("x")])
    (broken,) = lease(shop.store, run, 1)
    shop.store.commit(run, "me", [Outcome(broken, Verdict.FAIL, items=[item(A)], error=BROKEN, status=500)])
    assert shop.rows() == [A]

    shop.store.frontier.reopen(run.frontier, states=[3])

    assert shop.rows() == []
    shop.read({"x": [B]})
    shop.end()
    assert shop.told(run) == [("new", "2", {})]


# --- names and views ----------------------------------------------------------------------------------------------


def test_a_record_and_an_item_without_a_key_may_share_a_table(store: Store) -> None:
    shop = Crawler(store)
    shop.crawl({"a": [A]})
    other = start(store, spider="plain")
    store.frontier.add(other.frontier, [found("p")])
    (leased,) = lease(store, other, 1)
    store.commit(other, "me", [Outcome(leased, Verdict.ACCEPT, items=[ItemRow("Book", {"id": 9})])])

    assert [row["id"] for row in store.results.latest("Book")] == [9, 1]
    assert [row["id"] for row in store.results.latest("Book", spider="plain")] == [9]
    assert [row["_spider"] for row in store.results.rows("Book")] == ["plain", "shop"]
    assert store.care.audit(other.frontier).problems == ()


@pytest.mark.parametrize("name", ["Order", "group", "SELECT", "Table", "values", "user"])
def test_a_table_named_by_a_keyword_gets_a_name_that_needs_no_quotes(store: Store, home: Home, name: str) -> None:
    run = start(store)
    store.frontier.add(run.frontier, [found("p")])
    (leased,) = lease(store, run, 1)
    store.commit(run, "me", [Outcome(leased, Verdict.ACCEPT, items=[ItemRow(name, {"id": 9})])])

    assert [row["id"] for row in store.results.rows(name)] == [9]
    assert store.results.stored_as(name) == f"{name}_items"
    with home.raw() as raw:
        q = home.mark_of_case
        rows = raw.execute(f"SELECT id, _crawl, _spider FROM {q}{name}_items{q}").fetchall()
        latest = raw.execute(f"SELECT id FROM {q}latest_{name}{q}").fetchall()
    assert (rows, latest) == ([(9, run.frontier, "orders")], [(9,)])
