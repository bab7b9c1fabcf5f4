"""How a run is called at its end: facts for the verdict, and the summary filled in by it.

The verdict itself is `engine.verdict`; the counts are the store's. Pure but for the summary that it fills in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crawler.engine.again import store_again
from crawler.engine.stats import error_name
from crawler.engine.verdict import CODES, Facts, RunVerdict, verdict_of_run
from crawler.errors import LoginMiswritten, NeedsHuman, NotEquipped, SessionError, SiteUnreachable
from crawler.events import Summary
from crawler.stores.told import Counts

#: endings for which sessions stand that could not be used, gravest first
_OF_SESSIONS = ("usage", "login failed", "needs human", "failures")


def cause_of(error: SessionError) -> str:
    """The ending of a run in which *error* kept a session from logging in; the gravest of several counts."""
    if isinstance(error, NotEquipped | LoginMiswritten):
        return "usage"
    if isinstance(error, SiteUnreachable):
        return "failures"
    return "needs human" if isinstance(error, NeedsHuman) else "login failed"


def login_ending(failures: Iterable[SessionError], endings_of_others: Iterable[str]) -> str:
    """The ending for which sessions stand that could not be used; "" when all could.

    Args:
        failures: Why, here.
        endings_of_others: How the further processes ended; that pages failed there is in the store's counts.
    """
    causes = {cause_of(each) for each in failures} | (set(endings_of_others) & set(_OF_SESSIONS[:3]))
    return next((each for each in _OF_SESSIONS if each in causes), "")


def take_counts(summary: Summary, counts: Counts) -> None:
    """Fill in how many requests of the crawl stand where."""
    summary.known, summary.waiting = counts.known, counts.waiting + counts.leased
    summary.failed, summary.skipped, summary.parked = counts.failed, counts.skipped, counts.parked


def end_by_store(summary: Summary, failure: BaseException) -> None:
    """The run ends with an error of the store."""
    summary.messages.append(str(failure))
    summary.ending, summary.exit_code, summary.reason = "store", CODES["store"], "store"


def end_by(facts: Facts, summary: Summary, *, unrecorded: Mapping[str, int], also: str) -> None:
    """Fill in how the run is to be called, and what to do next.

    Args:
        unrecorded: Rule to the number of links that it left out and that are in no row.
        also: What a command needs besides that is proposed to a person (`engine.again`).
    """
    summary.skipped_by = {sample.kind: sample.count for sample in facts.skipped}
    for sample in facts.skipped:
        summary.examples.setdefault(sample.kind, sample.url)
    for sample in facts.failed:
        summary.examples.setdefault(error_name(sample.text), sample.url)
    found = verdict_of_run(facts)
    summary.ending, summary.exit_code = found.ending, found.exit_code
    summary.reason, summary.why, summary.notes = found.reason, found.sentence, list(found.notes)
    summary.notes += [
        f"{count:,} further links were left out by the rule {rule!r} and are in no row"
        for rule, count in unrecorded.items()
    ]
    if found.ending == "limit":
        summary.stopped_by = facts.stopped_by.removeprefix("limit: ")
    command = next_command(found, summary.spider, also, failed=bool(facts.failed))
    if command:
        summary.next_command = command


def next_command(found: RunVerdict, spider: str, also: str, *, failed: bool) -> str:
    """What to type next; "" where nothing is to be done, or a session has said it already.

    Args:
        failed: Requests failed. What was parked is no failed request, and goes on by itself.
    """
    if found.reason == "page-ends-session":
        return f"crawl guard {spider}{store_again(also)}"
    if found.ending in ("nothing", "no items"):
        return f"crawl status {spider}{store_again(also)}"
    verb = {"limit": "run", "failures": "retry" if failed else "run"}.get(found.ending)
    return f"crawl {verb} {spider}{also}" if verb else ""
