"""`crawl status`, `export`, `audit`: what came of a crawl."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options
from crawler.cli.text import columns, counted, local_time, say, size, tell
from crawler.errors import NotWritten, UsageError

if TYPE_CHECKING:
    from crawler.output.files import FileAudit
    from crawler.output.history import Status
    from crawler.settings import Settings
    from crawler.stores.base import Store

MOST_LINES = 10  # of each group in a status

Target = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="File to write; - for standard output.")]


@contextmanager
def stored(typed: dict[str, Any], *, reading: bool = True) -> Iterator[Store]:
    """The project's store, which is not made where it is not there.

    Args:
        reading: For looking at; it works on a full disk, too.

    Raises:
        UsageError: Nothing is stored yet.
        StoreError: It cannot be opened.
    """
    settings = options.settings_of(None, typed)
    require_store(settings)
    from crawler.stores.project import open_project_store

    store = open_project_store(settings, create=False, reading=reading)
    try:
        yield store
    finally:
        store.close()


def require_store(settings: Settings) -> None:
    """Raise UsageError when the store is a file that is not there."""
    file = options.store_file(settings)
    if file is not None and not file.exists():
        raise UsageError(
            f"{file} is not there: nothing is stored yet; `crawl run NAME` makes it, --store names another"
        )


def checked(name: str | None) -> str | None:
    from crawler.loading import valid_name

    return valid_name(name) if name is not None else None


def status(
    name: options.MaybeSpiderName = None, store: options.StorePath = None, as_json: options.AsJson = False
) -> None:
    """Show where crawls stand. Of each spider, or of NAME: requests by state, hosts, failures, sessions."""
    from crawler.output import history

    wanted = checked(name)
    with stored(options.typed_settings(None, store=store)) as source:
        names = [wanted] if wanted is not None else sorted({run.spider for run in source.runs(limit=1000)})
        found = [each for each in (history.status(source, spider) for spider in names) if each is not None]
        if wanted is not None and not found:
            raise never_ran(source, wanted)
        sessions = source.list_sessions()
    used = [each.sessions for each in found]
    if all(keys is not None for keys in used):
        known = {key for keys in used for key in keys or ()}
        sessions = [row for row in sessions if row.key in known]
    if as_json:
        for each in found:
            say(json.dumps(each.as_dict()))
        return
    for number, each in enumerate(found):
        for line in ([""] if number else []) + status_lines(each):
            say(line)
    if sessions:
        say()
        for line in columns(
            [(row.name, row.key, row.state, f"{row.cookies:,}", local_time(row.proved_at)) for row in sessions],
            ("session", "key", "state", "cookies", "last proof"),
        ):
            say(line)


def status_lines(found: Status) -> list[str]:
    """One crawl as lines: the run, the states, then each group with its largest numbers first."""
    from crawler.output.reasons import kinds

    run, counts = found.run, found.counts
    ended = f"running: {found.holder}" if found.holder else run.ending
    rows = [
        (found.spider, f"run {run.id}, {ended}, started {local_time(run.started_at)}"),
        (
            "requests",
            f"{counts.known:,} known = {counts.done:,} done + {counts.failed:,} failed + {counts.skipped:,} skipped"
            f" + {counts.parked:,} parked + {counts.waiting:,} waiting + {counts.leased:,} in flight",
        ),
        ("stored", f"{counted(counts.pages, 'page')}, {counted(counts.items, 'item')}"),
    ]
    if found.next_due is not None:
        rows.append(("waits", f"until {local_time(found.next_due)}"))
    rows += group("waiting", found.waiting_by)
    rows += group("failed", *kinds(found.failed_by, found.examples))
    rows += group("skipped", found.skipped_by, found.examples)
    rows += group("tried again", found.retried_by, found.examples)
    rows += group("warnings", {f"{text}, as on {url}": count for text, (count, url) in found.warned_by.items()})
    rows += [("note" if place == 0 else "", text) for place, text in enumerate(found.notes[:MOST_LINES])]
    if found.next_command:
        rows.append(("then", options.here(found.next_command)))
    return columns(rows)


def group(
    label: str, counts: Mapping[str, int], examples: Mapping[str, str] = MappingProxyType({})
) -> list[tuple[str, str]]:
    """The rows of one group, largest number first, at most `MOST_LINES` of them."""
    largest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = []
    for place, (text, count) in enumerate(largest):
        url = examples.get(text, "")
        such = f", such as {url}" if url and url not in text else ""
        rows.append((label if place == 0 else "", f"{count:,} x {text}{such}"))
    if len(rows) > MOST_LINES:
        rows[MOST_LINES:] = [("", f"... and {len(rows) - MOST_LINES:,} more kinds")]
    return rows


def never_ran(source: Store, spider: str) -> UsageError:
    others = sorted({run.spider for run in source.runs(limit=1000)})
    known = f"there are runs of: {', '.join(others)}" if others else "nothing has run yet"
    return UsageError(f"{spider} has never run on {source.path}; {known}")


def export(
    name: options.SpiderName,
    output: Target,
    file_format: Annotated[
        str | None, typer.Option("--format", help="jsonl, json or csv, where the suffix does not say it.")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="One kind of item; all of them otherwise.")] = None,
    run: Annotated[int | None, typer.Option("--run", help="The items of this run only.")] = None,
    all_runs: Annotated[bool, typer.Option("--all", help="The items of all crawls, not only of the last one.")] = False,
    origin: Annotated[bool, typer.Option("--origin", help="With the columns _run, _url and _time.")] = False,
    safe_csv: Annotated[
        bool, typer.Option("--safe-csv", help="For spreadsheets: texts that look like formulas get a ' in front.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace FILE also by no items, or by those of a crawl that is not done.")
    ] = False,
    quiet: options.Quiet = False,
    store: options.StorePath = None,
) -> None:
    """Write the items of the last crawl to a file. The file is whole or not there at all.

    A file that holds something is not replaced by nothing, nor by the items of a crawl that is not done (exit code 10).
    Dicts of all spiders share the table `items`: fields that only other spiders fill are left out.
    """
    from crawler.output.export import (
        columns_of,
        crawl_rows,
        fields_of_others,
        format_of,
        holds_something,
        whole_file,
        why_not,
        write_rows,
    )

    spider = checked(name) or ""
    chosen = format_of(output, file_format)
    if safe_csv and chosen != "csv":
        raise UsageError("--safe-csv goes with CSV")
    with stored(options.typed_settings(None, store=store)) as source:
        numbers = _runs_to_export(source, spider, run, all_runs)
        latest = run is None and not all_runs
        tables = _tables_to_export(source, numbers, table, spider if latest else "")
        without = fields_of_others(source, spider, numbers, tables, latest=latest)

        def rows() -> Iterator[Mapping[str, Any]]:
            latest_of = spider if latest else ""
            return crawl_rows(source, numbers, tables, latest_of=latest_of, origin=origin, without=without)

        if output != "-" and not force and holds_something(Path(output)):
            empty = next(rows(), None) is None
            why = why_not(source, spider, numbers, empty=empty, whole_crawl=latest)
            if why:
                raise NotWritten(output, why)
        wanted = columns_of(rows()) if chosen == "csv" else []
        if output == "-":
            count = write_rows(_standard_output(), rows(), chosen, columns=wanted, safe_csv=safe_csv)
        else:
            with whole_file(Path(output)) as file:
                count = write_rows(file, rows(), chosen, columns=wanted, safe_csv=safe_csv)
    if output == "-":
        sys.stdout.flush()
    elif not quiet:
        tell(f"crawl: {counted(count, 'item')} of {spider} to {output}")


def _runs_to_export(source: Store, spider: str, run: int | None, all_runs: bool) -> list[int]:
    from crawler.output.source import MOST_RUNS, crawl_runs

    if run is not None and all_runs:
        raise UsageError("give --run or --all, not both")
    known = [each.id for each in source.runs(spider, limit=MOST_RUNS)]
    if not known:
        raise never_ran(source, spider)
    if run is not None:
        if run not in known:
            raise UsageError(f"{spider} has no run {run}; `crawl runs {spider}` lists them")
        return [run]
    return sorted(known) if all_runs else [each.id for each in crawl_runs(source, spider)]


def _tables_to_export(source: Store, runs: list[int], table: str | None, latest_of: str) -> list[str]:
    known = list(source.tables())
    if table is not None:
        if table not in known:
            raise UsageError(f"no table {table!r}; there are: {', '.join(known) or 'none'}")
        return [table]
    if latest_of:
        return [each for each in known if next(source.latest(each, spider=latest_of), None) is not None]
    return [each for each in known if any(next(source.rows(each, run=run), None) is not None for run in runs)]


def _standard_output() -> Any:
    """Standard output for bytes, with escapes defused when it is a terminal."""
    from crawler.output.export import ForTerminal

    sys.stdout.flush()
    file = sys.stdout.buffer
    return ForTerminal(file) if sys.stdout.isatty() else file


def audit(
    name: options.SpiderName,
    read: Annotated[bool, typer.Option("--read", help="Read all files, and compare their hashes.")] = False,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Prove that the last crawl adds up. Every request is accounted for; states, page log, items and files agree."""
    from crawler.cli.files import folder_of_project
    from crawler.output.audit import audit as audited
    from crawler.output.reasons import kinds

    spider = checked(name) or ""
    typed = options.typed_settings(None, store=store)
    folder = folder_of_project(options.settings_of(None, typed), spider)
    with stored(typed) as source:
        found = audited(source, spider, folder, read=read)
        if found is None:
            raise never_ran(source, spider)
    if as_json:
        say(json.dumps(found.as_dict()))
    else:
        named = {"leased": "in flight"}  # as `crawl status` says it
        states = " + ".join(f"{count:,} {named.get(state, state)}" for state, count in found.states.items())
        for line in columns(
            [
                (found.spider, "adds up" if found.ok else f"{len(found.problems):,} problems"),
                ("requests", f"{sum(found.states.values()):,} known = {states}"),
                (
                    "pages",
                    f"{found.pages:,} accepted, {counted(found.items, 'item')},"
                    f" by run {', '.join(map(str, found.runs))}",
                ),
                *([("files", _files(found.files))] if found.files.rows or found.files.on_the_way else []),
                *group("failed", *kinds(found.failed_by)),
                *group("skipped", found.skipped_by),
                *(("problem", problem) for problem in found.problems),
            ]
        ):
            say(line)
    raise typer.Exit(exits.DONE if found.ok else exits.FAILURES)


def _files(found: FileAudit) -> str:
    way = f", {found.on_the_way:,} on the way" if found.on_the_way else ""
    return f"{counted(found.rows, 'version')} held ({size(found.size_bytes)}){way}"


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    for command in (status, export, audit):
        app.command()(command)
