"""`crawl export`, and `crawl run -o`: results into files and databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options
from crawler.cli.status_commands import checked, never_ran, stored
from crawler.cli.text import counted, safe, tell
from crawler.errors import NotWritten, TargetError, UsageError

if TYPE_CHECKING:
    from crawler.output.export import Exported, Target
    from crawler.selection import Selection
    from crawler.stores.base import Store

Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="TARGET", help="File or address to write to; - for standard output."),
]
Replacing = Annotated[
    str | None,
    typer.Option("--replace", "-O", metavar="TARGET", help="The same, and replace what is there: -o with --force."),
]


def export(
    name: options.SpiderName,
    output: Output = None,
    replace: Replacing = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="The format, if the suffix does not say it: jsonl, csv, ...")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="Only this kind of item; all kinds otherwise.")] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="A,B", help="These fields only, in this order.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="SQL", help='A condition on the columns: "price < 10".')
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="CRAWL|DATE",
            help="What was stored or changed since a date (2026-11-28, yesterday), a time ago (2d), or after a crawl.",
        ),
    ] = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="What is new, changed, gone and back, in the last crawl or --since.")
    ] = False,
    crawl: Annotated[int | None, typer.Option("--crawl", help="The items of this crawl only.")] = None,
    run: Annotated[int | None, typer.Option("--run", help="The items of this run only.")] = None,
    all_runs: Annotated[bool, typer.Option("--all", help="The items of all crawls, not only of the last one.")] = False,
    origin: Annotated[bool, typer.Option("--origin", help="Add the columns _run, _url and _time.")] = False,
    safe_csv: Annotated[
        bool, typer.Option("--safe-csv", help="For spreadsheets: text that looks like a formula gets a ' in front.")
    ] = False,
    bom: Annotated[bool, typer.Option("--bom", help="CSV with the mark by which Excel recognises UTF-8.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace TARGET even with no items, or with a part of a crawl.")
    ] = False,
    quiet: options.Quiet = False,
    store: options.StorePath = None,
) -> None:
    """Write results to a file or a database, even while a crawl runs. The target changes as a whole or not at all.

    Without further options, these are the items of the last crawl, and the records that are not gone. A file that holds
    something is not replaced with nothing, nor with the items of a crawl that is unfinished, or in which requests
    failed (exit code 10). Where nothing is replaced, what such a crawl has so far is written, and the exit code is 13.
    Failed requests count unless `max_error_rate` allows them, or they are a few pages that are no longer there (404,
    410). Dicts of all spiders share the table `items`: fields that only other spiders fill are left out.
    """
    from crawler.output.export import ExportChoice, Look, Target
    from crawler.output.export import check as check_target
    from crawler.output.export import export as write_export

    spider = checked(name) or ""
    if (output is None) == (replace is None):
        said = "say where to write" if output is None else "say once where to write"
        raise UsageError(f"{said}: -o TARGET, or -O TARGET to replace what is there; - is standard output")
    target = Target(output or replace or "", file_format, Look(safe=safe_csv, bom=bom), force or replace is not None)
    check_target(target)
    with stored(options.typed_settings(None, store=store)) as source:
        chosen = _selection(source, spider, (run, crawl, all_runs, since))
        if where:
            import dataclasses

            chosen = dataclasses.replace(chosen, where=where)
        fields = tuple(each.strip() for each in columns.split(",") if each.strip()) if columns else ()
        wanted = ExportChoice(chosen, table, fields, origin, changes)
        written = write_export(source, wanted, target)
        records = _records_among(source, chosen, table) if (run or crawl) and not changes else []
    tell_of(written, spider, target, quiet=quiet)
    if records and not quiet:
        tell(
            f"crawl: of the items with a key ({', '.join(records)}) these are the records that this crawl or run was"
            " the last to change; without --crawl and --run you get all records that are not gone"
        )
    if written.incomplete:
        raise typer.Exit(exits.INCOMPLETE)


def _records_among(source: Store, chosen: Selection, table: str | None) -> list[str]:
    """The tables of an export whose items have a key."""
    return sorted(name for name in source.records.counts(chosen.spider, 0) if table in (None, name))


_Asked = tuple[int | None, int | None, bool, str | None]  #: --run, --crawl, --all, --since


def _selection(source: Store, spider: str, asked: _Asked) -> Selection:
    from crawler.runs.results import moment_of
    from crawler.selection import Selection
    from crawler.stores.base import ALL_RUNS

    run, crawl, all_runs, since = asked
    if sum((run is not None, crawl is not None, all_runs, since is not None)) > 1:
        raise UsageError("give one of --run, --crawl, --all and --since")
    known = source.runs.last(spider, limit=ALL_RUNS)
    if not known:
        raise never_ran(source, spider)
    if run is not None:
        if run not in {each.id for each in known}:
            raise UsageError(f"{spider} has no run {run}; `crawl runs {spider}` lists them")
        return Selection(spider, runs=(run,))
    if crawl is not None:
        _require_crawl(known, spider, crawl)
        return Selection(spider, crawl=crawl)
    if all_runs:
        return Selection(spider, runs=tuple(sorted(each.id for each in known)))
    if since is None:
        return Selection(spider)
    moment = moment_of(since, source.now())
    if isinstance(moment, float):
        return Selection(spider, since=moment)
    _require_crawl(known, spider, moment)
    return Selection(spider, after=moment)


def _require_crawl(known: Sequence[object], spider: str, crawl: int) -> None:
    crawls = sorted({getattr(each, "frontier", 0) for each in known})
    if crawl not in crawls:
        raise UsageError(f"{spider} has no crawl {crawl}; there are: {', '.join(map(str, crawls[-20:]))}")


def tell_of(written: Exported, spider: str, target: Target, *, quiet: bool = False) -> None:
    """What was written, and whether it is all."""
    from crawler.redaction import redact

    place = redact(target.place)
    if target.place != "-" and not quiet:
        failed = f"; {counted(written.failed, 'request')} failed" if written.failed else ""
        tell(f"crawl: {counted(written.count, 'item')} of {spider} to {place}{failed}")
    if written.doubtful and not quiet:
        tell(f"crawl: {place}: {safe(written.doubtful)}")
    if written.incomplete:
        tell(f"crawl: {place} does not hold all of it: {safe(written.incomplete)}")


# --- crawl run -o -----------------------------------------------------------------------------------------------------


def targets_of(outputs: Sequence[str] | None, replacing: Sequence[str] | None) -> list[Target]:
    """The targets of ``-o`` and ``-O``, checked before anything is fetched.

    Raises:
        UsageError: One cannot be written, or is named twice.
    """
    if not outputs and not replacing:
        return []
    from crawler.output.export import Target
    from crawler.output.export import check as check_target

    found = [Target(each) for each in outputs or ()] + [Target(each, force=True) for each in replacing or ()]
    for target in found:
        check_target(target)
    places = [target.place for target in found]
    for place in places:
        if places.count(place) > 1:
            raise UsageError(f"{place} is named twice")
    return found


def export_all(typed: Mapping[str, Any], spider: str, targets: Sequence[Target], *, quiet: bool) -> int:
    """After a run: write the results to each target. Returns the first exit code that is not 0.

    Args:
        typed: The settings given on the command line.
    """
    code = exits.DONE
    if not targets:
        return code
    from crawler.output.export import ExportChoice
    from crawler.output.export import export as write_export
    from crawler.selection import Selection

    store = options.settings_of(options.find(spider), dict(typed)).store
    with stored({"store": store}) as source:
        for target in targets:
            try:
                written = write_export(source, ExportChoice(Selection(spider)), target)
            except (NotWritten, TargetError, UsageError, OSError) as error:
                tell(f"crawl: {exits.line_for(error)}")
                code = code or (exits.code_of_system(error) if isinstance(error, OSError) else exits.code_for(error))
                continue
            tell_of(written, spider, target, quiet=quiet)
            code = code or (exits.INCOMPLETE if written.incomplete else exits.DONE)
    return code


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    app.command()(export)
