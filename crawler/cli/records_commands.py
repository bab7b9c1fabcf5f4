"""`crawl changes`, `crawl items rejected`: what became of records, and rejected items."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import exits, options
from crawler.cli.status_commands import checked, require_store, stored
from crawler.cli.text import columns, counted, local_time, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.stores.base import Store

app = typer.Typer(help="Items that were kept aside.", no_args_is_help=True)
_MOST_ASIDE = 50  #: lines of `crawl items rejected`; --json has all


def changes(
    name: options.SpiderName,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="CRAWL|DATE", help="Since this crawl, date, or time ago (2d); the last crawl otherwise."
        ),
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="Only this kind of item; all kinds otherwise.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 12 when something has changed.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table: a row for each field.")] = False,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what is new, changed, gone and back. In the last crawl, or since an earlier one.

    Only items with a key are tracked. A crawl that was not complete marks nothing as gone.
    """
    from crawler.output.changes import cells, counted_changes, counts_of, csv_text, json_lines
    from crawler.runs.results import results

    if as_csv and as_json:
        raise UsageError("give --csv or --json, not both")
    spider = checked(name) or ""
    settings = options.settings_of(None, options.typed_settings(None, store=store))
    require_store(settings)
    found = results(spider, store=settings.store).changes(since, table)
    if as_json:
        for line in json_lines(found):
            say(line)
    elif as_csv:
        say(csv_text(found).rstrip("\r\n"))
    else:
        lines = [tuple(map(safe, cell)) for cell in cells(found)]
        for text in columns(lines, ("kind", "table", "key", "what")) if lines else ():
            say(text)
        tell(f"crawl: {spider}: {counted_changes(counts_of(found))}{_and(spider, store)}")
    if exit_code and found:
        raise typer.Exit(exits.CHANGED)


def _and(spider: str, store: str | None) -> str:
    """What to add when no item has a key, or the last crawl was not complete."""
    from crawler.output.history import ending_of, summary_of

    with stored(options.typed_settings(None, store=store)) as source:
        if not _follows(source, spider):
            return (
                "; no item has a key, so none is tracked: set `keys` in the spider to the fields that tell them apart"
            )
        last = source.runs.last(spider, limit=1)[0]
        if summary_of(last).get("complete") is not False:
            return ""
    ending = ending_of(last)
    how = ("not one page was fetched" if ending == "nothing" else ending) if last.ending else "it has not ended"
    return f"; crawl {last.frontier} was not complete ({how}): it marks nothing as gone"


def _follows(source: Store, spider: str) -> bool:
    return bool(source.records.counts(spider, 0))


def rejected(name: options.SpiderName, store: options.StorePath = None, as_json: options.AsJson = False) -> None:
    """List the items that the last crawl rejected. Each with its reason, its page and the session."""
    from crawler.runs.results import results

    spider = checked(name) or ""
    settings = options.settings_of(None, options.typed_settings(None, store=store))
    require_store(settings)
    found = results(spider, store=settings.store).rejected()
    if as_json:
        for each in found:
            say(json.dumps(_shown(each)))
        return
    lines = [
        (safe(each["reason"]), safe(each["kind"]), safe(each["url"]), safe(each["session"]), local_time(each["at"]))
        for each in found[:_MOST_ASIDE]
    ]
    for text in columns(lines, ("reason", "kind", "page", "session", "at")) if lines else ():
        say(text)
    more = f", the first {_MOST_ASIDE} are shown; --json has all" if len(found) > _MOST_ASIDE else ""
    tell(f"crawl: {counted(len(found), 'item')} kept aside in the last crawl of {spider}{more}")


def _shown(each: dict[str, Any]) -> dict[str, Any]:
    """For JSON, without secrets in the address, and with the item as JSON instead of text."""
    from crawler.urls import redact

    return {**each, "url": redact(each["url"]), "item": json.loads(each["item"])}


def register(main: typer.Typer) -> None:
    """Put the commands of this file into *main*."""
    main.command()(changes)
    app.command()(rejected)
    main.add_typer(app, name="items")
