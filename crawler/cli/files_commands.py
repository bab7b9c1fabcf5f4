"""`crawl files list`, `prune`: which files are held, and removing those without a row."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from crawler.cli import options
from crawler.cli.status_commands import checked, stored
from crawler.cli.text import columns, counted, local_time, safe, say, size, tell
from crawler.quick_dataclass import field_names

_DAY_S = 86_400.0

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Files that spiders have fetched.")


@app.command("list")
def list_(
    name: options.MaybeSpiderName = None,
    versions: Annotated[
        bool, typer.Option("--versions", help="Also list versions that a newer one has replaced.")
    ] = False,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List the files that are held. The newest version of each: when it was fetched, its size, its name and its URL."""
    from crawler.pages.file_folder import folder_of_spider

    spider = checked(name)
    typed = options.typed_settings(None, store=store)
    folder = folder_of_spider(options.settings_of(None, typed), spider or "-")
    with stored(typed) as source:
        found = list(source.files.all(spider))
    if not versions:
        found = list({(each.spider, each.session, each.url): each for each in found}.values())
    if as_json:
        for each in found:
            values = {field: getattr(each, field) for field in field_names(each)}
            say(json.dumps({**values, "path": str(folder.path(each.hash))}))
        return
    if not found:
        tell("crawl: no files are held; a spider fetches them with `yield response.file(link)`")
        return
    rows = [
        (local_time(each.at), size(each.size_bytes), each.type, safe(each.link or each.name), safe(each.url))
        for each in found
    ]
    for line in columns(rows, ("fetched", "size", "type", "name", "url")):
        say(line)


@app.command()
def prune(
    days: Annotated[
        float, typer.Option("--days", min=0, help="Also remove partial files that have not changed for this many days.")
    ] = 7.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    store: options.StorePath = None,
) -> None:
    """Remove files that no row refers to. Also abandoned partial files, and readable names of older versions."""
    from crawler.output.held_files import prune as pruned
    from crawler.pages.file_folder import folder_of_spider

    typed = options.typed_settings(None, store=store)
    folder = folder_of_spider(options.settings_of(None, typed), "-")
    with stored(typed) as source:
        found = pruned(source.files, folder, now=time.time(), older_than_s=days * _DAY_S, really=not dry_run)
    word = "would remove" if dry_run else "removed"
    say(
        f"{word} {counted(found.files, 'file')} without a row and {counted(found.partials, 'partial file')}"
        f" ({size(found.size_bytes)})"
    )
    if found.names:
        say(
            f"{'would mend' if dry_run else 'mended'} {counted(found.names, 'readable name')} that"
            f" {'does' if found.names == 1 else 'do'} not lead to the newest version of a file"
        )


def register(root: typer.Typer) -> None:
    """Put the commands of this file into *root*."""
    root.add_typer(app, name="files")
