"""`crawl sessions import`, `export`, `rekey`: sessions to and from other programs, and under a new key."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable
from urllib.parse import urljoin

import typer

from crawler.cli import options
from crawler.cli.results import require_store, stored
from crawler.cli.sessions import SessionName
from crawler.cli.text import safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.stores.base import Store


def import_(
    spider: Annotated[str, typer.Argument(metavar="NAME", help="The spider whose session it becomes.")],
    source: Annotated[str, typer.Argument(metavar="FILE", help="File with cookies; - for standard input.")] = "-",
    session: Annotated[str | None, typer.Option("--session", help="Name of the session; the first otherwise.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="json, storage-state, cookies.txt, curl or har; found out otherwise.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="A page of the site, where the file does not say it.")
    ] = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Take cookies from a browser or another machine. Also from a pasted `curl` command; the next run proves them."""
    from crawler.sessions.formats import exchange
    from crawler.sessions.formats.reading import decoded

    typed = options.typed_settings(set_, store=store)
    found = options.find(spider)
    settings = options.settings_of(found, typed)
    data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    text = decoded(data, "standard input" if source == "-" else source)
    start = found.start_urls[0] if found.start_urls else None
    imported = exchange.read(text, now=time.time(), form=form, url=url or start)
    for why in imported.left_out:
        tell(f"crawl: left out: {safe(why)}")
    if not imported.shows_somebody:
        raise UsageError(f"{source}: no cookie and no token that can be used")
    from crawler.engine import application
    from crawler.output.snapshots import unproven

    with application.visitor(found, settings=typed) as visitor:
        names = [identity.name for identity in visitor.spider.identities()]
        if session is not None and session not in names:
            raise UsageError(f"{spider} has no session {session!r}, only: {', '.join(names)}")
        mine = visitor.session(session or names[0])
        name, key = mine.name, mine.key
    database = application.open_project_store(settings)
    try:
        row = database.load_session(key)
        headers = dict(imported.headers) | ({"User-Agent": imported.user_agent} if imported.user_agent else {})
        secret = json.dumps({"cookies": imported.cookies, "headers": headers, **imported.more}, ensure_ascii=False)
        epoch = (row.epoch if row is not None else 0) + 1
        database.save_session(unproven(key, name, secret, epoch=epoch, url="import"), run=None)
    finally:
        database.close()
    token = " and a token" if imported.more.get("auth") or "authorization" in map(str.lower, headers) else ""
    say(f"{safe(key)} has {len(imported.cookies):,} cookies{token} now; the next run proves them")


def export(
    session: SessionName,
    form: Annotated[str, typer.Option("--format", help="curl, cookies.txt, storage-state or json.")] = "json",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="File; - for standard output.")] = "-",
    url: Annotated[str | None, typer.Option("--url", help="For curl: what to fetch.")] = None,
    store: options.StorePath = None,
) -> None:
    """Write a session for other programs. Whoever has the file is logged in: its mode is 0600."""
    from crawler.output.snapshots import choose, contents, cookies_of
    from crawler.sessions.formats import exchange
    from crawler.urls import host_of, site_of

    with stored(options.typed_settings(None, store=store)) as source:
        row = choose(source.list_sessions(), session)
    if not row.readable:
        raise UsageError(f"session {row.key!r} cannot be read with the keys at hand")
    inside = contents(row.secret)
    headers = dict(inside.get("headers") or {})
    agent = next((value for name, value in headers.items() if name.lower() == "user-agent"), None)
    own = {name: value for name, value in headers.items() if not _OF_THE_CONNECTION.match(name)}
    if url and site_of(host_of(url)) != row.key.partition("|")[0]:  # headers and tokens know no host, as cookies do
        tell(f"crawl: {safe(url)} is not of this session's site: neither its headers nor a token are for it")
        own, inside = {}, {}
    page = next(iter(inside.get("login_urls") or []), "")  # says scheme and port, which no cookie does
    where = url or (urljoin(page, "/") if page else None)
    text = exchange.write(cookies_of(row.secret), form, url=where, user_agent=agent, headers=own, more=inside)
    if lost := exchange.left_behind(form, inside):
        tell(f"crawl: {lost}")
    if output == "-":
        say(text.rstrip("\n"))
    else:
        exchange.write_private(output, text)
        tell(f"crawl: {safe(row.key)} to {output}, which logs in whoever reads it")


_OF_THE_CONNECTION = re.compile(r"(user-agent|connection|accept-encoding|host)\Z", re.IGNORECASE)


@runtime_checkable
class Reseals(Protocol):
    """A store that can encrypt what it holds with the newest key of its cipher."""

    def reseal(self) -> tuple[int, int]:
        """How many secrets were sealed anew, and how many could not be read."""


def rekey(
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Forget the old keys: other projects of yours may still need them.")
    ] = False,
    store: options.StorePath = None,
) -> None:
    """Encrypt all stored secrets with a new key. With CRAWL_KEY, the first of its keys is taken for the new one."""
    from crawler.sessions.vault import Vault
    from crawler.stores import open_store

    settings = options.settings_of(None, options.typed_settings(None, store=store))
    require_store(settings)
    vault = Vault.load()
    database: Store = open_store(settings.store, cipher=vault, busy_timeout_s=settings.busy_timeout, create=False)
    try:
        if not isinstance(database, Reseals):
            raise UsageError(f"{settings.store}: this kind of store cannot encrypt its secrets anew")
        going = {each.spider for each in database.runs() if each.ended_at is None and database.running(each.spider)}
        if going and drop_old:
            raise UsageError(
                f"{', '.join(sorted(going))} is running and would go on with the old key, which nobody could open then:"
                " try again when it has ended, or leave out --drop-old"
            )
        if vault.has_file:
            vault.add_key()
        elif len(vault.key_names) < 2:
            raise UsageError(
                "the key is in the variable CRAWL_KEY: put a new one, as `openssl rand -base64 32` prints it, before"
                " the old one there, with a comma between them, and run this again; then drop the old one"
            )
        resealed, lost = database.reseal()
    finally:
        database.close()
    say(f"{resealed:,} secrets are encrypted with the new key {vault.key_names[0]}")
    if drop_old and not vault.has_file:
        tell("crawl: the old keys are in the variable CRAWL_KEY: take them out there")
        drop_old = False
    if lost:
        tell(f"crawl: {lost:,} secrets could not be read with the old keys either: those sessions log in again")
    if drop_old:
        say(f"forgot {vault.drop_old_keys():,} old keys")


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*, the group ``sessions``."""
    app.command("import")(import_)
    app.command()(export)
    app.command()(rekey)
