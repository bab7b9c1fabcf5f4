"""The one summary at the end of a run: a few lines, or one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from crawler.cli.exits import DONE, INTERRUPTED, LIMIT, TERMINATED
from crawler.cli.options import here
from crawler.cli.text import columns, counted, duration, safe, say, size, tell

if TYPE_CHECKING:
    from crawler.events import Summary

MOST_LINES = 5  # of each group: the rest is in `crawl status`


def show_summary(summary: Summary, *, as_json: bool, quiet: bool) -> None:
    """Print how a run went. Quiet: nothing after success, and one line on standard error after anything else."""
    if as_json:
        say(json.dumps(_safe_values(summary.as_dict())))
    elif not quiet:
        for line in summary_lines(summary):
            say(line)
    elif summary.exit_code != DONE or summary.notes:
        tell(f"crawl: {safe(one_line(summary), after=summary.spider)}")
        for line in (*summary.messages[:MOST_LINES], *summary.notes[:MOST_LINES]):
            tell(f"crawl: {safe(line)}")


def one_line(summary: Summary) -> str:
    """How it went, for a mail: ``orders: failures (run 7): 120 pages, 480 items, 3 failed; next: crawl retry ...``."""
    parts = [counted(summary.pages, "page"), counted(summary.item_count, "item"), f"{summary.failed:,} failed"]
    if summary.parked:
        parts.append(f"{summary.parked:,} parked")
    if summary.waiting:
        parts.append(f"{summary.waiting:,} waiting")
    following = f"; next: {_following(summary)}" if summary.next_command else ""
    why = f"; {summary.why}" if summary.why else ""
    return f"{summary.spider}: {ended(summary)} (run {summary.run}): {', '.join(parts)}{why}{following}"


def summary_lines(summary: Summary) -> list[str]:
    """The table, without lines that would say "0"."""
    speed = f"{summary.pages_per_s:,.1f}/s, {size(summary.size_bytes)}"
    rows: list[tuple[str, str]] = [
        (
            summary.spider,
            f"{ended(summary)}, run {summary.run}{', resumed' if summary.resumed else ''}"
            + (f": {summary.why}" if summary.why else ""),
        ),
        ("pages", f"{summary.pages:,} in {duration(summary.elapsed_s)} ({speed}){_unchanged(summary)}"),
        ("items", _items(summary)),
        *([("files", _counted_in_order(summary.files))] if summary.files else []),
        ("requests", _requests(summary)),
        ("logins", _logins(summary)),
    ]
    rows += _records(summary)
    if summary.skipped_by:
        rows += _listed(
            "skipped",
            [
                f"{count:,} x {rule}" + (f", such as {summary.examples[rule]}" if rule in summary.examples else "")
                for rule, count in _largest(summary.skipped_by)
            ],
        )
    if summary.dropped:
        rows += _listed("dropped", [f"{count:,} x {reason}" for reason, count in _largest(summary.dropped)])
    if summary.errors:
        rows += _listed("errors", [f"{count:,} x {text}" for text, count in _largest(summary.errors)])
    rows += _listed("note", [*summary.messages, *summary.notes])
    if summary.store:
        rows.append(("stored in", summary.store))
    if summary.next_command:
        rows.append(("next", _following(summary)))
    elif summary.exit_code in (LIMIT, INTERRUPTED, TERMINATED):
        rows.append(("next", "the same command goes on where it stopped"))
    return columns(rows)


def _following(summary: Summary) -> str:
    from crawler.output.reasons import next_step

    return here(next_step(summary.next_command, summary.causes))


def ended(summary: Summary) -> str:
    """Its ending; with a limit the one that was reached: ``limit reached (max_pages 100)``."""
    return f"{summary.ending} reached ({summary.stopped_by})" if summary.stopped_by else summary.ending


def _items(summary: Summary) -> str:
    """How many; with several tables, or another one than that of plain dicts, how many in each."""
    total = f"{summary.item_count:,}"
    return total if set(summary.items) <= {"items"} else f"{total} ({_counted(summary.items)})"


def _records(summary: Summary) -> list[tuple[str, str]]:
    """What became of records, and how many items were rejected."""
    from crawler.output.changes import counted_changes

    rows = []
    if summary.changes:
        why = "" if summary.complete else "; not complete: it marks nothing as gone"
        rows.append(("changes", counted_changes(summary.changes) + _met_before(summary) + why))
    if summary.rejected:
        command = here(f"crawl items rejected {summary.spider}")
        rows.append(("kept aside", f"{counted(summary.rejected, 'item')}; `{command}` lists them"))
    return rows


def _met_before(summary: Summary) -> str:
    """That several items were one record, where only new ones are counted and there were more items than these."""
    kinds = [kind for kind, counts in summary.changes.items() if 0 < counts["new"] < summary.items.get(kind, 0)]
    if not kinds or any(summary.changes[kind][what] for kind in kinds for what in ("changed", "gone", "back")):
        return ""
    items = sum(summary.items[kind] for kind in kinds)
    return f" (of {items:,} items; the others have the key of a record that was there before)"


def _unchanged(summary: Summary) -> str:
    if not summary.unchanged:
        return ""
    not_asked = f", {summary.not_asked:,} of them not asked for" if summary.not_asked else ""
    return f", {summary.unchanged:,} unchanged{not_asked}"


def _requests(summary: Summary) -> str:
    states = {
        "known": summary.known,
        "waiting": summary.waiting,
        "failed": summary.failed,
        "skipped": summary.skipped,
        "parked": summary.parked,
        "retried": summary.retried,
        "rechecked": summary.rechecked,
    }
    return ", ".join(f"{count:,} {name}" for name, count in states.items() if count or name in ("known", "failed"))


def _logins(summary: Summary) -> str:
    besides = [f"{summary.restored:,} restored without one"] if summary.restored else []
    besides += [f"{summary.renewed:,} renewed by a page"] if summary.renewed else []
    return f"{summary.logins:,}" + (f" ({', '.join(besides)})" if besides else "")


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _counted(counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{count:,} {name}" for name, count in _largest(counts)[:MOST_LINES])
    return shown + (", ..." if len(counts) > MOST_LINES else "")


def _counted_in_order(files: Mapping[str, int]) -> str:
    """Files by how they came."""
    told = {"new": "new", "changed": "changed", "unchanged": "unchanged", "held": "held and not asked for"}
    return ", ".join(f"{files[how]:,} {words}" for how, words in told.items() if how in files)


def _listed(label: str, texts: list[str]) -> list[tuple[str, str]]:
    rows = [(label if place == 0 else "", text) for place, text in enumerate(texts[:MOST_LINES])]
    if len(texts) > MOST_LINES:
        rows.append(("", f"... and {len(texts) - MOST_LINES:,} more"))
    return rows


def _safe_values(value: object) -> object:
    """Secrets hidden in every text; JSON itself escapes control characters."""
    if isinstance(value, str):
        from crawler.sessions.secrets import hide

        return hide(value)
    if isinstance(value, dict):
        return {str(_safe_values(key)): _safe_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_safe_values(each) for each in value]
    return value
