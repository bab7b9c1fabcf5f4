"""Archives: sessions good for few requests, and lists that are handed out in portions."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_SHORT: Final = (
    "sessions good for three requests, on pages that do not show who is logged in: the page, by then a suspect, waited"
    " for a session that was proved often enough, and the probes for that used up each one: 2,121 logins in 9 minutes,"
    " without an end"
)

ENTRIES: Final = [
    Entry(
        "probes-alone-are-no-pages",
        _SHORT,
        [
            Swap(
                "crawler/sessions/login/session_door.py",
                "            if judged.proved or Trials.may_tell(pages.evidence):",
                "            if judged is not None:",
            )
        ],
        [
            "tests/members/test_members.py"
            "::test_sessions_that_probes_alone_use_up_are_given_up_after_a_few_logins_and_not_tried_for_ever"
        ],
    ),
]
