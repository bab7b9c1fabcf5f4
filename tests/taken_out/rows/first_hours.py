"""What the first hours with other people's applications have shown."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_NEW: Final = "tests/authoring/test_new_from_a_page.py"
_EMPTY: Final = "tests/sessions_e2e/test_empty_for_guests.py"
_GUESTS: Final = "an API that shows guests empty lists was crawled with a dead token, each night, without a login"
_HOURS: Final = "tests/front_door/test_first_hours.py"

ENTRIES: Final = [
    Entry(
        "new-of-a-page-that-refuses",
        "`crawl new` took a page for public that refuses guests above a login form, with status 200, and made rows of"
        " the refusal",
        [
            Swap(
                "crawler/authoring/exploring.py",
                "or is_login_page(page) or wants_login(page, url):\n",
                "or is_login_page(page) or (not url and wants_login(page, url)):\n",
            )
        ],
        [f"{_NEW}::test_a_page_that_refuses_guests_beside_a_form_is_behind_the_login"],
    ),
    Entry(
        "new-is-not-forgotten",
        "a password that was refused to `crawl new` was sent again by the first run of the spider that it made",
        [
            Swap(
                "crawler/authoring/exploring.py",
                "code=mark_of(made.source().encode())",
                "code=mark_of(made.name.encode())",
            )
        ],
        [f"{_NEW}::test_a_refused_password_is_tried_once_and_the_spider_is_written_anyway"],
    ),
    Entry(
        "refused-beside-a-form",
        "a spider without `login` met pages that refuse guests above a login form, and nothing was said",
        [
            Swap(
                "crawler/sessions/login/signs.py",
                "    return _said_in_headings(response) is not None or _refuses_beside_a_form(response)\n",
                "    return _said_in_headings(response) is not None\n",
            )
        ],
        [f"{_HOURS}::test_a_spider_without_a_login_is_told_of_a_page_that_refuses_guests_beside_a_form"],
    ),
    Entry(
        "empty-for-guests",
        _GUESTS,
        [
            Swap(
                "crawler/sessions/login/prove.py",
                '        elif not fresh and before and shown != before and (before, shown) != ("page", "member"):\n',
                '        elif not fresh and before == "none" and shown != before:\n',
            )
        ],
        [f"{_EMPTY}::test_a_stored_session_for_which_the_probe_is_empty_now_is_not_good"],
    ),
    Entry(
        "public-for-guests",
        _GUESTS,
        [
            Swap(
                "crawler/sessions/login/prove.py",
                "shown_by(response, offers_logout=not self.is_mute)",
                "shown_by(response, offers_logout=False)",
            )
        ],
        [f"{_EMPTY}::test_a_start_page_that_offers_to_log_out_no_more_costs_one_login"],
    ),
    Entry(
        "token-that-has-ended",
        _GUESTS,
        [
            Swap(
                "crawler/sessions/login/standing.py",
                "        if given is None or ends is None or ends <= given:\n",
                "        if given is None or ends is None or ends > 0:\n",
            )
        ],
        [f"{_EMPTY}::test_a_token_that_says_that_it_has_ended_is_followed_by_a_login_and_every_page"],
    ),
    Entry(
        "missed-its-turn",
        "requests that missed their turn counted as under way for ever: where a site says what is left, or a spider has"
        " a `quota`, a run with a `delay` stood still",
        [
            Swap(
                "crawler/sessions/hops.py",
                "                counted.unsent()\n",
                "                counted.spent_until()\n",
            )
        ],
        ["tests/sessions/test_quota.py::test_a_request_that_missed_its_turn_is_not_under_way_and_costs_nothing"],
    ),
]
