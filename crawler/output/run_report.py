"""One run in full: its verdict, numbers, what failed and was left out, its logins, and what continues it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from crawler.errors import UsageError
from crawler.output.history import (
    KILLED,
    WAS_KILLED,
    PastRun,
    arguments_of,
    ending_of,
    goes_on_by,
    past_run,
    summary_of,
    told_of,
)
from crawler.output.reasons import kinds, short_reason
from crawler.output.run_members import MemberShare, shares_of
from crawler.quick_dataclass import field_names, quick_dataclass
from crawler.stores.base import ALL_RUNS, RunRow, Store
from crawler.stores.base_results import ReportStore
from crawler.stores.told import Login
from crawler.urls import printable, redact

_FIELDS = 40  # listed per table


@quick_dataclass
class RunReport:
    """What `crawl runs show` shows.

    Attributes:
        arguments: What ``-a`` gave.
        verdict: Why it is not a good run, then what else was reported.
        items: Table to items of this run.
        seen, filled: What the filled fields are a share of, and how many; of the whole crawl.
        failed: Cause, number of requests, and the URL of one of them; most first.
        skipped_by: Rule to requests that it left out.
        examples: Rule to the URL of one such request.
        next_command: What continues it, with all that the run was given.
        members: What each process did, where several worked on it.
    """

    run: PastRun
    arguments: Mapping[str, str]
    verdict: Sequence[str]
    reason: str
    accepted: bool
    items: Mapping[str, int]
    seen: Mapping[str, int]
    filled: Mapping[str, Mapping[str, int]]
    failed: Sequence[tuple[str, int, str]]
    skipped_by: Mapping[str, int]
    examples: Mapping[str, str]
    logins: Sequence[Login]
    next_command: str
    members: Sequence[MemberShare] = ()

    def shares(self) -> dict[str, list[str]]:
        """Table to ``price 98 %`` for each of its fields, the emptiest first."""
        found = {}
        for table, fields in self.filled.items():
            seen = self.seen.get(table, 0)
            ranked = sorted(fields.items(), key=lambda pair: (pair[1], pair[0]))[:_FIELDS]
            found[table] = [f"{name} {min(count / seen, 1) * 100:.3g} %" for name, count in ranked] if seen else []
        return {table: shares for table, shares in found.items() if shares}

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        run = {name: getattr(self.run, name) for name in field_names(self.run)}
        return {
            **run,
            "arguments": dict(self.arguments),
            "reason": self.reason,
            "verdict": list(self.verdict),
            "accepted": self.accepted,
            "by_table": dict(self.items),
            "seen": dict(self.seen),
            "filled": {table: dict(fields) for table, fields in self.filled.items()},
            "failed": [{"cause": cause, "count": count, "url": url} for cause, count, url in self.failed],
            "skipped_by": dict(self.skipped_by),
            "examples": dict(self.examples),
            "made_logins": [
                {
                    "session": each.name,
                    "started_at": each.started_at,
                    "ended_at": each.ended_at,
                    "outcome": each.outcome,
                }
                for each in self.logins
            ],
            "members": [asdict(each) for each in self.members],
            "next_command": self.next_command,
        }


@quick_dataclass
class Cause:
    """Failed requests of a crawl that share a cause.

    Attributes:
        text: The cause, in a line.
        count: How many.
        url: Of one of them.
        word: What names the cause after ``--cause``.
        again: Options needed by a command that continues the crawl.
    """

    text: str
    count: int
    url: str
    word: str
    again: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"cause": self.text, "count": self.count, "url": self.url, "retry": self.word}


def causes_of(source: ReportStore, run: RunRow) -> list[Cause]:
    """Why requests of the crawl of *run* failed, most first, as the store has them now."""
    failed, _ = source.ended_samples(run.frontier)
    again = str(summary_of(run).get("again") or "")
    found: dict[str, Cause] = {}
    for sample in failed:
        counted, examples = kinds({sample.kind: sample.count}, {short_reason(sample.kind): sample.url})
        for text, count in counted.items():
            url = printable(redact(examples.get(text, sample.url)))
            known = found.get(text)
            total = count + (known.count if known else 0)
            found[text] = Cause(text, total, known.url if known else url, _word(text), again)
    return sorted(found.values(), key=lambda each: -each.count)


def _word(text: str) -> str:
    """The shortest thing that names a cause: the status, or the name of the error."""
    name, colon, rest = text.partition(":")
    return (rest.split()[:1] or [name])[0] if name == "StatusError" and colon else name


def _login(made: Login) -> dict[str, Any]:
    names = ("name", "started_at", "ended_at", "outcome", "expired_at")
    return {name: getattr(made, name) for name in names}


def run_report(source: Store, number: int) -> RunReport:
    """The run of that number.

    Raises:
        StoreError: There is none.
    """
    run = source.runs.get(number)
    told, past = summary_of(run), past_run(source, run)
    crawl = told.get("crawl") or {}
    killed = past.ending == KILLED
    return RunReport(
        run=past,
        arguments=arguments_of(run),
        verdict=[*([WAS_KILLED] if killed else []), *told_of(told)],
        reason=str(told.get("reason") or ""),
        accepted=bool(told.get("accepted")),
        items=(source.results.stored_by(number)[1] if killed else told.get("items")) or {},
        seen=crawl.get("seen") or {},
        filled=crawl.get("filled") or {},
        failed=[(each["cause"], each["count"], each["url"]) for each in told.get("causes") or ()],
        skipped_by=told.get("skipped_by") or {},
        examples=told.get("examples") or {},
        logins=source.logins.of_run(number),
        next_command=_next_command(source, run, past),
        members=shares_of(source, number),
    )


def _next_command(source: Store, run: RunRow, past: PastRun) -> str:
    """What continues it; "" while it runs, and when another run has continued it."""
    runs = source.runs.last(run.spider, limit=ALL_RUNS)
    if past.ending == "running" or any(each.id > run.id and each.frontier == run.frontier for each in runs):
        return ""
    if past.ending == KILLED:
        return goes_on_by(run.spider, run) if runs[0].id == run.id else ""
    told = summary_of(run)
    return str(told.get("next_command") or f"crawl run {run.spider}{told.get('again') or ''}")


def accepted_summary(run: RunRow) -> str:
    """The summary of a run, marked as accepted: what it brought is right.

    Raises:
        UsageError: It left no figures to compare others with.
    """
    told = summary_of(run)
    if not told.get("crawl"):
        raise UsageError(f"run {run.id} left no figures ({ending_of(run)}): accept one that ran to its end")
    return json.dumps({**told, "accepted": True})
