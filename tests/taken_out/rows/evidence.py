"""What tells whether a session is logged in, and whether credentials are good."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_WITHOUT_STEP: Final = "tests/sessions_e2e/test_refused_without_step.py"
_LET_IN: Final = "tests/sessions_e2e/test_let_in_by_the_spider.py"
_TELLS: Final = "tests/sessions_e2e/test_what_tells_of_credentials.py"
_PUBLIC: Final = "tests/sessions_e2e/test_public_start_pages.py"
_TELLING: Final = "crawler/sessions/login/telling_page.py"

ENTRIES: Final = [
    Entry(
        "a-post-is-believed-beside-another",
        "a wrong token of an API that is asked by POST, or with an `Accept` of its own, went out twice with each"
        " request",
        [
            Swap(
                _TELLING,
                "        return len(self._refused) >= (_REFUSED_LATER if self._has_come else _REFUSED_AT_FIRST)\n",
                "        return False\n",
            )
        ],
        [f"{_TELLS}::test_a_wrong_token_of_an_api_that_is_asked_by_post_is_sent_three_times"],
    ),
    Entry(
        "pages-of-several-kinds-tell",
        "a 401 of a single page put a good token on record as refused where the last page was for everybody",
        [
            Swap(
                _TELLING,
                "        if len(self._came) > _MOST_KINDS:\n",
                "        if len(self._came) > 1:\n",
            ),
            Swap(
                _TELLING,
                "            if len(known) > (_MOST_KINDS if is_kept else _MOST_KNOWN):\n",
                "            if is_kept or len(known) > _MOST_KNOWN:\n",
            ),
        ],
        [f"{_TELLS}::test_a_page_that_refuses_a_good_token_fails_alone_although_the_last_page_is_for_everybody"],
    ),
    Entry(
        "a-page-in-trouble-is-passed-over",
        "a 401 of a single page had a session wait for a start page that always answers 500",
        [
            Swap(
                _TELLING,
                "            except CrawlError as error:  # another page may tell\n",
                "            except SpiderError as error:\n",
            )
        ],
        [f"{_TELLS}::test_a_start_page_that_never_comes_does_not_keep_a_session_waiting"],
    ),
    Entry(
        "a-consent-is-no-login",
        "a cookie for a question of consent made a public site one with a login, and a login form in its head ended the"
        " run with exit code 7",
        [
            Swap(
                _TELLING,
                "        return theirs.status_code in (401, 403) or signs.logged_out_sign(theirs, asked_url=url)"
                " is not None\n",
                "        return _is_kept_from(theirs, ours)\n",
            )
        ],
        [f"{_TELLS}::test_a_cookie_that_answers_a_question_for_consent_makes_no_login_of_a_public_site[without one]"],
    ),
    Entry(
        "a-form-that-was-sent-is-a-sign",
        "a portal that asks for the name first showed that page, status 200, at the address of any page: 30 of 100"
        ' rows, 24 orders "gone", exit code 0',
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "            session.login_forms = session.sent.forms - session.member_forms\n",
                "            session.login_forms = frozenset()\n",
            )
        ],
        [
            "tests/sessions_e2e/test_login_forms_without_a_password.py"
            "::test_a_session_that_ends_in_a_run_or_between_two_is_renewed_and_nothing_is_missing[/signin]"
        ],
    ),
    Entry(
        "a-refusal-beside-a-public-page",
        'with a start page for everybody a wrong password was "logged in", and was sent again by each run',
        [
            Swap(
                "crawler/sessions/login/public_probe.py",
                "    if is_form_back(session) and not _may_have_been_let_in(session):\n",
                "    if is_form_back(session) and _may_have_been_let_in(session):\n",
            )
        ],
        [f"{_PUBLIC}::test_a_refused_password_is_told_although_everybody_gets_the_start_page[form]"],
    ),
    Entry(
        "a-step-that-does-nothing",
        "so was a login step that only looked at the login page",
        [
            Swap(
                "crawler/sessions/login/public_probe.py",
                "    if session.sent.credentials or sends_credentials(session):\n",
                "    if not session.sent.credentials:\n",
            )
        ],
        [f"{_PUBLIC}::test_a_login_step_that_does_nothing_is_told_although_everybody_gets_the_start_page"],
    ),
    Entry(
        "a-rule-callback-returns-one",
        "a callback of a `Rule` returned a dict: its keys were taken for items",
        [
            Swap(
                "crawler/spider.py",
                "                yield from each_of(method(response, **rule.cb_kwargs), response.warnings.append)\n",
                "                yield from method(response, **rule.cb_kwargs) or ()\n",
            )
        ],
        ["tests/test_spider.py::test_a_callback_of_a_rule_may_return_one_item_or_one_request"],
    ),
    Entry(
        "a-session-of-the-spider-itself",
        "a session cookie in a header of the identity ended, and the login page was stored 19 times",
        [
            Swap(
                "crawler/sessions/login/no_step.py",
                "        if not (_brings_cookies(session) and session.identity.login and self._prover.url):\n",
                "        if _brings_cookies(session) or not (session.identity.login and self._prover.url):\n",
            )
        ],
        [
            f"{_LET_IN}"
            "::test_L1_no_login_page_is_stored_when_a_session_of_the_spider_itself_ends_and_new_cookies_go_on"
            "[a header of the identity]"
        ],
    ),
    Entry(
        "credentials-and-a-sign-without-a-step",
        "a spider with `Identity(auth=...)` and `logged_in_text` sent nothing and waited for a person",
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "self._restorer.adopted() or self.without_step.brought_in(*reasons)",
                "self._restorer.adopted() or self.without_step._waits_for_person(*reasons)",
            )
        ],
        [f"{_LET_IN}::test_with_a_sign_of_the_spider_credentials_of_its_identity_are_a_login"],
    ),
    Entry(
        "a-changed-token-of-an-identity",
        "a fixed token that was changed in the spider was not sent while cookies were kept with the old one",
        [
            Swap(
                "crawler/sessions/snapshot.py",
                "    if not isinstance(state, dict) or of_identity:\n",
                "    if not isinstance(state, dict):\n",
            )
        ],
        [f"{_WITHOUT_STEP}::test_a_token_that_was_changed_is_sent_although_cookies_were_kept_with_the_old_one"],
    ),
]
