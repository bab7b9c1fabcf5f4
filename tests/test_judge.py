"""The one judge: a verdict from an exchange and what is known besides, without a server or a thread."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import crawler
from crawler.errors import (
    ConnectFailed,
    CrawlError,
    GuardRefused,
    StatusError,
    TLSFailed,
)
from crawler.fetching.fetcher import Fetched
from crawler.judge import (
    Known,
    ProbeSaid,
    describe,
    is_hosts_fault,
    judge,
    judge_broken,
    judge_probed,
    pause_s,
    skipped,
)
from crawler.outcome import Verdict
from tests.fetching.test_retry import FINAL, PASSING, URL, policy

ALL: list[CrawlError | None] = [None, *PASSING, *FINAL, GuardRefused(URL, "guard: logout")]


JUDGEMENTS = {
    "answer": (Fetched(), Known(), Verdict.ACCEPT),
    "logged-out": (Fetched(logged_out="login form", error=StatusError(URL, 503)), Known(), Verdict.LOGIN),
    "passing": (Fetched(error=ConnectFailed(URL, "x")), Known(), Verdict.RETRY),
    "passing, a POST": (Fetched(error=ConnectFailed(URL, "x")), Known(method="POST"), Verdict.FAIL),
    "passing, of a host that was given up": (
        Fetched(error=ConnectFailed(URL, "x")),
        Known(host_given_up=True),
        Verdict.FAIL,
    ),
    "final": (Fetched(error=TLSFailed(URL, "x")), Known(), Verdict.FAIL),
    "used-up": (Fetched(error=ConnectFailed(URL, "x"), tries=5), Known(), Verdict.FAIL),
    "used-up by earlier tries": (Fetched(error=ConnectFailed(URL, "x")), Known(attempt=4), Verdict.FAIL),
    "refused": (Fetched(error=StatusError(URL, 403)), Known(), Verdict.FAIL),
    "refused, one of several guests": (Fetched(error=StatusError(URL, 403)), Known(is_guest=True), Verdict.RETRY),
    "refused, a guest, once too often": (
        Fetched(error=StatusError(URL, 403)),
        Known(attempt=4, is_guest=True),
        Verdict.FAIL,
    ),
    "not there, one of several guests": (Fetched(error=StatusError(URL, 404)), Known(is_guest=True), Verdict.FAIL),
    "landed off-site": (Fetched(), Known(rule="off-site: redirected to http://b.test/"), Verdict.SKIP),
    "a guarded redirect": (Fetched(error=GuardRefused(URL, "guard: logout")), Known(), Verdict.SKIP),
}


@pytest.mark.parametrize("name", JUDGEMENTS)
def test_each_exchange_has_its_verdict(name: str) -> None:
    exchange, evidence, verdict = JUDGEMENTS[name]

    judged = judge(exchange, evidence, policy())

    assert judged.verdict is verdict
    assert judged.wait_s == 0.0 or verdict is Verdict.RETRY
    assert bool(judged.error) == (verdict is not Verdict.ACCEPT)


@given(
    st.sampled_from(ALL),
    st.booleans(),
    st.builds(
        Known,
        attempt=st.integers(0, 9),
        method=st.sampled_from(["GET", "POST"]),
        rule=st.sampled_from(["", "duplicate: redirected to x"]),
        is_guest=st.booleans(),
        host_given_up=st.booleans(),
    ),
    st.integers(1, 5),
)
def test_whatever_is_known_no_try_is_one_too_many_and_the_logged_out_sign_goes_first(
    error: CrawlError | None, out: bool, evidence: Known, tries: int
) -> None:
    exchange = Fetched(error=error, logged_out="login form" if out else "", tries=tries)

    judged = judge(exchange, evidence, policy())

    assert (judged.verdict is Verdict.LOGIN) == out
    if judged.verdict is Verdict.RETRY:
        assert evidence.attempt + tries <= 4
        assert judge(exchange, replace(evidence, is_guest=False, host_given_up=True), policy()).verdict is Verdict.FAIL
    if judged.verdict is Verdict.ACCEPT:
        assert error is None
        assert not evidence.rule


def test_what_waits_is_asked_again_later_and_a_refused_guest_goes_at_once() -> None:
    assert judge(Fetched(error=StatusError(URL, 429, 30.0)), Known(), policy()).wait_s >= 30.0
    assert judge(Fetched(error=StatusError(URL, 403)), Known(is_guest=True), policy()).wait_s == 0.0


@pytest.mark.parametrize("attempt", [0, 4])
def test_T10_a_server_that_asks_for_quiet_pauses_its_host_also_when_the_page_has_failed_for_good(attempt: int) -> None:
    exchange = Fetched(error=StatusError(URL, 429, 30.0))

    assert pause_s(exchange) == 30.0
    assert judge(exchange, Known(attempt), policy()).verdict is (Verdict.FAIL if attempt else Verdict.RETRY)
    assert pause_s(Fetched()) is None


def test_what_raised_in_a_callback_fails_with_its_trace_and_a_guarded_address_is_left_alone() -> None:
    failed = judge_broken(KeyError("oh"), "File x, line 1")

    assert (failed.verdict, failed.error) == (Verdict.FAIL, "KeyError: 'oh'\nFile x, line 1")
    assert judge_broken(GuardRefused(URL, "guard: logout"), "trace") == skipped("guard: logout")


def test_only_troubles_of_the_host_count_for_its_circuit() -> None:
    assert all(is_hosts_fault(error) for error in PASSING)
    assert not any(is_hosts_fault(error) for error in FINAL)
    assert not is_hosts_fault(None)
    assert not is_hosts_fault(StatusError(URL, 500))


def test_X9_the_line_that_is_kept_of_an_error_is_short_and_without_secrets() -> None:
    line = describe(ConnectFailed(f"http://user:pw@shop.test/?token=abcdefgh&{'x' * 5000}", "broke"))

    assert line.startswith("ConnectFailed: broke (http://shop.test/?token=***")
    assert len(line) <= 500


def test_nobody_but_the_judge_makes_a_verdict_or_changes_one() -> None:
    """New outcomes begin with a verdict; afterwards only `Outcome.settle` sets one: what the judge has said."""
    package = Path(crawler.__file__).parent
    made, changed = set[str](), set[str]()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Settled":
                made.add(path.name)
            for target in node.targets if isinstance(node, ast.Assign) else ():
                each = target.elts if isinstance(target, ast.Tuple) else [target]
                if any(isinstance(one, ast.Attribute) and one.attr == "verdict" for one in each):
                    changed.add(path.name)

    assert made == {"judge.py"}
    assert changed == {"outcome.py"}


@pytest.mark.parametrize(
    ("said", "verdict", "error"),
    [
        (ProbeSaid.SESSION_LIVES, Verdict.FAIL, "LoggedOutPage: it shows the logged-out sign although"),
        (ProbeSaid.ENDS_IT_BANNED, Verdict.SKIP, "guard: learned"),
        (ProbeSaid.ENDS_IT, Verdict.FAIL, "EndsSession: fetched alone"),
        (ProbeSaid.UNTOLD, Verdict.FAIL, "EndsSession: the session was lost each time"),
    ],
)
def test_the_verdict_of_a_probe_on_a_page_is_final(said: ProbeSaid, verdict: Verdict, error: str) -> None:
    judged = judge_probed(said, "a form")

    assert judged.verdict is verdict
    assert judged.error.startswith(error)


def test_a_file_that_goes_on_where_it_was_cut_is_tried_again_whatever_came_before() -> None:
    cut = Fetched(error=ConnectFailed(URL, "x"), tries=5)

    assert judge(cut, Known(attempt=9), policy()).verdict is Verdict.FAIL
    assert judge(cut, Known(attempt=9, goes_on=True), policy()).verdict is Verdict.RETRY
