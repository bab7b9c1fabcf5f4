"""`crawl runs`: past runs as a list, one of them in full, and accepting what it brought as right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import options
from crawler.cli.status_commands import checked, group, never_ran, on_store, stored
from crawler.cli.text import columns, counted, duration, local_time, safe, say, tell
from crawler.errors import UsageError
from crawler.quick_dataclass import field_names

if TYPE_CHECKING:
    from crawler.output.history import PastRun
    from crawler.output.run_members import MemberShare
    from crawler.output.run_report import RunReport
    from crawler.stores.base import Store

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many runs, newest first.")]
What = Annotated[
    str | None, typer.Argument(metavar="[NAME|show|accept]", help="A spider's name; or what to do with run ID.")
]
Number = Annotated[int | None, typer.Argument(metavar="[ID]", min=1, help="Number of a run, as the list shows it.")]


def runs(
    what: What = None,
    number: Number = None,
    limit: Limit = 20,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List past runs. Newest first: how each ended, how long it took and what it brought.

    `crawl runs show ID` shows one in full: why it ended that way, what failed or was left out, its logins, the command
    that continues it. `crawl runs accept ID` accepts what it brought as right: later runs are compared with it and
    those after it.
    """
    with stored(options.typed_settings(None, store=store), reading=number is None or what == "show") as source:
        if number is None:
            if what in ("show", "accept"):
                raise UsageError(f"crawl runs {what}: which run? `crawl runs` lists their numbers")
            _list(source, checked(what), limit, as_json)
        elif what == "show":
            _show(source, number, as_json, store)
        elif what == "accept":
            _accept(source, number)
        else:
            raise UsageError(f"crawl runs {what} {number}: write `crawl runs show {number}` or `accept {number}`")


def _list(source: Store, name: str | None, limit: int, as_json: bool) -> None:
    from crawler.output.history import past_runs

    found = past_runs(source, name, limit=limit)
    if name is not None and not found:
        raise never_ran(source, name)
    if as_json:
        for run in found:
            say(json.dumps({field: getattr(run, field) for field in field_names(run)}))
        return
    for line in columns(
        [_run_cells(run) for run in found],
        ("run", "spider", "started", "took", "ending", "exit", "pages", "items", "logins"),
    ):
        say(line)


def _run_cells(run: PastRun) -> tuple[str, ...]:
    numbers = (run.exit_code, run.pages, run.items, run.logins)
    code, pages, items, logins = ("-" if number is None else f"{number:,}" for number in numbers)
    took = "-" if run.took_s is None else duration(run.took_s)
    return str(run.id), run.spider, local_time(run.started_at), took, run.told_ending, code, pages, items, logins


def _show(source: Store, number: int, as_json: bool, store: str | None) -> None:
    from crawler.output.run_report import run_report

    found = run_report(source, number)
    if as_json:
        say(json.dumps(found.as_dict()))
        return
    for line in report_lines(found, store):
        say(line)


_LOGINS = {"": "not ended", "renewed": "renewed by a page of the app, no login"}


def report_lines(found: RunReport, store: str | None = None) -> list[str]:
    """One run as lines: how it ended and why, its numbers, what went wrong, its logins, what continues it.

    Args:
        store: As it was typed, for a run that could not store the command that continues it.
    """
    from crawler.output.reasons import next_step

    run = found.run
    took = "" if run.took_s is None else f", took {duration(run.took_s)}"
    code = "" if run.exit_code is None else f", exit {run.exit_code}"
    rows = [(run.spider, f"run {run.id}, {run.told_ending}{code}, started {local_time(run.started_at)}{took}")]
    if found.arguments:
        rows.append(("arguments", ", ".join(f"{name}={value}" for name, value in found.arguments.items())))
    rows += [("verdict" if place == 0 else "", text) for place, text in enumerate(found.verdict)]
    if found.accepted:
        rows.append(("accepted", "what it brought is right; later runs are compared with it and those after it"))
    if run.pages is not None:
        tables = ", ".join(f"{count:,} {table}" for table, count in found.items.items())
        kinds = f" ({tables})" if set(found.items) - {"items"} else ""
        rows.append(("brought", f"{counted(run.pages, 'page')}, {counted(run.items or 0, 'item')}{kinds}"))
    rows += [
        ("fields" if place == 0 else "", f"{table}: {', '.join(shares)}")
        for place, (table, shares) in enumerate(found.shares().items())
    ]
    rows += group("failed", {cause: count for cause, count, _ in found.failed}, {c: url for c, _, url in found.failed})
    rows += group("skipped", found.skipped_by, found.examples)
    rows += [
        (
            "logins" if place == 0 else "",
            f"{local_time(each.started_at)} {each.name}: {_LOGINS.get(each.outcome, each.outcome)}",
        )
        for place, each in enumerate(found.logins)
    ]
    if len(found.members) > 1:
        rows += [
            ("members" if place == 0 else "", f"{each.number} {each.process}: {_share(each)}")
            for place, each in enumerate(found.members)
        ]
    if found.next_command and not found.next_command.startswith("crawl runs show "):  # this is it
        causes = [{"cause": cause} for cause, _, _ in found.failed]
        rows.append(("then", options.here(on_store(next_step(found.next_command, causes), run.ending, store))))
    return columns([(label, safe(text)) for label, text in rows])


def _share(each: MemberShare) -> str:
    killed = "; killed" if each.gone == "dead" else ""
    return f"{counted(each.pages, 'page')}, {counted(each.items, 'item')}, {counted(each.logins, 'login')}{killed}"


def _accept(source: Store, number: int) -> None:
    from crawler.output.run_report import accepted_summary

    run = source.runs.get(number)
    if not run.ending and source.runs.running(run.spider) is not None:
        raise UsageError(f"run {number} has not ended: accept it when it has")
    source.runs.set_summary(number, accepted_summary(run))
    if run.ending == "less than before" and source.runs.last(run.spider, limit=1)[0].id == number:
        source.records.settle(run)  # it was complete, and what it did not meet was not believed to be gone
    tell(f"crawl: what run {number} of {run.spider} brought is right: later runs are compared with it")


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(runs)
