"""What was found with several machines on one database."""

from __future__ import annotations

from tests.taken_out.entries import Entry, Swap

_FEW = (
    "three members on one host were slower than one: the first to ask took all pages that waited, for its third of the"
    " connections, and another did not get a page"
)

ENTRIES = [
    Entry(
        "few-pages-shared-out",
        _FEW,
        [Swap("crawler/engine/leasing.py", "portion=None if self._leases.alone else", "portion=None if settings else")],
        ["tests/fleet/test_few_pages.py::test_members_share_the_few_pages_that_wait_and_none_keeps_them_for_later"],
    ),
    Entry(
        "few-pages-portions",
        _FEW,
        [Swap("crawler/frontier/portions.py", "if more or self.members == 1:", "if more or self.members:")],
        ["tests/frontier/test_portions.py::test_few_are_shared_out_whoever_asks_first"],
    ),
    Entry(
        "few-pages-told-by-the-store",
        _FEW,
        [Swap("crawler/stores/policy/sharing.py", "if terms.portion is not None:", "if terms.portion == 0:")],
        [
            "tests/stores/test_contract_leases.py"
            "::test_the_caller_decides_how_many_of_a_slot_it_takes_and_hears_whether_more_wait"
        ],
    ),
]
