"""Notices to people who are not watching: about which runs, and in which words. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from crawler.events import SessionParked, Summary
from crawler.output.changes import cells, counted_changes
from crawler.output.reasons import next_step, parked_words
from crawler.quick_dataclass import quick_dataclass
from crawler.records import Change
from crawler.urls import redact

FAILURE: Final = "failure"
RECOVERY: Final = "recovery"
PARKED: Final = "parked"
SUCCESS: Final = "success"
CHANGES: Final = "changes"
EVENTS: Final = (FAILURE, RECOVERY, PARKED, SUCCESS, CHANGES)
EXAMPLES: Final = 5  #: records that a message names

#: Endings that a person chose, or set a limit for: neither a failure nor proof that all is well again.
_CHOSEN: Final = frozenset({"limit", "interrupted", "skipped"})
_WAITS: Final = frozenset({"needs human", "login failed"})


@quick_dataclass
class Notice:
    """One notice.

    Attributes:
        event: One of `EVENTS`.
        title: Which spider and what, in a few words.
        text: The cause, the figures and the command that continues, a line each.
        facts: The same for programs.
    """

    event: str
    title: str
    text: str
    facts: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able. `text` has all of it, title first: chat services show only that."""
        return {"event": self.event, "title": self.title, "text": f"{self.title}\n{self.text}", **self.facts}


def of_run(summary: Summary, *, last_was_bad: bool, told_parked: bool) -> Notice | None:
    """The notice about a run that has ended; None for one that a person or a limit stopped.

    Args:
        last_was_bad: The run before it did not end well.
        told_parked: It was already reported during the run that a session waits for a person.
    """
    if summary.ending in _CHOSEN or (told_parked and summary.ending in _WAITS):
        return None
    event = PARKED if summary.ending == "needs human" else FAILURE
    if summary.exit_code == 0:
        event = RECOVERY if last_was_bad else SUCCESS
    said = {RECOVERY: "is well again", SUCCESS: "finished"}.get(event, summary.ending)
    lines = [
        summary.why,
        *summary.notes,
        *summary.messages,
        _figures(summary),
        f"next: {next_step(summary.next_command, summary.causes)}" if summary.next_command else "",
    ]
    facts = {
        "spider": summary.spider,
        "run": summary.run,
        "ending": summary.ending,
        "exit_code": summary.exit_code,
        "reason": summary.reason,
        "why": summary.why,
        "notes": [*summary.notes, *summary.messages],
        "pages": summary.pages,
        "items": summary.item_count,
        "failed": summary.failed,
        "elapsed_s": summary.elapsed_s,
        "next_command": summary.next_command,
        "host": os.uname().nodename,
    }
    return Notice(event, f"{summary.spider}: {said}", "\n".join(line for line in lines if line), facts)


def of_changes(summary: Summary, counts: Mapping[str, Mapping[str, int]], examples: Sequence[Change]) -> Notice | None:
    """The notice about the records that a run has changed; None where it changed none.

    Args:
        counts: Kind of item to how many of its records are new, changed, gone and back.
        examples: Some of them; at most `EXAMPLES` are named.
    """
    total = sum(number for kinds in counts.values() for number in kinds.values())
    if not total:
        return None
    named = examples[:EXAMPLES]
    lines = [" ".join(each for each in (kind, table, key, what) if each) for kind, table, key, what in cells(named)]
    if total > len(named):
        lines.append(f"and {total - len(named):,} more")
    command = f"crawl changes {summary.spider}"
    facts = {
        "spider": summary.spider,
        "run": summary.run,
        "ending": summary.ending,
        "complete": summary.complete,
        "changes": {table: dict(kinds) for table, kinds in counts.items()},
        "examples": [{**each.as_dict(), "item": None, "url": redact(each.url)} for each in named],
        "next_command": command,
        "host": os.uname().nodename,
    }
    text = "\n".join([*lines, f"next: {command}"])
    return Notice(CHANGES, f"{summary.spider}: {counted_changes(counts)}", text, facts)


def of_error(spider: str, error: Exception, exit_code: int) -> Notice:
    """The notice about a run that ended with an error instead of a summary."""
    text = str(error) or type(error).__name__
    facts = {
        "spider": spider,
        "ending": type(error).__name__,
        "exit_code": exit_code,
        "reason": type(error).__name__,
        "why": text,
        "host": os.uname().nodename,
    }
    return Notice(FAILURE, f"{spider}: did not run to its end", text, facts)


def of_parked(spider: str, event: SessionParked) -> Notice:
    """The notice about a session that waits for a person, while the rest of the run goes on."""
    facts = {
        "spider": spider,
        "session": event.session,
        "why": event.why,
        "next_command": event.command,
        "host": os.uname().nodename,
    }
    text = f"{event.why}\nnext: {event.command}"
    return Notice(PARKED, f"{spider}: {parked_words(repr(event.session), event.why)}", text, facts)


def is_alive(notice: Notice | None, exit_code: int) -> bool:
    """Whether a run counts as a sign of life for a dead man's switch: it ended well, or as intended."""
    return exit_code == 0 or notice is None


def _figures(summary: Summary) -> str:
    numbers = [f"{summary.pages:,} pages", f"{summary.item_count:,} items", f"{summary.failed:,} failed"]
    if summary.parked:
        numbers.append(f"{summary.parked:,} parked")
    return f"run {summary.run} on {os.uname().nodename}: {', '.join(numbers)} in {summary.elapsed_s:,.0f} s"
