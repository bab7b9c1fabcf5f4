"""`crawl sessions import`, `export`, `rekey`: sessions to and from other programs, and under a new key."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urljoin

import typer

from crawler.cli import options
from crawler.cli.sessions import SessionName
from crawler.cli.spider_session import SpiderSession, as_text, keep
from crawler.cli.status_commands import require_store, stored
from crawler.cli.text import safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.sessions.formats.exchange import Imported
    from crawler.stores.base import SessionRow, Store


def import_(
    spider: Annotated[str, typer.Argument(metavar="NAME", help="The spider whose session it becomes.")],
    source: Annotated[
        str | None, typer.Argument(metavar="FILE", help="File with cookies; standard input otherwise.")
    ] = None,
    session: Annotated[str | None, typer.Option("--session", help="Name of the session; the first otherwise.")] = None,
    browser: Annotated[
        str | None,
        typer.Option(
            "--from-browser",
            metavar="BROWSER[:PROFILE]",
            help="firefox, chromium, chrome, edge, brave and others on this machine, instead of a file.",
        ),
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option("--site", help="With --from-browser: whose cookies to take; the spider's own sites otherwise."),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="json, storage-state, cookies.txt, curl or har; detected otherwise.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="A page of the site, if the file does not name one.")] = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
) -> None:
    """Take cookies from a browser or another machine. Also from a pasted `curl` command; the next run proves them."""
    if browser is not None and source is not None:
        raise UsageError(f"give either the file {source} or --from-browser {browser}, not both")
    if site and browser is None:
        raise UsageError("--site goes with --from-browser: a file itself says whose cookies it holds")
    mine = SpiderSession.find(spider, session, options.typed_settings(set_, store=store))
    if browser is not None:
        keep(mine, _of_browser(mine, browser, site or []), browser)
    else:
        keep(mine, _of_file(source or "-", form, url or mine.start_url), source or "standard input")


def _of_file(source: str, form: str | None, url: str | None) -> Imported:
    from crawler.sessions.formats import exchange
    from crawler.sessions.formats.reading import decoded

    data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    return exchange.read(
        decoded(data, "standard input" if source == "-" else source), now=time.time(), form=form, url=url
    )


def _of_browser(mine: SpiderSession, browser: str, typed: list[str]) -> Imported:
    from crawler.sessions.formats import exchange
    from crawler.sessions.formats.from_browser import BrowserProfile, read_browser
    from crawler.urls import host_of, site_of

    pages = [*mine.spider.start_urls, mine.spider.login_url or ""]
    sites = [each.lower().strip(".") for each in typed] or [site_of(host_of(url)) for url in pages if url]
    if not sites:
        raise UsageError(f"{mine.spider.name} has no start_urls: say whose cookies are meant with --site shop.example")
    found = read_browser(BrowserProfile.of(browser), list(dict.fromkeys(sites)))
    imported = exchange.read(json.dumps({"cookies": found.cookies}), now=time.time(), form="json")
    return replace(imported, left_out=(*found.left_out, *imported.left_out))


def export(
    session: SessionName,
    form: Annotated[str, typer.Option("--format", help="curl, cookies.txt, storage-state or json.")] = "json",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="File; - for standard output.")] = "-",
    url: Annotated[str | None, typer.Option("--url", help="For curl: what to fetch.")] = None,
    spider: Annotated[
        str | None, typer.Option("--spider", metavar="NAME", help="The spider whose session it is.")
    ] = None,
    store: options.StorePath = None,
) -> None:
    """Write a session for other programs. Whoever has the file is logged in: its mode is 0600."""
    from crawler.output.snapshots import choose
    from crawler.sessions.formats import exchange

    typed = options.typed_settings(None, store=store)
    wanted = session if spider is None else SpiderSession.find(spider, session, typed).key
    with stored(typed) as source:
        row = choose(source.sessions.all(), wanted)
    text = as_text(row, form, url or (_page_of(row) if form == "curl" else None))
    if output == "-":
        say(text.rstrip("\n"))
    else:
        exchange.write_private(output, text)
        tell(f"crawl: {safe(row.key)} to {output}, which logs in whoever reads it")


def _page_of(row: SessionRow) -> str | None:
    """A page of the session's site, as a spider of the project names it: no cookie knows scheme and port."""
    from crawler.loading import load_spiders
    from crawler.output.snapshots import contents
    from crawler.sessions.accounts_file import account_place

    if contents(row.secret).get("login_urls"):
        return None
    urls = (url for spider in load_spiders()[0].values() for url in (*spider.start_urls, spider.login_url or "") if url)
    found = next((url for url in urls if account_place(url) == row.key.partition("|")[0]), None)
    return found and urljoin(found, "/")


def rekey(
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Forget the old keys: other projects of yours may still need them.")
    ] = False,
    store: options.StorePath = None,
) -> None:
    """Encrypt all stored secrets with a new key. With CRAWL_KEY, the first of its keys is taken as the new one."""
    from crawler.sessions.vault import Vault
    from crawler.stores import open_store

    settings = options.settings_of(None, options.typed_settings(None, store=store))
    require_store(settings)
    vault = Vault.load()
    database: Store = open_store(settings.store, cipher=vault, busy_timeout_s=settings.busy_timeout, create=False)
    try:
        going = {
            each.spider for each in database.runs.last() if each.ended_at is None and database.runs.running(each.spider)
        }
        if going and drop_old:
            raise UsageError(
                f"{', '.join(sorted(going))} is running and would go on with the old key, which would be forgotten:"
                " try again when it has ended, or leave out --drop-old"
            )
        if vault.has_file:
            vault.add_key()
        elif len(vault.key_names) < 2:
            raise UsageError(
                "the key is in the variable CRAWL_KEY: put a new one, as `openssl rand -base64 32` prints it, before"
                " the old one there, with a comma between them, and run this again; then drop the old one"
            )
        resealed, lost = database.care.reseal()
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
