"""`crawl guard`: pages that were found to end the session when they are fetched, and what to do about them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import options
from crawler.cli.status_commands import stored
from crawler.cli.text import columns, counted, local_time, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.frontier.guard_learned import LearnedBans
    from crawler.stores.base import Store

Urls = list[str]


def guard(
    name: options.SpiderName,
    forget: Annotated[
        Urls | None,
        typer.Option("--forget", metavar="URL", help="Fetch this page again, starting with the next crawl."),
    ] = None,
    confirm: Annotated[
        Urls | None,
        typer.Option("--confirm", metavar="URL", help="This is right: runs that leave the page out may end with 0."),
    ] = None,
    forget_all: Annotated[bool, typer.Option("--forget-all", help="Fetch all of them again.")] = False,
    confirm_all: Annotated[bool, typer.Option("--confirm-all", help="Confirm all of them.")] = False,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List pages that end the session of a spider when they are fetched. The crawler found this out, and skips them."""
    options.find(name)
    with stored(options.typed_settings(None, store=store)) as source:
        bans = _learned(source, name)
        known = [ban.key for ban in bans.entries()]
        confirms = known if confirm_all else confirm or []
        forgets = known if forget_all else forget or []
        if confirms or forgets or confirm_all or forget_all:
            _change(source, name, bans, forget=forgets, confirm=confirms)
            return
    if as_json:
        for ban in bans.entries():
            say(json.dumps(asdict(ban)))
        return
    rows = [
        (safe(ban.key), "yes" if ban.confirmed else "no", local_time(ban.at), safe(ban.why)) for ban in bans.entries()
    ]
    for line in columns(rows, ("page", "confirmed", "found", "how")) if rows else ():
        say(line)
    if not rows:
        tell(f"crawl: no page is known to end the session of {name}")


def _learned(source: Store, name: str) -> LearnedBans:
    from crawler.frontier.guard_learned import LearnedBans, guard_name

    bans, state = LearnedBans(), source.values.get(guard_name(name))
    try:
        if isinstance(state, str) and (old := bans.loads(state)):
            tell(f"crawl: {counted(old, 'page')} that an older version left out untried will be fetched again")
    except ValueError:
        tell("crawl: what was learned cannot be read; --forget-all removes it")
    return bans


def _change(source: Store, name: str, bans: LearnedBans, *, forget: Urls, confirm: Urls) -> None:
    from crawler.frontier.guard_learned import guard_name, key_of

    known = {ban.key for ban in bans.entries()}
    for url in [*forget, *confirm]:
        if key_of(url) not in known:
            raise UsageError(f"{url} is not one of these pages; `crawl guard {name}` lists them")
    confirmed, forgotten = bans.confirm(confirm), bans.forget(forget)
    source.values.set(guard_name(name), bans.dumps())
    for ban in confirmed:
        say(f"confirmed: {safe(ban.key)}")
    for ban in forgotten:
        say(f"forgotten: {safe(ban.key)}; the next crawl fetches it (`crawl run {name} --fresh` begins one)")
    if not confirmed and not forgotten:
        say("nothing to change")


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(guard)
