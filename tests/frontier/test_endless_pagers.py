"""A pager without an end is followed for some pages; a year of empty days, and lists that go on, to their ends."""

from __future__ import annotations

from functools import partial
from typing import Any

from crawler.frontier.endless_pagers import EndlessPagers

URL = "http://a.test/status?start={}&limit=50"


def followed(pagers: EndlessPagers, pages: int, items: Any = lambda page: [], to: str = URL) -> int:
    """How many of *pages* pages in a row are left before the rule ends them."""
    for page in range(pages):
        if pagers.refuses(URL.format(page), [to.format(page + 1)], items(page), partial("{} of 128".format, page)):
            return page + 1
    return pages


def test_pages_that_bring_nothing_but_a_link_to_the_next_one_are_left_after_the_most() -> None:
    assert followed(EndlessPagers(), 2_000) == 400


def test_the_same_items_on_each_page_are_nothing_new() -> None:
    assert followed(EndlessPagers(10), 50, items=lambda page: [{"text": "View History"}]) == 10


def test_items_that_differ_go_on() -> None:
    assert followed(EndlessPagers(10), 50, items=lambda page: [{"value": page}]) == 50


def test_pages_whose_texts_differ_in_more_than_numbers_go_on() -> None:
    pagers, words = EndlessPagers(10), ["first", "second"]

    refused = [
        pagers.refuses(URL.format(page), [URL.format(page + 1)], [], partial("{}".format, words[page % 2]))
        for page in range(50)
    ]

    assert not any(refused)


def test_pages_that_lead_elsewhere_as_well_go_on() -> None:
    assert followed(EndlessPagers(10), 50, to="http://a.test/item/{}") == 50


def test_the_text_is_asked_for_only_where_the_items_are_those_of_the_page_before() -> None:
    def text() -> str:
        raise AssertionError("nobody needs it")

    pagers = EndlessPagers(10)
    assert not any(
        pagers.refuses(URL.format(page), [URL.format(page + 1)], [{"row": page}], text) for page in range(20)
    )


def test_many_pagers_are_forgotten_in_turn() -> None:
    pagers = EndlessPagers(2)
    for letter in range(1_000):
        name = "x" * letter
        assert not pagers.refuses(f"http://a.test/{name}?p=1", [f"http://a.test/{name}?p=2"], [], lambda: "")
