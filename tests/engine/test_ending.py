"""The name of a run's ending, and what a person may type next."""

from __future__ import annotations

import pytest

from crawler.errors import LoginFailed, NeedsHuman, NotEquipped, SessionError, SiteUnreachable
from crawler.events import Summary
from crawler.runs.ending import cause_of, end_by, end_by_store, login_ending, next_command, take_counts
from crawler.runs.verdict import Facts, RunVerdict
from crawler.stores.told import Counts, Sample


def error(kind: type[SessionError]) -> SessionError:
    return kind("buyer", "so it is")


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        (NotEquipped, "usage"),
        (SiteUnreachable, "failures"),
        (NeedsHuman, "needs human"),
        (LoginFailed, "login failed"),
    ],
)
def test_each_error_of_a_session_stands_for_an_ending(kind: type[SessionError], ending: str) -> None:
    assert cause_of(error(kind)) == ending
    assert login_ending([error(kind)], []) == ending


def test_the_worst_error_of_several_sessions_names_the_ending_here_and_in_other_processes() -> None:
    failures = [error(SiteUnreachable), error(NeedsHuman), error(LoginFailed)]

    assert login_ending(failures, []) == "login failed"
    assert login_ending(failures, ["finished", "usage"]) == "usage"
    assert login_ending([], ["finished", "needs human"]) == "needs human"


def test_pages_that_failed_in_further_processes_are_not_blamed_on_a_session() -> None:
    assert login_ending([], ["finished", "failures", "no items", "store"]) == ""


def test_requests_that_are_still_leased_are_reported_as_waiting() -> None:
    summary = Summary("orders")

    take_counts(summary, Counts(waiting=3, leased=2, done=5, failed=1, skipped=4, parked=6))

    assert (summary.waiting, summary.failed, summary.skipped, summary.parked) == (5, 1, 4, 6)


def test_an_error_of_the_store_is_the_ending_whatever_else_happened() -> None:
    summary = Summary("orders")

    end_by_store(summary, OSError("the disk is gone"))

    assert (summary.ending, summary.exit_code, summary.messages) == ("store", 6, ["the disk is gone"])


def test_samples_and_links_without_a_row_are_reported_in_the_summary() -> None:
    summary = Summary("orders")
    facts = Facts(
        pages=5,
        items=5,
        failed=[Sample("status 500", 2, "http://a.test/x", "StatusError: 500 from http://a.test/x")],
        skipped=[Sample("off-site", 7, "http://b.test/", "off-site")],
    )

    end_by(facts, summary, unrecorded={"depth": 1_200}, also=" -a day=mon")

    assert (summary.ending, summary.exit_code) == ("failures", 1)
    assert summary.skipped_by == {"off-site": 7}
    assert set(summary.examples.values()) == {"http://a.test/x", "http://b.test/"}
    assert summary.notes[-1] == "1,200 further links were left out by the rule 'depth' and are in no row"
    assert summary.next_command == "crawl retry orders -a day=mon"


def test_a_limit_is_named_without_its_prefix() -> None:
    summary = Summary("orders")

    end_by(Facts(pages=5, items=5, waiting=1, stopped_by="limit: max_pages 5"), summary, unrecorded={}, also="")

    assert (summary.ending, summary.stopped_by) == ("limit", "max_pages 5")
    assert summary.next_command == "crawl run orders"


def test_what_a_session_has_proposed_stays_where_the_ending_proposes_nothing() -> None:
    summary = Summary("orders", next_command="crawl login orders --session buyer")

    end_by(Facts(pages=5, items=5, login="needs human"), summary, unrecorded={}, also="")

    assert summary.next_command == "crawl login orders --session buyer"


@pytest.mark.parametrize(
    ("ending", "reason", "command"),
    [
        ("finished", "", ""),
        ("interrupted", "interrupted", ""),
        ("limit", "limit", "crawl run orders -a day=mon --store x.db"),
        ("failures", "some-failed", "crawl retry orders -a day=mon --store x.db"),
        ("failures", "left-waiting", "crawl run orders -a day=mon --store x.db"),
        ("failures", "asks-to-log-in", "crawl run orders -a day=mon --store x.db"),
        ("failures", "page-ends-session", "crawl guard orders --store x.db"),
        ("nothing", "all-missing", "crawl status orders --store x.db"),
        ("no items", "no-items", "crawl shell orders --store x.db"),
        ("no items", "too-few-items", "crawl status orders --store x.db"),
    ],
)
def test_commands_that_only_look_get_no_arguments(ending: str, reason: str, command: str) -> None:
    assert next_command(RunVerdict(ending, 0, reason), "orders", " -a day=mon --store x.db", failed=True) == command


def test_requests_that_were_parked_and_did_not_fail_go_on_with_the_next_run() -> None:
    parked = RunVerdict("failures", 1, "not-reached")

    assert next_command(parked, "orders", "", failed=False) == "crawl run orders"
