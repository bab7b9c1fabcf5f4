"""Archives: sessions good for few requests, and lists that are handed out in portions."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_SHORT: Final = (
    "sessions good for three requests, on pages that do not show who is logged in: the page, by then a suspect, waited"
    " for a session that was proved often enough, and the probes for that used up each one: 2,121 logins in 9 minutes,"
    " without an end"
)
_XML_ERROR: Final = (
    "OAI-PMH answers `<error code='badResumptionToken'>` with status 200, since a run that was killed had sent the"
    " token already: the rest of the records was missing and marked as gone, exit 0. Terms of use or"
    ' "maintenance" as the first page of a run that goes on were not noticed either'
)
_QUOTA_PAGE: Final = (
    '"you have reached your download limit" with status 200 in place of a PDF: no step of the spider was shown it, so'
    " that each file was asked for three times, 357 requests beyond the quota, and `QuotaSpent` could not be raised"
)
_STAND_INS: Final = "tests/front_door/test_stand_ins.py::"
_IN_XML: Final = f"{_STAND_INS}test_an_error_in_xml_ends_no_good_crawl_and_marks_nothing_as_gone"
_GOES_ON: Final = f"{_STAND_INS}test_a_run_that_goes_on_and_meets_nothing_else_knows_what_pages_were_like"

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
    Entry(
        "errors-in-xml",
        _XML_ERROR,
        [Swap("crawler/pagework/stand_ins.py", '_why_data(page, usual.names) if kind == "XML" else ""', '""')],
        [_IN_XML],
    ),
    Entry(
        "stand-ins-when-a-run-goes-on",
        _XML_ERROR,
        [Swap("crawler/pagework/stand_ins.py", "        page = self._kept(callback)\n", "        page = None\n")],
        [_IN_XML, _GOES_ON],
    ),
    Entry(
        "new-of-oai-pmh",
        "`crawl new` of a list of OAI-PMH: the first portion was read (30 of 150 records), each record as one text,"
        " exit 0",
        [Swap("crawler/authoring/first_spider.py", "    if read.token:\n", "    if not read.found:\n")],
        [
            "tests/authoring/test_new_from_a_feed.py"
            "::test_the_spider_made_from_a_list_of_oai_pmh_asks_for_all_portions_and_fails_where_a_token_is_good_no_more"
        ],
    ),
    Entry(
        "quota-page-in-place-of-a-file",
        _QUOTA_PAGE,
        [Swap("crawler/pagework/file_work.py", "            self._rules.instead(response)\n", "")],
        [
            "tests/files/test_files_judged.py"
            "::test_on_response_sees_a_page_in_place_of_a_file_and_may_say_that_a_quota_is_spent"
        ],
    ),
    Entry(
        "steps-on-a-page-in-place-of-a-file",
        _QUOTA_PAGE,
        [
            Swap(
                "crawler/pagework/spider_steps.py",
                "        except Exception as error:  # noqa: BLE001 - users' code, which expects",
                "        except QuotaSpent as error:  # noqa: BLE001 - users' code, which expects",
            )
        ],
        ["tests/files/test_files_judged.py::test_another_error_of_on_response_on_such_a_page_counts_for_nothing"],
    ),
    Entry(
        "long-pause-told",
        "a host that answered 429 with `Retry-After: 7200`: the run waited for two hours, and its log said only that it"
        " had slowed down to a request each 0.25 s",
        [Swap("crawler/frontier/host_slot.py", "_LONG_PAUSE_S = 30.0", "_LONG_PAUSE_S = 3e9")],
        ["tests/front_door/test_held_pauses.py::test_the_run_that_is_told_to_stay_away_for_hours_says_so_once"],
    ),
]
