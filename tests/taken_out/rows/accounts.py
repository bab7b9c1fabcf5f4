"""Accounts are never locked, and the first hour is kind."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_LOCKED: Final = "tests/sessions_e2e/test_accounts_not_locked.py"
_PASSWORDS: Final = "tests/sessions_e2e/test_passwords.py"
_WITHOUT: Final = "tests/sessions_e2e/test_logins_without_a_step.py"
_MEMBERS: Final = "tests/members/test_members.py"
_FALSE_ALARMS: Final = "a refresh after half an hour, one password field, a page about logging out: false alarms"
_EQUIPPED: Final = (
    'a missing extra, no screen, a wrong CRAWL_BROWSER, a code that a person has, no connection were "refused logins"'
)
_CHANGED: Final = "after the spider or the account was changed one waited on"

ENTRIES: Final = [
    Entry(
        "two-steps-one-attempt",
        "a wrong password in a login of two steps: 3 POSTs in 90 s, the account was locked",
        [
            Swap(
                "crawler/sessions/login/login_errors.py",
                "    if refusal is not None:\n        wrong = ",
                "    if refusal is not None and isinstance(error, SessionError):\n        wrong = ",
            )
        ],
        [f"{_LOCKED}::test_a_wrong_password_is_one_attempt_whatever_the_next_line_of_the_step_makes_of_it"],
    ),
    Entry(
        "good-login-page-not-for-us",
        "a good login whose start page is not for us: 6 logins in 2 s",
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "sight, alive = last_sight(session), alive_at(session, self.spider)",
                'sight, alive = last_sight(session), "" if session else alive_at(session, self.spider)',
            )
        ],
        [f"{_LOCKED}::test_a_good_login_whose_start_page_is_not_for_this_account_is_one_login_and_the_cause_is_named"],
    ),
    Entry(
        "late-refresh",
        _FALSE_ALARMS,
        [
            Swap(
                "crawler/sessions/login/page_marks.py", 'if float(what["seconds"] or 0) > within_s:', "if within_s < 0:"
            )
        ],
        ["tests/sessions/test_signs_of_idle_pages.py::test_what_happens_to_an_idle_browser_is_not_what_the_page_says"],
    ),
    Entry(
        "one-password-field",
        _FALSE_ALARMS,
        [
            Swap(
                "crawler/sessions/login/page_marks.py",
                "weight == 1 and not _changes_something(form, response, visible) for form",
                "weight == 1 for form",
            )
        ],
        [
            "tests/sessions/test_signs_of_innocent_forms.py"
            "::test_a_page_of_a_member_with_one_password_field_and_no_way_to_log_out_is_not_logged_out"
        ],
    ),
    Entry(
        "page-about-logging-out",
        _FALSE_ALARMS,
        [
            Swap(
                "crawler/sessions/login/signs.py",
                "    return len(_WORD.findall(more)) <= _FEW_WORDS or _is_about_this_visit(response)\n",
                "    return bool(more)\n",
            )
        ],
        ["tests/sessions/test_signs_of_innocent_forms.py::test_a_page_name_that_mentions_logging_out_is_not_a_sign"],
    ),
    Entry(
        "examples-in-status",
        "what the guard left out was not told",
        [
            Swap(
                "crawler/cli/status_commands.py",
                'such = f", such as {url}" if url and url not in text else ""',
                'such = ""',
            )
        ],
        ["tests/cli/test_status_examples.py::test_status_names_a_page_for_each_kind"],
    ),
    Entry(
        "attempt-that-sent-nothing",
        "attempts that sent nothing counted for the budget",
        [
            Swap(
                "crawler/sessions/login/login_errors.py",
                'return Ended(found, sent_outcome if sent or _may_have_sent(error, session) else "unsent")',
                "return Ended(found, sent_outcome)",
            )
        ],
        [f"{_PASSWORDS}::test_a_login_step_that_stops_before_it_sends_anything_is_never_held_up"],
    ),
    Entry(
        "missing-extra-in-a-run",
        _EQUIPPED,
        [
            Swap(
                "crawler/runs/ending.py",
                "    if isinstance(error, NotEquipped | LoginMiswritten):\n",
                "    if isinstance(error, LoginMiswritten):\n",
            )
        ],
        [f"{_WITHOUT}::test_a_missing_extra_ends_a_run_with_code_2_and_counts_nowhere"],
    ),
    Entry(
        "no-browser",
        _EQUIPPED,
        [
            Swap(
                "crawler/cli/exits.py",
                "    (errors.NotEquipped, USAGE),  # found before anything was sent, for a person to put right\n",
                "",
            )
        ],
        [
            f"{_WITHOUT}::test_what_this_machine_lacks_for_a_browser_is_a_matter_of_exit_code_2",
            f"{_WITHOUT}::test_a_wrong_name_of_a_browser_is_a_matter_of_exit_code_2_and_counts_nowhere",
        ],
    ),
    Entry(
        "no-connection",
        _EQUIPPED,
        [
            Swap(
                "crawler/runs/ending.py",
                '    if isinstance(error, SiteUnreachable):\n        return "failures"\n',
                '    if isinstance(error, SiteUnreachable):\n        return "login failed"\n',
            )
        ],
        [
            "tests/sessions_e2e/test_logins_that_wait.py"
            "::test_a_site_that_was_never_reached_is_given_up_with_the_code_of_the_network"
        ],
    ),
    Entry(
        "changed-spider",
        _CHANGED,
        [
            Swap(
                "crawler/stores/policy/login_policy.py",
                "    return each.spider == trying.spider and each.steps != trying.steps\n",
                "    return False\n",
            )
        ],
        [f"{_PASSWORDS}::test_a_spider_that_was_changed_is_tried_at_once_and_only_once"],
    ),
    Entry(
        "changed-account",
        _CHANGED,
        [
            Swap(
                "crawler/stores/policy/login_policy.py",
                "if not trying.credentials or each.credentials != trying.credentials or _was_changed(each, trying):",
                "if _was_changed(each, trying):",
            )
        ],
        [
            f"{_MEMBERS}::test_a_login_page_that_refuses_and_pages_that_say_403_are_a_refused_login_and_the_right"
            "_password_is_tried_at_once"
        ],
    ),
    Entry(
        "by-force",
        _CHANGED,
        [Swap("crawler/stores/policy/login_policy.py", "    if trying.force:\n        return Decision()\n", "")],
        [f"{_PASSWORDS}::test_a_person_who_insists_may_try_the_refused_password_once_more"],
    ),
    Entry(
        "only-enter",
        "`crawl login` with a code: Enter said nothing",
        [
            Swap(
                "crawler/sessions/accounts.py",
                "            if answer:\n                return Secret(answer) if secret else answer\n",
                "            if answer is not None:\n                return Secret(answer) if secret else answer\n",
            )
        ],
        [f"{_WITHOUT}::test_a_user_who_only_presses_enter_is_told_what_to_do"],
    ),
    Entry(
        "guard-in-status",
        "what the guard left out was not told",
        [Swap("crawler/frontier/admission.py", 'return f"guard: {reason}"', 'return "guard"')],
        ["tests/cli/test_status_examples.py::test_status_names_a_page_that_the_guard_left_out"],
    ),
    Entry(
        "code-that-a-person-has",
        _EQUIPPED,
        [
            Swap(
                "crawler/runs/ending.py",
                'return "needs human" if isinstance(error, NeedsHuman) else "login failed"',
                'return "login failed" if isinstance(error, NeedsHuman) else "login failed"',
            )
        ],
        [
            "tests/sessions_e2e/test_parked.py"
            "::test_a_person_types_the_code_at_the_terminal_and_the_next_run_goes_on_without_a_login"
        ],
    ),
]
