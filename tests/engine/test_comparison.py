"""Whether a crawl returned as much as the last ones: only the numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.files import FILLED
from crawler.outcome import ItemRow
from crawler.output.comparison import COMPARED, Expected, shortfalls
from crawler.output.figures import Figures, count_fields, figures_of, is_filled
from crawler.runs.earlier import earlier_crawls
from crawler.stores.base import RunRow


def crawl_of(items: int = 100, *, pages: int = 110, table: str = "items", **filled: int) -> Figures:
    """A crawl with items of one kind; *filled* says in how many each field was filled."""
    return Figures(pages, {table: items}, {table: items}, {table: {"title": items, **filled}})


def both(one: Figures, other: Figures) -> Figures:
    return one.plus(other)


BEFORE = [crawl_of(100, price=98)] * 3
TWO_KINDS = [both(crawl_of(100), crawl_of(40, table="Review"))] * 4
#: What the crawl brought, those before it, what is asked for; the reasons, and words of the first sentence
CASES: dict[str, tuple[Figures, list[Figures], Expected, list[str], str]] = {
    "as before": (crawl_of(97, price=95), BEFORE, Expected(), [], ""),
    "a first crawl": (crawl_of(3, price=0), [], Expected(), [], ""),
    "more than half": (crawl_of(51, price=51), BEFORE, Expected(), [], ""),
    "half of the items": (
        crawl_of(50, price=50),
        BEFORE,
        Expected(),
        ["fewer-items"],
        "50 items from 110 pages; the last 3",
    ),
    "one crawl before it is enough": (
        crawl_of(9, price=9),
        BEFORE[:1],
        Expected(),
        ["fewer-items"],
        "crawl had 100 from",
    ),
    "none, though none are asked for": (crawl_of(0), BEFORE, Expected(min_items=0), ["fewer-items"], "0 items"),
    "much more": (crawl_of(900, price=890), BEFORE, Expected(), [], ""),
    "one odd night before it": (crawl_of(60, price=60), [crawl_of(900), *BEFORE], Expected(), [], ""),
    "a share of one's own": (crawl_of(70, price=70), BEFORE, Expected(min_share=0.8), ["fewer-items"], "70 items"),
    "nothing is compared": (crawl_of(1, price=0), BEFORE, Expected(min_share=0), [], ""),
    "a person accepts it": (crawl_of(1, price=0), BEFORE, Expected(accepted=True, fields={"price": 1}), [], ""),
    "a kind is gone": (crawl_of(100), TWO_KINDS, Expected(), ["kind-gone"], "0 items of kind 'Review'"),
    "few of a kind": (
        both(crawl_of(100), crawl_of(9, table="Review")),
        TWO_KINDS,
        Expected(),
        ["fewer-of-a-kind"],
        "usually 40",
    ),
    "a new kind": (both(crawl_of(100), crawl_of(9, table="Tag")), [crawl_of(100)], Expected(), [], ""),
    "a field is empty": (
        crawl_of(100, price=0),
        BEFORE,
        Expected(),
        ["field-emptied"],
        "'price' is filled in 0 of 100 items",
    ),
    "a field is not there any more": (crawl_of(100), BEFORE, Expected(), ["field-emptied"], "before it was in 98 %"),
    "one item tells nothing": (crawl_of(100, price=0), [crawl_of(1, price=1)], Expected(), [], ""),
    "five crawls of one item tell": (
        crawl_of(1, price=0),
        [crawl_of(1, price=1)] * 5,
        Expected(),
        ["field-emptied"],
        "100 %",
    ),
    "all fields are others": (
        Figures(9, {"items": 90}, {"items": 90}, {"items": {"id": 90, "date": 0}}),
        BEFORE,
        Expected(),
        [],
        "",
    ),
    "all fields are others, and empty": (
        Figures(9, {"items": 90}, {"items": 90}, {"items": {"id": 0}}),
        BEFORE,
        Expected(),
        ["field-emptied"] * 2,
        "",
    ),
    "all kinds are others": (Figures(9, {"Book": 90}, {"Book": 90}, {"Book": {"id": 90}}), BEFORE, Expected(), [], ""),
    "a field of ours": (
        Figures(9, {"files": 90}, {"files": 90}, {"files": {**dict.fromkeys(FILLED, 90), "width": 0}}),
        [Figures(9, {"files": 90}, {"files": 90}, {"files": dict.fromkeys(FILLED, 90)})],
        Expected(),
        [],
        "",
    ),
    "a field is mostly empty": (crawl_of(100, price=40), BEFORE, Expected(), ["field-emptied"], "(40 %)"),
    "a field is emptier, and still mostly filled": (crawl_of(100, price=60), BEFORE, Expected(), [], ""),
    "a field that was seldom filled": (crawl_of(100, sale=0), [crawl_of(100, sale=20)] * 3, Expected(), [], ""),
    "two pages have changed, and lack the field": (
        Figures(110, {"items": 100}, {"items": 2}, {"items": {"title": 2, "price": 0}}),
        BEFORE,
        Expected(),
        [],
        "",
    ),
    "most pages have changed, and lack it": (
        Figures(110, {"items": 100}, {"items": 60}, {"items": {"title": 60, "price": 0}}),
        BEFORE,
        Expected(),
        ["field-emptied"],
        "0 of 60 items",
    ),
    "nights on which few pages had changed": (
        crawl_of(100, price=0),
        [*[Figures(110, {"items": 100}, {"items": 2}, {"items": {"title": 2, "price": 0}})] * 5, *BEFORE],
        Expected(),
        ["field-emptied"],
        "before it was in 98 %",
    ),
    "a new field": (crawl_of(100, price=98, upc=0), BEFORE, Expected(), [], ""),
    "a field of another kind": (
        crawl_of(100, table="Book", price=0),
        [crawl_of(100, table="Book", price=90)],
        Expected(),
        ["field-emptied"],
        "'Book.price'",
    ),
    "fewer items, and a field": (
        crawl_of(20, price=0),
        BEFORE,
        Expected(),
        ["fewer-items", "field-emptied"],
        "20 items",
    ),
    "a field that is asked for": (
        crawl_of(100, price=80),
        [],
        Expected(fields={"price": 0.9}),
        ["field-below"],
        "80 of 100 items (80 %); `fields`",
    ),
    "asked for, and filled": (crawl_of(100, price=90), [], Expected(fields={"price": 0.9}), [], ""),
    "asked for, and misspelled": (
        crawl_of(100),
        [],
        Expected(fields={"prize": 0.5}),
        ["field-below"],
        "'prize' is filled in 0",
    ),
    "asked for of one kind": (
        both(crawl_of(100, price=0), crawl_of(10, table="Book", price=10)),
        [],
        Expected(fields={"Book.price": 1}),
        [],
        "",
    ),
    "asked for, in the kinds that have it": (
        both(crawl_of(100), crawl_of(10, table="Book", price=10)),
        [],
        Expected(fields={"price": 1}),
        [],
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_crawl_lacks_is_reported_and_nothing_else(case: str) -> None:
    now, before, wanted, reasons, words = CASES[case]

    found = shortfalls(now, before, wanted)

    assert [each.reason for each in found] == reasons, found
    assert not words or words in found[0].sentence


def test_many_empty_fields_are_five_sentences_and_a_number() -> None:
    names = [f"f{number}" for number in range(12)]
    before = [crawl_of(10, **dict.fromkeys(names, 10))]

    found = shortfalls(crawl_of(10, **dict.fromkeys(names, 0)), before, Expected())

    assert len(found) == 6
    assert found[-1].sentence.startswith("7 further fields")


@given(st.integers(0, 500), st.lists(st.integers(0, 500), min_size=1, max_size=10))
def test_a_crawl_that_brings_as_much_as_the_best_of_those_before_it_lacks_nothing(
    more: int, earlier: list[int]
) -> None:
    before = [crawl_of(items, price=items) for items in earlier]
    now = max(earlier) + more

    assert shortfalls(crawl_of(now, price=now), before, Expected()) == []


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        (None, False),
        ("", False),
        (" \n", False),
        ([], False),
        ({}, False),
        ([None, ""], False),
        ({"a": None}, False),
        (float("nan"), False),
        (b"", False),
        (0, True),
        (False, True),
        (0.0, True),
        ("0", True),
        ([0], True),
        (b"x", True),
    ],
    ids=repr,
)
def test_a_field_is_filled_when_it_has_a_meaningful_value(value: Any, filled: bool) -> None:
    assert is_filled(value) is filled


def test_fields_are_counted_by_kind_and_a_page_that_makes_up_names_is_cut_off() -> None:
    filled: dict[str, dict[str, int]] = {}
    rows = [ItemRow("items", {"a": 1, "b": ""}), ItemRow("items", {"a": None, "c": "x"}), ItemRow("Book", {"a": 2})]

    count_fields(rows, filled)
    count_fields([ItemRow("items", {f"made-up {number}": 1}) for number in range(2_000)], filled)

    assert {name: filled["items"][name] for name in "abc"} == {"a": 1, "b": 0, "c": 1}
    assert filled["Book"] == {"a": 1}
    assert len(filled["items"]) == 500


def test_figures_survive_the_store_and_strange_ones_are_none() -> None:
    figures = both(crawl_of(10, price=3), crawl_of(2, table="Book"))

    assert figures_of(figures.as_dict()) == figures
    assert [figures_of(each) for each in (None, [], {}, {"pages": "x"})] == [None] * 4
    assert figures_of({"pages": 3, "items": 7, "filled": []}) == Figures(3)


# --- which crawls are compared with -------------------------------------------------------------------------------


def run(number: int, items: int = 100, *, args: str = "{}", ending: str = "finished", **told: Any) -> RunRow:
    import json

    summary = json.dumps({"crawl": crawl_of(items).as_dict(), **told})
    return RunRow(number, "shop", number, False, 0.0, args, 1.0, ending, 0, summary)


def test_only_complete_good_crawls_with_the_same_arguments_count() -> None:
    runs = [
        run(9, 1, ending="limit"),
        run(8, 2, shortfalls=["fewer-items"], ending="less than before"),
        run(7, 3, args='{"a": "b"}'),
        run(6, 4),
        run(5, 5, ending="no items"),
        run(4, 6, ending="failures"),
        run(3, 7, ending="login failed"),
        RunRow(2, "shop", 2, False, 0.0, summary="{"),
        run(1, 8, ending="interrupted"),
    ]

    assert [each.total for each in earlier_crawls(runs, run(10))] == [4, 6]


def test_an_accepted_crawl_counts_whatever_it_returned_and_none_before_it_does() -> None:
    runs = [
        run(4, 40),
        run(3, 30, ending="less than before", shortfalls=["fewer-items"], accepted=True),
        run(2),
        run(1),
    ]

    assert [each.total for each in earlier_crawls(runs, run(5))] == [40, 30]


def test_ten_crawls_are_enough_and_the_runs_of_one_crawl_are_one() -> None:
    runs = [run(number, number) for number in range(40, 0, -1)]
    again = RunRow(41, "shop", 40, True, 0.0, "{}", 1.0, "failures", 1, runs[0].summary)

    found = earlier_crawls([again, *runs], run(42))

    assert [each.total for each in found] == list(range(40, 30, -1))
    assert len(found) == COMPARED
