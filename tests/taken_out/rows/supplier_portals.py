"""Portals of suppliers: what comes in place of a page, and forms of a session that has ended."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_STAND_INS: Final = "tests/front_door/test_stand_ins.py::"
_INSTEAD: Final = (
    'terms of use, "maintenance" or "please slow down" came in place of a page of a list, with status 200: the rest of'
    " the list was missing and marked as gone, exit 0, and the file was replaced"
)
_INSTEAD_OF_DATA: Final = (
    'the same in JSON (`{"error": "rate_limited"}` with status 200, to a callback that asks `.get("orders", [])`), HTML'
    ' in place of JSON, and "maintenance" on a site without a login: exit 0'
)

_PORTALS: Final = "tests/authoring/test_new_of_portals.py::"
_ALL_ROWS: Final = f"{_PORTALS}test_all_rows_of_a_grid_on_all_its_pages_are_read_by_the_spider_that_is_made"
_GRID: Final = (
    "`crawl new` of a grid whose rows are `tr.row` and `tr.alt` in turn, above a row of page numbers: 5 of 10 rows were"
    " read, exit 0"
)
_EXPIRED: Final = (
    '"Your session has expired. Please click here" with status 200 was a public page to `crawl new`, and an item to a'
    " spider without `login`, exit 0"
)
_ELSEWHERE: Final = (
    "an account that somebody else used at the same time, on a site that allows one session an account: 13 logins in"
    ' 16 s, each of which logged that person out, and "logins 13" was all that was said'
)
_OLD_FORM: Final = (
    "a form built from a page of a session that had ended since was refused after the new login (403, 500), and `next:"
    " crawl retry` sent the old fields again, which could never help"
)
_OLD_FORM_TEST: Final = (
    "tests/sessions_e2e/test_forms_of_ended_sessions.py"
    "::test_the_reason_names_the_ended_session_and_a_retry_fetches_the_page_of_the_form_again"
)

ENTRIES: Final = [
    Entry(
        "form-of-an-ended-session",
        _OLD_FORM,
        [
            Swap(
                "crawler/built_forms.py",
                "    return found is not None and int(found[1]) < epoch\n",
                "    return found is not None and int(found[1]) > epoch\n",
            )
        ],
        [_OLD_FORM_TEST, "tests/test_built_forms.py::test_a_form_is_old_after_another_login"],
    ),
    Entry(
        "page-of-an-old-form-again",
        _OLD_FORM,
        [
            Swap(
                "crawler/runs/opening.py",
                "        store.frontier.rebuild(frontier, errors=[error for error in errors if ENDED in error])\n",
                "",
            )
        ],
        [_OLD_FORM_TEST],
    ),
    Entry(
        "account-in-use-elsewhere",
        _ELSEWHERE,
        [
            Swap(
                "crawler/sessions/login/watch.py",
                "    return with_word_of_another(reason, response) if reason else None\n",
                "    return reason\n",
            )
        ],
        [
            "tests/sessions_e2e/test_account_in_use_elsewhere.py"
            "::test_logins_give_way_to_somebody_else_and_the_summary_and_the_status_name_the_cause"
        ],
    ),
    Entry(
        "logins-that-give-way",
        _ELSEWHERE,
        [Swap("crawler/sessions/login/elsewhere.py", "if self.said and more >= 0", "if self.said and more >= 99")],
        ["tests/sessions/test_elsewhere.py::test_logins_wait_longer_each_time_where_the_site_says_so"],
    ),
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
        "an-error-in-place-of-data",
        _INSTEAD_OF_DATA,
        [Swap("crawler/pagework/stand_ins.py", "        return _why_data(page, usual.names)", '        return ""')],
        [f"{_STAND_INS}test_data_in_place_of_a_list_of_data_ends_no_good_crawl"],
    ),
    Entry(
        "an-empty-list-of-data",
        _INSTEAD_OF_DATA,
        [Swap("crawler/pagework/stand_ins.py", "or _TALK.issuperset(map(str.lower, names))", "or names")],
        [f"{_STAND_INS}test_an_empty_list_of_data_is_an_empty_list"],
    ),
    Entry(
        "html-in-place-of-data",
        _INSTEAD_OF_DATA,
        [Swap("crawler/pagework/stand_ins.py", 'if kind and "" not in usual.kinds', 'if "" in usual.kinds')],
        [f"{_STAND_INS}test_a_page_of_html_in_place_of_data_ends_no_good_crawl"],
    ),
    Entry(
        "a-public-site-that-is-away",
        _INSTEAD_OF_DATA,
        [
            Swap(
                "crawler/pagework/stand_ins.py",
                'why = _said(page) if kind == "HTML" else',
                "why = _said(page) if is_members else",
            )
        ],
        [f"{_STAND_INS}test_a_page_that_says_that_a_site_is_away_counts_without_a_login_too"],
    ),
    Entry(
        "an-empty-list",
        _INSTEAD,
        [Swap("crawler/pagework/stand_ins.py", " if path not in usual.forms and fields not in usual.forms]", "]")],
        [f"{_STAND_INS}test_an_empty_list_is_an_empty_list"],
    ),
    Entry(
        "rows-of-two-classes",
        _GRID,
        [
            Swap(
                "crawler/authoring/repeating.py",
                "    if not all(names) or len(set(names)) < 2:\n",
                "    if not all(names) or names:\n",
            )
        ],
        ["tests/authoring/test_what_repeats.py::test_elements_of_two_classes_in_turn_are_one_list"],
    ),
    Entry(
        "rows-without-a-class",
        _GRID,
        [Swap("crawler/authoring/repeating.py", "[name for name in dict.fromkeys(others) if name not in ours]", "[]")],
        [f"{_ALL_ROWS}[every second-numbers]"],
    ),
    Entry(
        "pages-that-a-script-turns",
        "`crawl new` said nothing of pages that `__doPostBack` turns: 1 of 13 was read, exit 0",
        [
            Swap(
                "crawler/authoring/first_spider.py",
                "    elif next_by_script.is_posted(response):\n",
                "    elif not response and next_by_script.is_posted(response):\n",
            )
        ],
        [_ALL_ROWS],
    ),
    Entry(
        "a-page-of-one-sentence",
        _EXPIRED,
        [Swap("crawler/sessions/login/signs.py", " or _says_nothing_else(response))", ")")],
        [
            f"{_PORTALS}test_a_page_that_only_says_that_the_session_has_expired_is_behind_the_login",
            f"{_PORTALS}test_a_spider_without_a_login_that_is_told_of_an_expired_session_has_not_finished_well",
        ],
    ),
    Entry(
        "new-of-the-login-page",
        "`crawl new` of the login page itself logged in, and then said that no user name or password was found",
        [
            Swap(
                "crawler/authoring/exploring.py",
                " and login is not None and inside is None\n",
                " and login is not None\n",
            )
        ],
        [f"{_PORTALS}test_the_login_page_itself_is_no_page_to_crawl_and_nobody_is_told_that_the_password_is_missing"],
    ),
    Entry(
        "what-a-page-without-forms-says",
        'a login during maintenance was "no such form ... forms there: none", whatever the page said',
        [Swap("crawler/pages/form_page.py", "    said = _said(response)\n", '    said = ""\n')],
        [
            f"{_STAND_INS}test_a_login_in_the_time_of_maintenance_says_what_the_site_says",
            "tests/sessions/test_forms.py::test_what_a_page_without_forms_says_is_part_of_the_error[a heading]",
        ],
    ),
]
