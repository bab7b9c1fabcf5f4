"""Innocent pages, refusals, waiting, and other things that sessions which end have shown."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_LOCKED: Final = "tests/sessions_e2e/test_accounts_not_locked.py"
_WAIT: Final = "tests/sessions_e2e/test_logins_that_wait.py"
_PASSWORDS: Final = "tests/sessions_e2e/test_passwords.py"
_MEMBERS: Final = "tests/members/test_members.py"
_EVERY_PAGE: Final = f"{_MEMBERS}::test_every_page_once_no_innocent_page_left_out_and_about_as_many_logins_as_sessions"
_POLICY: Final = "crawler/stores/policy/login_policy.py"
_POLICY_TESTS: Final = "tests/stores/test_login_policy.py"
_ALWAYS_SENT: Final = "tests/sessions/test_always_sent.py"
_TOKENS: Final = "tests/sessions_e2e/test_refused_tokens.py"
_WITHOUT_STEP: Final = "tests/sessions_e2e/test_refused_without_step.py"
_FETCHED_TWICE: Final = "200 pages of an API with a short token were fetched 477 times"
_BANNED: Final = "a page that only showed the loss of a session was banned for ever"
_NOT_LISTED: Final = "nothing listed, explained or cleared a ban"
_OK_BY_403: Final = 'a probe that answers 403 after a wrong password was "login ok"'
_ENDS_IN_403: Final = "sessions that end in 403 were never noticed, also with `logged_in_css`"
_AWAY: Final = "a login page away for 17 s waited for a person"
_BUSY: Final = "429 or 503 at the login, with a Retry-After rounded down, or without one"
_NO_PROGRESS: Final = "no progress without signs of a login: each loss reopened all that was not proven"
_SIX: Final = "six good logins an hour stopped a site with short sessions"

ENTRIES: Final = [
    Entry(
        "password-for-a-token",
        "an OAuth2 password that was changed was sent three times by one run and twice by each later one",
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "session.lends.leave = grants",
                "session.lends.leave = None",
            )
        ],
        [
            f"{_TOKENS}::test_L11_a_secret_of_stored_tokens_that_was_changed_is_sent_once_in_all_runs_until_it_is_put_right",
            f"{_TOKENS}::test_L11_a_secret_that_is_changed_in_the_middle_of_a_run_is_sent_once",
        ],
    ),
    Entry(
        "login-for-a-token-told",
        'a token was renewed by the password, and "logins 0" was told',
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "session.lends.leave = grants",
                "session.lends.leave = None",
            )
        ],
        [
            f"{_TOKENS}::test_a_renewal_by_the_password_is_a_login_and_counted_and_told",
            f"{_TOKENS}::test_a_renewal_by_a_refresh_token_is_no_login_and_stands_in_the_log",
        ],
    ),
    Entry(
        "way-to-the-token-url",
        "the token URL was asked by python-requests, past the proxy of the session",
        [
            Swap(
                "crawler/sessions/auth/oauth.py",
                "Way() if lends is None else lends.way(url)",
                "Way(user_agent=requests.utils.default_user_agent())",
            )
        ],
        [
            f"{_TOKENS}::test_the_token_address_is_asked_by_the_user_agent_of_the_session",
            "tests/sessions/test_oauth.py::test_a_token_is_asked_for_by_the_way_of_the_session_unless_another_is_named",
        ],
    ),
    Entry(
        "browser-login-without-a-method",
        "`crawl login NAME --browser` wanted a `login` method",
        [
            Swap(
                "crawler/cli/run.py",
                "found.has_login_step() or browser or all(",
                "found.has_login_step() or all(",
            )
        ],
        ["tests/sessions_e2e/test_logins_without_a_step.py::test_a_login_with_a_browser_needs_no_login_method"],
    ),
    Entry(
        "answer-of-a-guarded-route-is-proof",
        _FETCHED_TWICE,
        [
            Swap(
                "crawler/sessions/login/evidence.py",
                "for number, page in self._open.items() if not guarded.covers(page.url)}",
                "for number, page in self._open.items() if guarded is not None}",
            ),
            Swap(
                "crawler/sessions/login/unproven.py",
                "        return good and self._guarded.covers(outcome.request.url)\n",
                "        return good and self._guarded is None\n",
            ),
        ],
        [
            "tests/sessions/test_evidence.py"
            "::test_pages_of_a_route_that_answers_401_are_certain_when_the_session_is_lost",
        ],
    ),
    Entry(
        "counts-of-what-is-stored",
        "counts in summary and `runs` were of what was fetched",
        [
            Swap(
                "crawler/runs/stats.py",
                "            if verdict is Verdict.ACCEPT:\n                summary.pages += 1\n",
                "            summary.pages += outcome.status != 0 and verdict is not Verdict.ACCEPT\n"
                "            if verdict is Verdict.ACCEPT:\n                summary.pages += 1\n",
            )
        ],
        ["tests/cli/test_status_examples.py::test_runs_and_summary_count_what_is_stored"],
    ),
    Entry(
        "kinds-of-login",
        "a form and a token of one account evicted each other, a login each time",
        [
            Swap(
                "crawler/sessions/login/login_kinds.py",
                'return _told_by_code(anything) if _steps(anything) else ""',
                'return _told_by_code(anything) if anything is None else ""',
            )
        ],
        [f"{_LOCKED}::test_a_form_and_a_token_of_one_account_do_not_evict_each_other"],
    ),
    Entry(
        "fitted-sessions",
        "a session that another spider has stored was used where this one's login mounts an adapter, hook or auth",
        [
            Swap(
                "crawler/sessions/login/login_kinds.py",
                'return _told_by_code(anything) if _steps(anything) else ""',
                'return _told_by_code(anything) if anything is None else ""',
            ),
            Swap(
                "crawler/sessions/snapshot.py",
                '    if found.get("fitted") not in (None, session_setup(session)):\n        return False\n',
                "",
            ),
        ],
        [f"{_LOCKED}::test_a_stored_session_of_another_spider_is_not_used_without_what_the_login_fits_it_with"],
    ),
    Entry(
        "trial-before-a-ban",
        _BANNED,
        [
            Swap(
                "crawler/sessions/login/suspects.py",
                "        if len(file.losses) >= BLAMED_UNTIL_SUSPECT:\n            self._suspects.add(key)\n",
                "        if file.losses:\n            self._guilty.add(key)\n",
            ),
            Swap(
                "crawler/engine/readiness.py",
                "if not self.answers.bans and trials.knows_guilty(leased):",
                "if trials.knows_guilty(leased):",
            ),
        ],
        [
            "tests/sessions/test_suspects.py::test_nobody_is_convicted_without_a_trial",
            f"{_MEMBERS}::test_night_after_night_no_page_of_sessions_that_end_is_ever_left_out",
        ],
    ),
    Entry(
        "bans-are-listed",
        _NOT_LISTED,
        [
            Swap(
                "crawler/cli/guard_command.py",
                'columns(rows, ("page", "confirmed", "found", "how")) if rows else ():',
                "():",
            )
        ],
        ["tests/cli/test_guard_command.py::test_it_lists_pages_with_when_and_how_each_was_discovered"],
    ),
    Entry(
        "bans-are-forgotten",
        _NOT_LISTED,
        [Swap("crawler/cli/guard_command.py", "    source.values.set(guard_name(name), bans.dumps())\n", "")],
        ["tests/cli/test_guard_command.py::test_a_page_is_forgotten_by_any_url_of_its_kind_and_the_others_stay"],
    ),
    Entry(
        "bans-off-with-the-guard",
        "bans held with the guard off",
        [
            Swap(
                "crawler/pagework/assembly.py",
                "                guard=self.guard.refuses if settings.logout_guard else None,\n",
                "                guard=self.guard.refuses,\n",
            )
        ],
        ["tests/sessions_e2e/test_guard.py::test_with_the_guard_off_what_it_learned_is_off_too"],
    ),
    Entry(
        "ban-is-no-good-end",
        "a run with a ban ended with 0",
        [Swap("crawler/runs/verdict.py", 'if each.text == "guard: learned"), None)', 'if each.text == ""), None)')],
        [
            "tests/sessions_e2e/test_guard.py::test_U5_a_page_that_logs_out_under_a_harmless_name_is_tried_banned_and"
            "_told_and_the_crawl_is_else_complete"
        ],
    ),
    Entry(
        "probe-of-403-after-a-login",
        _OK_BY_403,
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "        if reason is None and self.prover.nothing:\n",
                "        if reason is None and session is None:\n",
            )
        ],
        [
            f"{_MEMBERS}::test_a_login_page_that_refuses_and_pages_that_say_403_are_a_refused_login_and_the_right"
            "_password_is_tried_at_once"
        ],
    ),
    Entry(
        "probe-of-403-of-a-stored-session",
        _OK_BY_403,
        [
            Swap(
                "crawler/sessions/login/restore.py",
                "            reason = reason or self._prover.nothing or None  # then a login says more\n",
                "",
            )
        ],
        [f"{_MEMBERS}::test_a_probe_page_that_is_forbidden_to_members_proves_no_stored_session"],
    ),
    Entry(
        "refusals-are-a-reason-to-probe",
        _ENDS_IN_403,
        [
            Swap(
                "crawler/sessions/login/evidence.py",
                "        return any(count > self._borne[status] for status, count in counts.items())\n",
                "        return any(count > 1_000_000 for status, count in counts.items())\n",
            )
        ],
        [
            _EVERY_PAGE,
            "tests/sessions/test_evidence.py"
            "::test_refusals_in_a_good_session_are_a_reason_to_probe_once_and_then_ever_more_rarely",
        ],
    ),
    Entry(
        "site-that-comes-back",
        _AWAY,
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "        if found.passes and found.asked_s <= patience.PATIENCE_S:\n",
                "        if found.outcome == 'busy' and found.asked_s <= patience.PATIENCE_S:\n",
            )
        ],
        [f"{_WAIT}::test_a_site_that_comes_back_is_logged_in_to_and_nothing_is_parked"],
    ),
    Entry(
        "others-go-on-meanwhile",
        _AWAY,
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "return Preparation(False, wait_s=patience.AGAIN_S)  # the store says then how long it takes",
                "return self.standing.refused(found.error, Signal.LOGIN_REFUSED)",
            )
        ],
        [f"{_WAIT}::test_what_else_there_is_goes_on_while_a_login_waits"],
    ),
    Entry(
        "retry-after-rounded-down",
        _BUSY,
        [Swap(_POLICY, "pause_s = last.asked_s + _MARGIN_S * 2.0 ** (min(row, 8) - 1)", "pause_s = last.asked_s")],
        [f"{_POLICY_TESTS}::test_a_retry_after_that_was_rounded_down_is_given_more_time_each_time"],
    ),
    Entry(
        "limits-are-learned",
        _BUSY,
        [Swap(_POLICY, "    limit = learned_limit(book)\n", "    limit = learned_limit(replace(book, attempts=()))\n")],
        [f"{_WAIT}::test_a_limit_without_retry_after_is_waited_for_and_learned"],
    ),
    Entry(
        "retry-after-of-the-second-login",
        "Retry-After of a second login was ignored",
        [
            Swap(
                "crawler/sessions/login/login_errors.py",
                'return Ended(found, "busy", asked_to_wait_s(error, last, retry_after_s))',
                'return Ended(found, "busy", 0.0 if session.epoch else asked_to_wait_s(error, last, retry_after_s))',
            )
        ],
        [f"{_WAIT}::test_retry_after_is_obeyed_at_the_first_and_at_the_second_login"],
    ),
    Entry(
        "every-refused-password",
        "two wrong passwords in turn were both tried each time",
        [
            Swap(
                _POLICY,
                "    others = [each for each in refusals if each not in same or each.steps != one.steps]\n",
                "    others = [each for each in refusals if each is one]\n",
            )
        ],
        [f"{_LOCKED}::test_two_wrong_passwords_in_turn_are_tried_once_each"],
    ),
    Entry(
        "errors-take-a-text",
        '`raise WrongPassword("text")` was a TypeError',
        [
            Swap(
                "crawler/errors.py",
                'def __init__(self, session: str = "", why: str | None = None) -> None:',
                "def __init__(self, session: str, why: str) -> None:",
            )
        ],
        ["tests/test_errors.py::test_an_error_takes_a_text_alone_and_shows_it_as_it_is"],
        raises=["TypeError"],
    ),
    Entry(
        "probing-adapts-to-lives",
        _NO_PROGRESS,
        [
            Swap(
                "crawler/sessions/login/lives.py",
                "    shortest = lives.shortest\n    if shortest is None:\n",
                "    if not whole or probe_every:\n        return probe_every\n    shortest = lives.shortest\n"
                "    if shortest is None:\n",
            )
        ],
        [
            "tests/sessions/test_lives.py::test_where_pages_do_not_show_it_each_session_but_the_first_is_used_up_except_for_the_probe",
        ],
    ),
    Entry(
        "half-of-a-run-is-proved",
        _NO_PROGRESS,
        [
            Swap(
                "crawler/sessions/login/lives.py",
                "return min(probe_every, -(-max_pages // 2)) if max_pages else probe_every",
                "return probe_every",
            ),
            Swap(
                "crawler/sessions/login/lives.py",
                "    shortest = lives.shortest\n    if shortest is None:\n",
                "    if not whole or probe_every:\n        return probe_every\n    shortest = lives.shortest\n"
                "    if shortest is None:\n",
            ),
        ],
        [
            "tests/members/test_resumed.py::test_each_of_the_runs_makes_progress_though_the_session_of_the_first_one"
            "_is_used_up_just_then"
        ],
    ),
    Entry(
        "login-page-asked-for-as-a-link",
        "the login page itself, asked for as a link and answered 401, was a loss",
        [
            Swap(
                "crawler/sessions/login/signs.py",
                'return None if is_login_address(asked_url, login_urls) else "status 401"',
                'return "status 401"',
            )
        ],
        [_EVERY_PAGE],
    ),
    Entry(
        "pages-in-a-doubt-are-held",
        "pages under way during a doubt were thrown away: 865 fetched again",
        [
            Swap(
                "crawler/sessions/login/session_evidence.py",
                "            pages.hold(outcome)\n            return Ruling(False, brought=brought)\n",
                "            return Ruling(False, again=True)\n",
            )
        ],
        [
            "tests/sessions/test_session_evidence.py"
            "::test_pages_that_come_back_during_a_doubt_are_kept_until_the_probe_has_decided"
        ],
    ),
    Entry(
        "max-time-of-all-processes",
        "`--max-time` with two processes: 15 s became 21, once 59",
        [
            Swap(
                "crawler/engine/parts.py",
                "RunLimits(settings, began_at=min(self.member.run.started_at, unix_now()))",
                "RunLimits(settings, began_at=unix_now())",
            )
        ],
        ["tests/engine/test_max_time.py::test_a_process_that_was_woken_late_ends_with_the_run"],
    ),
    Entry(
        "good-logins-do-not-count",
        _SIX,
        [
            Swap(
                _POLICY,
                '_COUNTED: Final = frozenset({"", "refused",',
                '_COUNTED: Final = frozenset({"", "ok", "refused",',
            )
        ],
        [f"{_PASSWORDS}::test_short_sessions_are_not_a_reason_to_stop"],
    ),
    Entry(
        "failed-logins-are-spaced",
        _SIX,
        [Swap(_POLICY, "_FAILED_S: Final = (0.0, 600.0, _HOUR_S, 6 * _HOUR_S, _DAY_S)", "_FAILED_S: Final = (0.0,)")],
        [f"{_PASSWORDS}::test_failed_logins_are_spaced_more_and_more_over_runs"],
    ),
    Entry(
        "spent-budget-names-causes",
        _SIX,
        [Swap(_POLICY, "        why += _GONE_AT_ONCE\n", '        why += "" if counted else _GONE_AT_ONCE\n')],
        [f"{_POLICY_TESTS}::test_a_budget_that_is_spent_names_the_usual_causes_and_what_the_attempts_lacked"],
    ),
    Entry(
        "probe-that-was-good",
        "a probe that was 2xx and is 4xx now said nothing",
        [
            Swap(
                "crawler/sessions/login/probe.py",
                "            if self._good_path is not None:\n",
                "            if self._good_path is not None and not status:\n",
            )
        ],
        [_EVERY_PAGE],
    ),
    Entry(
        "refused-before-the-probe",
        "each later run proved a refused Basic password by sending it again",
        [
            Swap(
                "crawler/sessions/login/restore.py",
                "        mark = mark_of(self._session)\n",
                '        mark = "" and mark_of(self._session)\n',
            )
        ],
        [f"{_ALWAYS_SENT}::test_later_runs_send_neither_a_probe_nor_a_login_with_what_was_refused"],
    ),
    Entry(
        "nothing-more-from-the-first-refusal",
        "with 8 connections, 14 pages and two probes went out with a password that was refused",
        [
            Swap(
                "crawler/sessions/login/states.py",
                "return self._state is LoginState.READY and not self._refused\n",
                "return self._state is LoginState.READY\n",
            )
        ],
        [
            "tests/sessions_e2e/test_refused_with_each_page.py"
            "::test_L11_refused_credentials_are_sent_by_what_was_under_way_and_one_probe_and_by_no_later_run[basic]"
        ],
    ),
    Entry(
        "refused-without-a-step",
        "a spider without a login step sent a refused Basic password with each of 161 pages",
        [
            Swap(
                "crawler/sessions/login/no_step.py",
                "            if response.status_code != 401 or 401 in statuses",
                "            if response.status_code or 401 in statuses",
            )
        ],
        [f"{_WITHOUT_STEP}::test_a_password_that_was_wrong_from_the_beginning_is_sent_twice_and_by_no_later_run"],
    ),
    Entry(
        "a-page-for-everybody-acquits-nobody",
        "where everybody gets the start page, a refused password went out three times with each page",
        [
            Swap(
                "crawler/sessions/login/restore.py",
                "        if sent_nothing_else(self._session) and mark_of(self._session):\n",
                "        if sent_nothing_else(self._session) and not mark_of(self._session):\n",
            )
        ],
        [f"{_WITHOUT_STEP}::test_the_same_holds_for_a_login_step_that_only_sets_the_password"],
    ),
]
