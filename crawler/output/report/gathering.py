"""What a report says about the last runs of a spider, read from the store. Sends no request, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import Any

from crawler.output.figures import Figures, figures_of
from crawler.output.history import PastRun, past_runs, summary_of, told_of
from crawler.output.live import process_words, timeline_so_far
from crawler.output.report.answer_log import AnswerFigures, read_answers
from crawler.output.run_members import MemberShare, shares_of
from crawler.output.run_report import Cause, causes_of
from crawler.output.timeline import Moment, timeline_of
from crawler.quick_dataclass import quick_dataclass
from crawler.records import Change
from crawler.stores.base import RunRow, SessionRow, Store
from crawler.stores.told import Login
from crawler.urls import printable, redact

NIGHTS = 30  #: runs in a report, unless another number is asked for
_CHANGES = 40
_SKIPPED = 20


@quick_dataclass
class Night:
    """One run.

    Attributes:
        statuses: Status (0: no answer) to number of answers.
        items: Table to items.
        changes: Kind of item to how many records were new, changed, gone and back.
        figures: Of the whole crawl, for its filled fields; None where it left none.
        logins: Those that it made, oldest first.
    """

    run: PastRun
    told: Sequence[str]
    statuses: Mapping[int, int]
    items: Mapping[str, int]
    changes: Mapping[str, Mapping[str, int]]
    figures: Figures | None
    logins: Sequence[Login]


@quick_dataclass
class Report:
    """All that the page shows.

    Attributes:
        nights: Oldest first, at least one.
        answers: Of the newest run; None where the store cannot tell.
        timeline: Of the newest run.
        causes: Why requests of the newest crawl failed, most first.
        retried: Why answers of the newest crawl were tried again, how often, and an address.
        skipped: Rule, how many requests it left out, and the URL of one of them.
        members: What each process of the newest run did, where several worked on it.
        changed: What the newest crawl changed, up to a limit; the rest is in *more_changes*.
    """

    spider: str
    made_at: float
    nights: Sequence[Night]
    answers: AnswerFigures | None
    timeline: Sequence[Moment]
    causes: Sequence[Cause]
    retried: Sequence[tuple[str, int, str]]
    skipped: Sequence[tuple[str, int, str]]
    sessions: Sequence[SessionRow]
    changed: Sequence[Change] = ()
    more_changes: int = 0
    next_command: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    members: Sequence[MemberShare] = ()


def gather(source: Store, spider: str, *, nights: int = NIGHTS) -> Report | None:
    """Read what is known about the last *nights* runs; None where the spider has never run on this store."""
    runs = list(source.runs.last(spider, limit=nights))
    if not runs:
        return None
    past = {each.id: each for each in past_runs(source, spider, limit=nights)}
    numbers = [run.id for run in runs]
    statuses = source.log.statuses(numbers)
    newest, told = runs[0], summary_of(runs[0])
    sessions = told.get("sessions")
    changed = _changed(source, newest)
    return Report(
        spider,
        source.now(),
        [_night(source, run, past[run.id], statuses.get(run.id, {})) for run in reversed(runs)],
        _answers(source, newest, past[newest.id]),
        _timeline(source, newest, told),
        causes_of(source.reports, newest),
        _retried(source, newest),
        _skipped(told),
        [row for row in source.sessions.all() if sessions is None or row.key in sessions],
        changed,
        max(_all_changes(told) - len(changed), 0),
        str(told.get("next_command") or ""),
        members=shares_of(source, newest.id),
    )


def _night(source: Store, run: RunRow, past: PastRun, statuses: Mapping[int, int]) -> Night:
    told = summary_of(run)
    return Night(
        past,
        [printable(redact(text)) for text in told_of(told)],
        statuses,
        _counts(told.get("items")),
        {str(table): _counts(kinds) for table, kinds in _dict(told.get("changes")).items()},
        figures_of(told.get("crawl")),
        source.logins.of_run(run.id),
    )


def _answers(source: Store, run: RunRow, past: PastRun) -> AnswerFigures:
    ended = run.started_at + (past.took_s if past.took_s is not None else 0.0)
    return read_answers(source.log.answers(run.id), began=run.started_at, ended=ended)


def _timeline(source: Store, run: RunRow, told: Mapping[str, Any]) -> list[Moment]:
    """As stored with the summary; for a run that goes on, or was killed, as last reported."""
    return timeline_of(told.get("timeline")) or timeline_so_far(process_words(source, run.id))


def _skipped(told: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    examples = _dict(told.get("examples"))
    ranked = sorted(_counts(told.get("skipped_by")).items(), key=lambda pair: (-pair[1], pair[0]))[:_SKIPPED]
    return [(printable(rule), count, printable(redact(str(examples.get(rule, ""))))) for rule, count in ranked]


def _retried(source: Store, run: RunRow) -> list[tuple[str, int, str]]:
    return [
        (printable(redact(each.kind)), each.count, printable(redact(each.url)))
        for each in source.reports.retried_samples(run.frontier)[:_SKIPPED]
    ]


def _changed(source: Store, run: RunRow) -> list[Change]:
    return list(islice(source.records.changes(run.spider, crawls=(run.frontier, run.frontier)), _CHANGES))


def _all_changes(told: Mapping[str, Any]) -> int:
    return sum(sum(_counts(kinds).values()) for kinds in _dict(told.get("changes")).values())


def _dict(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _counts(found: Any) -> dict[str, int]:
    return {str(name): count for name, count in _dict(found).items() if isinstance(count, int)}
