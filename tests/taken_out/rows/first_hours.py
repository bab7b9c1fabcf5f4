"""What the first hours with other people's applications have shown."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_NEW: Final = "tests/authoring/test_new_from_a_page.py"
_EMPTY: Final = "tests/sessions_e2e/test_empty_for_guests.py"
_GUESTS: Final = "an API that shows guests empty lists was crawled with a dead token, each night, without a login"
_HEADERS: Final = (
    "`crawl new` of an API whose list is followed by headers (`Link: ...; rel=next`, `X-Total-Count`): 20 of 90 rows,"
    " exit 0, and nothing was said"
)
_COUNTED: Final = "tests/authoring/test_counted_pages.py"
_CELLS: Final = "tests/authoring/test_tables_in_cells.py"
_IN_CELLS: Final = (
    "Nagios and Zabbix have tables in the cells of their tables: `crawl new` took three links, and four buttons, in"
    " place of the rows"
)
_HOURS: Final = "tests/front_door/test_first_hours.py"

_STARTS = (
    "a crawl that had fetched nothing (its login was refused) went on with its old start URLs although the spider named"
    " others by then: exit 0, and the new ones were never requested"
)
_HELD = (
    "a run that began while its host was still left alone because of an earlier run (its circuit was open, as the site"
    ' restarted) waited without a word: "limit reached", 0 pages'
)
_PAUSES = "tests/front_door/test_held_pauses.py"
_CHANGED = "tests/front_door/test_changed_start.py"

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
    Entry(
        "password-called-new",
        "Cacti: a login form that calls its password field new was a wish for another password, and"
        " each run sent the refused one",
        [
            Swap(
                "crawler/sessions/login/page_marks.py",
                "for_login[form] = _says_log_in(form, response, visible)",
                "for_login[form] = False",
            ),
            Swap(
                "crawler/sessions/login/login_errors.py",
                "    return has_new_password_form(last) and bool(shown_forms(last, session.sent.with_password()))\n",
                "    return False\n",
            ),
        ],
        [
            "tests/sessions_e2e/test_accounts_not_locked.py"
            "::test_a_login_form_that_calls_its_password_new_is_no_wish_for_a_new_one",
            "tests/sessions/test_signs_login_forms.py::test_L10_a_login_form_on_another_page_is_logged_out",
        ],
    ),
    Entry(
        "pager-without-end",
        "Nagios offers a next page beyond its last one, for ever: 5,479 pages in five minutes, and no end in sight",
        [
            Swap(
                "crawler/pagework/assembly.py",
                "                pagers=EndlessPagers() if settings.traps else None,\n",
                "                pagers=None,\n",
            ),
            Swap(
                "crawler/frontier/endless_pagers.py",
                "        return in_a_row >= self._most\n",
                "        return in_a_row < 0\n",
            ),
        ],
        [
            "tests/urls_and_traps/test_crawls.py::test_a_pager_that_offers_a_next_page_for_ever_ends_and_is_named",
            "tests/frontier/test_endless_pagers.py"
            "::test_pages_that_bring_nothing_but_a_link_to_the_next_one_are_left_after_the_most",
        ],
    ),
    Entry(
        "refuses-beside-a-way-in",
        'Zabbix says "You are not logged in" beside a button, status 200: `crawl new` made two rows of'
        " it, and the run ended with 0",
        [
            Swap(
                "crawler/sessions/login/signs.py",
                " or any(LOGIN_TITLE.match(label.strip().lower()) for label in _labels(response))\n",
                "\n",
            )
        ],
        [
            f"{_HOURS}::test_a_spider_without_a_login_is_told_of_a_page_that_says_little_more_than_that_nobody_is_logged_in",
            f"{_NEW}::test_a_button_that_opens_the_login_page_is_the_way_to_it",
        ],
    ),
    Entry(
        "button-to-the-login",
        'Zabbix says "You are not logged in" beside a button, status 200: `crawl new` made two rows of'
        " it, and the run ended with 0",
        [Swap("crawler/authoring/login_forms.py", "    return _login_button(response)\n", "    return None\n")],
        [f"{_NEW}::test_a_button_that_opens_the_login_page_is_the_way_to_it"],
    ),
    Entry(
        "portions-of-graphql",
        "`crawl new --from-curl` of a list of GraphQL that comes in portions (`pageInfo`): 10 of 23 rows, each of them"
        " `cursor` and `node`, exit 0",
        [
            Swap(
                "crawler/authoring/json_reading.py",
                " and (connection := find_connection(data)) is not None",
                " and (connection := None) is not None",
            )
        ],
        ["tests/authoring/test_connections.py::test_all_portions_of_a_list_of_graphql_are_read"],
    ),
    Entry(
        "pages-that-headers-name",
        _HEADERS,
        [Swap("crawler/authoring/json_reading.py", " and _has_links_in_its_head(response)", " and False")],
        [f"{_COUNTED}::test_a_list_whose_head_says_what_comes_next_is_read_to_its_end[link]"],
    ),
    Entry(
        "rows-that-headers-count",
        _HEADERS,
        [Swap("crawler/authoring/counted_pages.py", ", *_numbers_of_headers(headers)]", "]")],
        [
            f"{_COUNTED}::test_a_list_whose_head_says_what_comes_next_is_read_to_its_end[wordpress]",
            f"{_COUNTED}::test_rows_that_a_header_counts_and_nothing_asks_for_are_told",
        ],
    ),
    Entry(
        "pages-that-are-counted",
        "`crawl new` of JSON that counts its pages (`page` and `page_count`, `offset` and `total`) without naming the"
        " next one: 20 of 90 rows, exit 0, and nothing was said",
        [
            Swap(
                "crawler/authoring/counted_pages.py",
                '    if "pages" not in found and "total" not in found:\n',
                "    if True:\n",
            )
        ],
        [
            f"{_COUNTED}::test_all_rows_of_numbered_pages_without_a_next_link_are_read",
            f"{_COUNTED}::test_pages_of_which_nothing_says_how_they_are_asked_for_are_told",
            f"{_COUNTED}::test_the_argument_of_a_body_is_that_which_was_sent",
        ],
    ),
    Entry(
        "pager-of-a-script",
        "Cacti turns the pages of its lists by a script alone: `crawl new` read the first one, and nothing was said",
        [
            Swap(
                "crawler/authoring/unfollowed_pager.py",
                '    return " and ".join(said[:2])\n',
                '    return " and ".join(said[:0])\n',
            )
        ],
        [
            "tests/authoring/test_unfollowed_pager.py"
            "::test_pages_that_no_address_leads_to_are_told_on_the_screen_and_in_the_spider"
        ],
    ),
    Entry(
        "tables-in-cells",
        _IN_CELLS,
        [
            Swap(
                "crawler/authoring/repeating.py",
                '    for around in ("//", *(f"//*[@id=\'{each}\']//" for each in ids)):\n',
                "    for around in ids[:0]:\n",
            )
        ],
        [
            f"{_CELLS}::test_the_rows_of_a_table_with_tables_in_its_cells_are_read_and_not_a_few_links_or_buttons",
            f"{_CELLS}::test_such_a_table_is_found_by_what_is_around_it",
        ],
    ),
    Entry(
        "one-field-of-a-cell",
        _IN_CELLS,
        [
            Swap(
                "crawler/authoring/repeating.py",
                "        if outer is not None:  # a link in",
                "        if outer == 0:  # a link in",
            )
        ],
        [f"{_CELLS}::test_a_link_that_fills_a_cell_is_one_field"],
    ),
    Entry(
        "buttons-are-no-list",
        _IN_CELLS,
        [
            Swap(
                "crawler/authoring/repeating.py",
                "        return _OF_NUMBERS  # what one can do",
                "        return 1.0  # what one can do",
            )
        ],
        [f"{_CELLS}::test_buttons_are_not_a_list_beside_two_rows_with_one_field"],
    ),
    Entry(
        "start-urls-changed-before-a-page",
        _STARTS,
        [Swap("crawler/runs/start_marks.py", "if before is not None and", "if before is None and")],
        [f"{_CHANGED}::test_a_crawl_that_has_fetched_nothing_begins_anew_where_the_start_urls_are_others"],
    ),
    Entry(
        "start-requests-added",
        _STARTS,
        [Swap("crawler/runs/knowledge.py", "    if marks is None:\n", "    if marks is None or marks is not None:\n")],
        [
            f"{_CHANGED}::test_what_a_start_of_its_own_gave_is_kept_and_what_it_gives_now_is_added",
            f"{_CHANGED}::test_new_start_urls_are_added_to_a_crawl_that_has_fetched_pages_and_once",
            "tests/engine/test_knowledge.py"
            "::test_start_requests_with_which_a_crawl_did_not_begin_are_added_and_reported_once",
        ],
    ),
    Entry(
        "held-pause-told",
        _HELD,
        [
            Swap(
                "crawler/engine/crawl.py",
                "held_pauses(self._store, self._run) if self._member.number == 0 else ()",
                "()",
            )
        ],
        [f"{_PAUSES}::test_a_run_that_waits_for_a_pause_of_an_earlier_one_names_host_reason_and_moment"],
    ),
    Entry(
        "held-pause-why",
        _HELD,
        [Swap("crawler/runs/held_pauses.py", "    if left_s < _LEAST_S:\n", "    if left_s > 0:\n")],
        [
            f"{_PAUSES}::test_a_run_that_waits_for_a_pause_of_an_earlier_one_names_host_reason_and_moment",
            f"{_PAUSES}::test_why_a_host_is_left_alone_is_known_to_the_next_run_where_requests_wait_for_it",
        ],
    ),
]
