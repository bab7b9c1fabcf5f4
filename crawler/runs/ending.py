"""What a run is called at its end: facts for the verdict, and the summary filled in from it.

The verdict itself is `runs.verdict`; the counts are the store's. Pure except for the summary that it fills in.

Also here: the options needed by a command that continues a run.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

from crawler.errors import LoginMiswritten, NeedsHuman, NotEquipped, SessionError, SiteUnreachable
from crawler.events import Summary
from crawler.output.comparison import Expected
from crawler.output.reasons import kinds, short_reason
from crawler.records import Unmet
from crawler.redaction import HIDDEN
from crawler.runs.stats import error_name
from crawler.runs.verdict import CODES, WALLED, Facts, RunVerdict, verdict_of_run
from crawler.settings import Settings
from crawler.stores.base import RunRow, Store
from crawler.stores.told import Counts, Sample

#: settings that have an option of their own; None: they hold only for the run that was typed
_OPTIONS: Final[dict[str, str | None]] = {
    "store": "--store",
    **dict.fromkeys(("max_pages", "max_time", "accept", "notify", "ping")),  # the last two are secrets
}


_CREDENTIALS: Final = re.compile(r"(?<=://)[^/?#\s]*@")


def options_again(arguments: Mapping[str, str], settings: Mapping[str, Any]) -> str:
    """`` -a day=mon --store x.db -s delay=0``, as a shell takes it; "" where nothing was typed."""
    words = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]
    for key, value in settings.items():
        option = _OPTIONS.get(key, "-s")
        if key == "proxy" and isinstance(value, str):  # a proxy without its credentials would be another one
            value = _CREDENTIALS.sub(f"{HIDDEN}@", value)
        if option == "-s":
            words += ["-s", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
        elif option is not None:
            words += [option, str(value)]
    return "".join(f" {shlex.quote(word)}" for word in words)


def store_again(options: str) -> str:
    """The part of `options_again` needed by a command that only reads the store."""
    words = shlex.split(options)
    place = words.index("--store") if "--store" in words else None
    return "" if place is None else f" --store {shlex.quote(words[place + 1])}"


def told_of_hidden(command: str) -> list[str]:
    """What to say about a command that is suggested without its secrets; nothing where it has none."""
    if HIDDEN not in command:
        return []
    return [
        f"{HIDDEN} in the proposed command stands for a secret that is not shown; type it again, or give it without"
        " typing, in a variable such as CRAWL_PROXY or in a file"
    ]


#: endings caused by sessions that could not be used, gravest first
_CAUSES = 20  #: of failures that a summary keeps
_OF_SESSIONS = ("usage", "login failed", "needs human", "failures")


def cause_of(error: SessionError) -> str:
    """The ending of a run in which *error* kept a session from logging in; the gravest of several counts."""
    if isinstance(error, NotEquipped | LoginMiswritten):
        return "usage"
    if isinstance(error, SiteUnreachable):
        return "failures"
    return "needs human" if isinstance(error, NeedsHuman) else "login failed"


def login_ending(failures: Iterable[SessionError], endings_of_others: Iterable[str]) -> str:
    """The ending caused by sessions that could not be used; "" when all could.

    Args:
        failures: Why, here.
        endings_of_others: How the further processes ended; that pages failed there is in the store's counts.
    """
    causes = {cause_of(each) for each in failures} | (set(endings_of_others) & set(_OF_SESSIONS[:3]))
    return next((each for each in _OF_SESSIONS if each in causes), "")


def take_counts(summary: Summary, counts: Counts) -> None:
    """Fill in how many requests of the crawl are in which state."""
    summary.known, summary.waiting = counts.known, counts.waiting + counts.leased
    summary.failed, summary.skipped, summary.parked = counts.failed, counts.skipped, counts.parked


def wanted_by(settings: Settings) -> Expected:
    """What a crawl has to bring, by its settings."""
    return Expected(
        min_items=settings.min_items,
        min_share=settings.min_share,
        fields=settings.fields,
        max_error_rate=settings.max_error_rate,
        accepted=settings.accept,
    )


def end_by_store(summary: Summary, failure: BaseException) -> None:
    """End the run with an error of the store."""
    summary.messages.append(str(failure))
    summary.ending, summary.exit_code, summary.reason = "store", CODES["store"], "store"


def end_by(facts: Facts, summary: Summary, *, unrecorded: Mapping[str, int], also: str) -> None:
    """Fill in what the run is to be called, and what to do next.

    Args:
        unrecorded: Rule to the number of links that it left out and that are in no row.
        also: Extra options for a command that is suggested to a person (`runs.ending`).
    """
    summary.skipped_by = {sample.kind: sample.count for sample in facts.skipped}
    for sample in facts.skipped:
        summary.examples.setdefault(sample.kind, sample.url)
    for sample in facts.failed:
        summary.examples.setdefault(error_name(sample.text), sample.url)
    summary.causes = causes(facts.failed)
    summary.again = also
    found = verdict_of_run(facts)
    summary.ending, summary.exit_code = found.ending, found.exit_code
    summary.reason, summary.why, summary.notes = found.reason, found.sentence, list(found.notes)
    summary.notes += [
        f"{count:,} further links were left out by the rule {rule!r} and are in no row"
        for rule, count in unrecorded.items()
    ]
    summary.shortfalls, summary.accepted = list(found.shortfalls), facts.wanted.accepted and found.exit_code == 0
    summary.crawl = facts.figures.as_dict()
    aside = summary.rejected > facts.figures.total  # most of its items: that is a fault, and nothing to accept
    if found.ending == "less than before" and not aside:
        summary.notes.append(f"`crawl runs accept {summary.run}{store_again(also)}` accepts this as right from now on")
    if found.ending == "limit":
        summary.stopped_by = facts.stopped_by.removeprefix("limit: ")
    command = next_command(found, summary.spider, also, failed=bool(facts.failed), run=summary.run)
    if found.ending in ("less than before", "no items") and aside:
        command = f"crawl items rejected {summary.spider}{store_again(also)}"
    if command:
        summary.next_command = command


def causes(failed: Iterable[Sample]) -> list[dict[str, Any]]:
    """Why requests failed, one line each, most first; those that differ only in a URL at the end count as one."""
    found: dict[str, dict[str, Any]] = {}
    for sample in failed:
        counted, examples = kinds({sample.text: sample.count}, {short_reason(sample.text): sample.url})
        for cause, count in counted.items():
            known = found.setdefault(cause, {"cause": cause, "count": 0, "url": examples.get(cause, sample.url)})
            known["count"] += count
    return sorted(found.values(), key=lambda each: -int(each["count"]))[:_CAUSES]


def next_command(found: RunVerdict, spider: str, also: str, *, failed: bool, run: int = 0) -> str:
    """What to type next; "" where nothing is to be done, or a session's message has said it already.

    Args:
        failed: Requests failed. A parked request has not failed, and goes on by itself.
        run: Number of the run.
    """
    if found.reason == WALLED:
        return f"crawl run {spider}{also}"
    if found.reason == "page-ends-session":
        return f"crawl guard {spider}{store_again(also)}"
    if found.ending == "less than before":
        return f"crawl runs show {run}{store_again(also)}"
    if found.reason in (
        "no-items",
        "no-items-no-links",
        "only-empty-items",
    ):  # what its pages contain is to be inspected
        return f"crawl shell {spider}{store_again(also)}"
    if found.ending in ("nothing", "no items"):
        return f"crawl status {spider}{store_again(also)}"
    again = "retry" if failed and found.reason != "left-waiting" else "run"
    verb = {"limit": "run", "failures": again}.get(found.ending)
    return f"crawl {verb} {spider}{also}" if verb else ""


def _told_of_unmet(unmet: Unmet) -> str:
    return (
        f"records that this crawl did not meet, and that stay: {unmet.records:,}, such as {unmet.example}; what listed"
        " them was not asked for (a start URL that is not given any more, a rule), or was read only in part"
    )


def settle_records(store: Store, run: RunRow, summary: Summary, facts: Facts) -> None:
    """Let the store mark what is gone where the run ended well, and put what has changed into *summary*.

    The store checks by itself what is open and failed: to it, pages that are no longer there are not failures. Pages
    that only ask to log in say nothing about what is gone.
    """
    failed = summary.ending == "failures" and bool(facts.pages) and not summary.shortfalls
    failed = failed and summary.reason != WALLED
    if (summary.ending == "finished" or failed) and facts.items >= facts.wanted.min_items:
        unmet = store.records.settle(run)
        summary.complete = unmet is not None
        if unmet is not None and unmet.records:
            summary.notes.append(_told_of_unmet(unmet))
    summary.changes = store.records.counts(run.spider, run.frontier)
