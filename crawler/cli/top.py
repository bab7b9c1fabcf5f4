"""`crawl top`: how runs are doing right now, from another terminal. It reads only the store."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import options
from crawler.cli.status_commands import checked, login_waits, never_ran, state_of, stored
from crawler.cli.text import about, columns, counted, duration, local_time, say, tell

if TYPE_CHECKING:
    from rich.text import Text

    from crawler.output.live import HostState, LiveView
    from crawler.stores.base import Store

Once = Annotated[bool, typer.Option("--once", help="Print it once as plain lines, as without a terminal.")]
Every = Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.2, max=3600, help="How often to look.")]

QUIET_S = 40.0  #: silent for this long, a process is called so: it gives a sign of life every 15 s
_STYLES = {"given up": "red", "open": "red", "half open": "yellow", "paused": "yellow", "silent": "yellow"}
_OF_SESSIONS = {"refused": "red", "parked": "yellow", "logging in": "cyan", "renewing": "cyan", "expired": "yellow"}


def top(
    name: options.MaybeSpiderName = None,
    once: Once = False,
    every: Every = 1.0,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Watch runs from another terminal. Those of NAME, or all running ones: queue, rate, hosts, sessions, last errors.

    It only reads the store: it does not disturb the run, and works where you may read the file. Ctrl-C ends it.
    """
    wanted = checked(name)
    with stored(options.typed_settings(None, store=store)) as source:
        if as_json:
            for view in views(source, wanted):
                say(json.dumps(view.as_dict()))
        elif once or not sys.stdout.isatty():
            lines = [line for view in views(source, wanted) for line in (*view_lines(view), "")]
            for line in lines[:-1] or [_nothing_runs(source)]:
                say(line)
        else:
            _watch(source, wanted, every)


def views(source: Store, wanted: str | None) -> list[LiveView]:
    """Of *wanted*, running or not; otherwise of all spiders that are running."""
    from crawler.output.live import look, running_spiders

    names = [wanted] if wanted is not None else running_spiders(source)
    found = [view for view in (look(source, each) for each in names) if view is not None]
    if wanted is not None and not found:
        raise never_ran(source, wanted)
    return found


def view_lines(view: LiveView) -> list[str]:
    """One spider as plain lines."""
    return [text for _, text in _marked(view)]


def _marked(view: LiveView) -> list[tuple[str, str]]:
    """Lines, each with the style that it has on a terminal with colours."""
    run, counts = view.run, view.counts
    took = "" if run.took_s is None else f", {duration(run.took_s)}"
    state = f"running: {view.holder}" if view.holder else f"{run.ending}, started {local_time(run.started_at)}"
    silent = view.holder is not None and view.seen_s is not None and view.seen_s > QUIET_S
    lines = [("bold", f"{view.spider}  run {run.id}, {state}{took}")]
    numbers = [
        counted(view.pages or 0, "page"),
        f"{counts.waiting:,} waiting",
        f"{counts.leased:,} in flight",
        f"{view.pages_per_s:,.1f}/s",
        *([] if view.left_s is None else [f"{about(view.left_s)} left"]),
        counted(view.items or 0, "item"),
        counted(view.logins or 0, "login"),
        f"{counts.failed:,} failed",
        *([f"{counts.parked:,} parked"] if counts.parked else []),
    ]
    lines.append(("", ", ".join(numbers)))
    if silent:
        lines.append(
            ("yellow", f"nothing heard of it for {duration(view.seen_s or 0.0)}: stopped, or waiting for the disk")
        )
    lines += _table(
        ("process", "", "pages", "rate", "under way", "of", "last word", "state"),
        [
            (
                f"{each.number} {each.name}".rstrip(),
                each.process,
                f"{each.pages:,}",
                f"{each.rate:,.1f}/s",
                each.under_way,
                each.workers,
                local_time(each.at)[11:],
                state_of(each),
            )
            for each in view.processes
        ],
        ["yellow" if each.waits_for() else "" for each in view.processes],
    )
    lines += _table(
        ("host", "delay", "under way", "of", "held", "state"),
        [
            (each.name, f"{each.delay_s:g} s", each.under_way, each.connections, each.held, _host_state(each))
            for each in view.hosts
        ],
        [next((style for word, style in _STYLES.items() if word in _host_state(each)), "") for each in view.hosts],
    )
    lines += _table(
        ("session", "state", "logins", ""),
        [(each.name, each.state, each.epoch, login_waits(each) or each.why) for each in view.sessions],
        [_OF_SESSIONS.get(each.state, "") for each in view.sessions],
    )
    lines += _table(
        ("last errors", "", "", ""),
        [(local_time(at)[11:], verdict, error, url) for at, verdict, error, url in view.troubles],
    )
    return lines + [("", f"note  {text}") for text in view.told]


def _host_state(host: HostState) -> str:
    if host.paused_until and host.breaker != "given up":
        return f"paused until {local_time(host.paused_until)[11:]}, breaker {host.breaker}"
    return host.breaker if host.breaker == "given up" else f"breaker {host.breaker}"


def _table(
    heading: Sequence[str], rows: Sequence[Sequence[object]], styles: Sequence[str] = ()
) -> list[tuple[str, str]]:
    if not rows:
        return []
    first, *others = columns(rows, heading)
    return [("", ""), ("dim", first), *zip(styles or [""] * len(others), others, strict=True)]


def _nothing_runs(source: Store) -> str:
    last = next(iter(source.runs.last(limit=1)), None)
    if last is None:
        return "nothing is running, and nothing has run yet"
    from crawler.output.history import past_run

    past = past_run(source, last)
    at = "" if past.took_s is None else f" at {local_time(past.started_at + past.took_s)}"
    ended = f"{past.ending}{at}"
    return f"nothing is running; the last run was {last.id} of {last.spider}, {ended}"


def _watch(source: Store, wanted: str | None, every_s: float) -> None:
    from rich.console import Console, Group
    from rich.live import Live

    console = Console(highlight=False)
    try:
        with Live(
            console=console, screen=console.is_terminal and not console.is_dumb_terminal, auto_refresh=False
        ) as live:
            while True:
                found = views(source, wanted)
                lines = [_text(*line) for view in found for line in (*_marked(view), ("", ""))]
                lines = lines or [_text("", _nothing_runs(source))]
                lines.append(_text("dim", f"{time.strftime('%H:%M:%S')}  Ctrl-C ends this view, not the run"))
                live.update(Group(*lines), refresh=True)
                time.sleep(every_s)
    except KeyboardInterrupt:
        tell("crawl: the runs go on")


def _text(style: str, line: str) -> Text:
    from rich.text import Text

    return Text(line, style=style, no_wrap=True, overflow="ellipsis")


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(top)
