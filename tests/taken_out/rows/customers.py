"""One login, several customers; answers with status 200 that are none: what a user's nights at portals showed."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_CUSTOMERS: Final = "tests/sessions_e2e/test_customers_of_one_login.py::"
_DATA: Final = "tests/sessions_e2e/test_data_that_says_logged_out.py::"
_STORE: Final = "tests/stores/test_contract_refusals.py::"
_SHARED: Final = (
    "three sessions of one account, whose login steps switch to a customer each, shared one stored session: the orders"
    " of the first customer under three names, exit 0; so did spiders, arguments and fields of the account that choose"
    " another customer"
)
_AT_ONCE: Final = (
    "a form and a token of one account, or two such choices, logged in at the same moment: a wrong password was sent"
    " once for each"
)
_QUOTA: Final = "a quota was counted for each session of an account: two kinds of login sent twice of it"
_CODE: Final = "two sessions with one secret got the same one-time code within half a minute, which sites take once"
_EXPIRED: Final = (
    'an API whose token ends in the middle of a run answers 200 with `{"success": false, "message": "session expired"}`'
    ': 36 of 182 rows, exit 0; each night after, "the stored session is good" and exit 9'
)
_EMPTY: Final = (
    "a page of a list was answered once with 200 and no byte: a note, exit 0, 8 of 24 records marked as gone, and the"
    " file was replaced"
)

_REMINDERS: Final = "tests/sessions_e2e/test_password_reminders.py"
_REMINDED: Final = (
    '"your password expires soon, remind me later" after a login on a device that needs no code: the step did not find'
    " its form for the code, and a person was called, exit 7"
)

ENTRIES: Final = [
    Entry(
        "session-of-a-customer",
        _SHARED,
        [
            Swap(
                "crawler/sessions/from_spider.py",
                "told = (kind_of(type(spider)), choices_of(spider, identity.name, field)) if identity.login else ()",
                'told = (kind_of(type(spider)), choices_of(spider, "", field)[:0]) if identity.login else ()',
            )
        ],
        [
            f"{_CUSTOMERS}test_sessions_of_one_account_that_switch_to_a_customer_each_show_their_own",
            f"{_CUSTOMERS}test_spiders_and_arguments_that_choose_another_customer_do_not_take_over_a_session",
            f"{_CUSTOMERS}test_an_argument_that_the_login_reads_has_a_session_and_one_that_it_does_not_read_has_none",
            "tests/sessions/test_login_choices.py"
            "::test_the_mark_is_in_the_key_beside_the_kind_and_a_session_that_never_logs_in_has_none",
        ],
    ),
    Entry(
        "logins-of-an-account-in-turn",
        _AT_ONCE,
        [
            Swap(
                "crawler/stores/sql/login_rows.py",
                "            if other != key and account_of(other) == account:\n",
                "            if other == key and account_of(other) != account:\n",
            )
        ],
        [
            f"{_CUSTOMERS}test_a_wrong_password_of_several_sessions_is_sent_once",
            f"{_CUSTOMERS}test_sessions_of_one_account_log_in_one_after_the_other",
            f"{_STORE}test_sessions_of_one_account_log_in_one_after_the_other",
        ],
    ),
    Entry(
        "quota-of-an-account",
        _QUOTA,
        [
            Swap(
                "crawler/stores/sql/quota_rows.py",
                "        now, key = self._db.now(), account_of(key)\n",
                "        now = self._db.now()\n",
            )
        ],
        [f"{_STORE}test_sessions_of_one_account_have_one_quota_and_rest_together"],
    ),
    Entry(
        "code-of-a-secret",
        _CODE,
        [
            Swap(
                "crawler/sessions/accounts.py",
                "self._last_codes = _last_codes if clock is unix_now else {}",
                "self._last_codes = {}",
            )
        ],
        ["tests/sessions/test_accounts.py::test_a_code_is_handed_out_once_to_all_sessions_with_one_secret"],
    ),
    Entry(
        "data-of-an-ended-session",
        _EXPIRED,
        [
            Swap(
                "crawler/sessions/login/signs.py",
                "return None if is_login_address(asked_url, login_urls) else said_by_data(response)",
                "return None if is_login_address(asked_url, login_urls) else said_by_data(response) and None",
            )
        ],
        [
            f"{_DATA}test_all_rows_come_although_the_spider_says_nothing_of_it",
            f"{_DATA}test_a_page_that_the_account_may_not_see_fails_and_costs_no_logins",
            "tests/sessions/test_signs_in_data.py::test_data_that_only_says_that_nobody_is_logged_in_is_a_sign",
        ],
    ),
    Entry(
        "wrong-codes",
        'a wrong secret of one-time codes was "failed", not "refused": each night sent one more wrong code, and sites'
        " lock accounts after three",
        [
            Swap(
                "crawler/stores/policy/login_policy.py",
                'if ending == "code" and _asked',
                'if ending == "none" and _asked',
            )
        ],
        [
            "tests/sessions_e2e/test_wrong_codes.py"
            "::test_after_two_wrong_codes_no_run_sends_another_one_until_the_secret_is_changed"
        ],
    ),
    Entry(
        "reminder-of-a-new-password",
        _REMINDED,
        [
            Swap(
                "crawler/sessions/login/attempt.py",
                "    if new_password_wanted(last, session) is None:",
                "    if last or not last:",
            )
        ],
        [f"{_REMINDERS}::test_a_reminder_of_a_new_password_is_no_refusal_where_the_probe_is_good"],
    ),
    Entry(
        "reminder-that-stays",
        _REMINDED,
        [
            Swap(
                "crawler/sessions/login/attempt.py",
                "if is_good and not has_new_password_form(page):",
                "if is_good:",
            )
        ],
        [f"{_REMINDERS}::test_where_nothing_else_is_shown_a_person_has_to_choose_one"],
    ),
    Entry(
        "empty-in-place-of-a-page",
        _EMPTY,
        [
            Swap(
                "crawler/pagework/stand_ins.py",
                "        if empty:  # whatever",
                "        if empty and usual is None:  # whatever",
            )
        ],
        [
            "tests/front_door/test_stand_ins.py"
            "::test_a_page_in_place_of_a_list_ends_no_good_crawl_and_marks_nothing_as_gone[nothing at all]",
            "tests/front_door/test_stand_ins.py"
            "::test_an_empty_answer_of_which_a_callback_makes_a_row_without_values_is_no_good_end",
        ],
    ),
]
