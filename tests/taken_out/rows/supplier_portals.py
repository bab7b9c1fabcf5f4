"""Portals of suppliers: what comes in place of a page, and forms of a session that has ended."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_STAND_INS: Final = "tests/front_door/test_stand_ins.py::"
_INSTEAD: Final = (
    'terms of use, "maintenance" or "please slow down" came in place of a page of a list, with status 200: the rest of'
    " the list was missing and marked as gone, exit 0, and the file was replaced"
)

ENTRIES: Final = [
    Entry(
        "a-page-that-stands-in",
        _INSTEAD,
        [Swap("crawler/runs/verdict.py", "    lacking += more_stand_ins(", "    lacking += [] and more_stand_ins(")],
        [f"{_STAND_INS}test_a_page_in_place_of_a_list_ends_no_good_crawl_and_marks_nothing_as_gone"],
    ),
    Entry(
        "a-page-that-was-fetched-again",
        _INSTEAD,
        [Swap("crawler/stores/sql/report_rows.py", "        if found:\n", "        if not found:\n")],
        [f"{_STAND_INS}test_a_page_that_was_fetched_again_after_a_login_counts_as_what_came_then"],
    ),
    Entry(
        "an-empty-list",
        _INSTEAD,
        [Swap("crawler/pagework/stand_ins.py", "_posts_to(page) - usual.forms:", "_posts_to(page):")],
        [f"{_STAND_INS}test_an_empty_list_is_an_empty_list"],
    ),
]
