"""A report as one HTML page: no script, no network, light and dark, for phones and for paper. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from html import escape

from crawler.output.changes import counted_changes, key_text
from crawler.output.export.values import json_text
from crawler.output.report import panels
from crawler.output.report.gathering import Night, Report
from crawler.output.report.style import STYLE
from crawler.records import Change
from crawler.sessions.secrets import hide_in_page
from crawler.urls import redact

_RUNS_SHOWN = 10
_FIELDS_SHOWN = 6
_LONGEST_VALUE = 80


def report_page(report: Report) -> str:
    """The page. What looks like a secret is masked, wherever it is."""
    body = "\n".join(_sections(report))
    title = escape(f"{report.spider}: {len(report.nights)} runs")
    return hide_in_page(
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _sections(report: Report) -> Iterator[str]:
    newest = report.nights[-1]
    yield _head(report, newest)
    yield '<div class="panels">'
    yield from panels.charts_of(report)
    yield "</div>"
    if report.causes:
        rows = [(f"{each.count:,}", each.text, redact(each.url)) for each in report.causes]
        yield _table("Errors of the newest crawl", ("failed", "cause", "such as"), rows)
        command = escape(f"crawl failures {report.spider}")
        yield f'<p class="note"><code>{command}</code> has pages of them to compare with good ones</p>'
    if report.retried:
        rows = [(f"{count:,}", why, url) for why, count, url in report.retried]
        yield _table("Tried again in the newest crawl", ("answers", "because of", "such as"), rows)
    if report.skipped:
        rows = [(f"{count:,}", rule, url) for rule, count, url in report.skipped]
        yield _table("Left out", ("requests", "by the rule", "such as"), rows)
    if report.changed:
        yield _table("Changes of the newest crawl", ("", "record", "what"), [_change(each) for each in report.changed])
        if report.more_changes:
            command = escape(f"crawl changes {report.spider}")
            yield f'<p class="note">and {report.more_changes:,} more: <code>{command}</code></p>'
    if len(report.members) > 1:
        state = {"": "", "left": "", "dead": "killed"}
        members = [
            (str(each.number), each.process, f"{each.pages:,}", f"{each.items:,}", f"{each.logins:,}", state[each.gone])
            for each in report.members
        ]
        yield _table("Members of the newest run", ("", "process", "pages", "items", "logins", ""), members)
    yield _runs(report.nights)


def _head(report: Report, newest: Night) -> str:
    run = newest.run
    state = "good" if run.exit_code == 0 else "bad" if run.exit_code else "open"
    told = "".join(f"<li>{_said(text)}</li>" for text in newest.told)
    following = f"<p>Next: <code>{escape(report.next_command)}</code></p>" if report.next_command else ""
    tiles = [
        ("pages", "-" if run.pages is None else f"{run.pages:,}"),
        ("items", "-" if run.items is None else f"{run.items:,}"),
        ("logins", "-" if run.logins is None else f"{run.logins:,}"),
        ("took", took(run.took_s)),
    ]
    shown = "".join(f"<div><b>{escape(value)}</b><span>{name}</span></div>" for name, value in tiles)
    return (
        f'<header><h1>{escape(report.spider)}</h1><p class="state {state}">{escape(run.ending)}'
        f"{'' if run.exit_code is None else f', exit {run.exit_code}'}</p>"
        f'<p class="note">run {run.id}, started {moment(run.started_at)}; as of {moment(report.made_at)}</p></header>'
        f'<div class="tiles">{shown}</div>{f"<ul class=told>{told}</ul>" if told else ""}{following}'
    )


def _runs(nights: Sequence[Night]) -> str:
    rows = []
    for night in reversed(nights[-_RUNS_SHOWN:]):
        run = night.run
        numbers = ["-" if each is None else f"{each:,}" for each in (run.pages, run.items, run.logins)]
        why = night.told[0] if night.told and run.exit_code else ""
        changed = counted_changes(night.changes) if night.changes else ""
        rows.append((str(run.id), moment(run.started_at), took(run.took_s), run.told_ending, *numbers, why or changed))
    heading = ("run", "started", "took", "ending", "pages", "items", "logins", "")
    more = len(nights) - len(rows)
    return _table("Runs" if not more else f"The last {len(rows)} runs", heading, rows, is_told=True)


def _change(change: Change) -> tuple[str, str, str]:
    shown = [
        f"{name}: {_value(old)} \u2192 {_value(new)}"
        for name, (old, new) in list(change.fields.items())[:_FIELDS_SHOWN]
    ]
    if len(change.fields) > _FIELDS_SHOWN:
        shown.append(f"and {len(change.fields) - _FIELDS_SHOWN} more fields")
    return change.kind, f"{change.table} {key_text(change)}", "; ".join(shown)


def _value(value: object) -> str:
    text = "-" if value is None else value if isinstance(value, str) else json_text(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "\u2026"


def _said(text: str) -> str:
    """What the program says, with its commands marked up as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _table(title: str, heading: Sequence[str], rows: Sequence[Sequence[str]], *, is_told: bool = False) -> str:
    """A table.

    Args:
        is_told: The cells are the program's own words, not a site's.
    """
    shown = _said if is_told else escape
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = "".join(
        "<tr>"
        + "".join(f'<td data-name="{escape(name)}">{shown(cell)}</td>' for name, cell in zip(heading, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f"<section><h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"
    )


def moment(at: float) -> str:
    """``2026-11-29 03:00``, in the zone of this machine."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def took(seconds: float | None) -> str:
    """``12 s``, ``3 min``, ``2 h 5 min``."""
    return panels.span(seconds) if seconds is not None else "-"
