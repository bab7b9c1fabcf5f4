"""What a user of Scrapy met: requests that were lost, errbacks that were not called, values that had no effect."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_AGAIN: Final = "tests/front_door/test_asked_again.py"
_LOST: Final = (
    "of several requests with `dont_filter` for one URL, with different `cb_kwargs`, one was sent and the others were"
    " not even counted"
)

ENTRIES: Final = [
    Entry(
        "asked-again-each",
        _LOST,
        [
            Swap(
                "crawler/frontier/admission.py",
                'return mark + b" " + json.dumps(own, sort_keys=True).encode() if own else mark',
                "return mark",
            )
        ],
        [f"{_AGAIN}::test_requests_that_differ_in_anything_are_each_sent_once"],
    ),
    Entry(
        "asked-again-counted",
        _LOST,
        [
            Swap(
                "crawler/frontier/admission.py",
                "self.count += row.fingerprint in self._marks",
                "self.count += row.fingerprint in ()",
            )
        ],
        [f"{_AGAIN}::test_equal_ones_are_sent_once_and_counted"],
    ),
]
