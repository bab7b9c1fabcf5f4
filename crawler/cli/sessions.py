"""`crawl sessions ...`: look at stored sessions, move them, bring old ones back, remove them."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

import typer

from crawler.cli import options
from crawler.cli.results import stored
from crawler.cli.text import columns, duration, local_time, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.output.snapshots import Forecast
    from crawler.stores.base import SessionRow, Snapshot, Store

app = typer.Typer(no_args_is_help=True, help="Look at stored sessions, move them, bring old ones back, remove them.")

SessionName = Annotated[
    str, typer.Argument(metavar="SESSION", help="A session: its name, account or site, or its key where these repeat.")
]


@app.command("list")
def list_(store: options.StorePath = None, as_json: options.AsJson = False) -> None:
    """List all sessions with health, age, last proof and expected end."""
    from crawler.output.snapshots import forecast

    with stored(options.typed_settings(None, store=store)) as source:
        now = source.now()
        found = [(row, forecast(row, source.login_lives(row.key), now)) for row in source.list_sessions()]
    if as_json:
        for row, judged in found:
            say(json.dumps(_as_dict(row, judged)))
        return
    for line in columns(
        [
            (
                row.name,
                row.key,
                judged.health,
                f"{row.epoch:,}",
                f"{row.cookies:,}",
                _ago(row.logged_in_at, now),
                _ago(row.proved_at, now),
                _end(judged, now),
            )
            for row, judged in found
        ],
        ("session", "key", "health", "logins", "cookies", "logged in", "last proof", "expected end"),
    ):
        say(line)
    if not found:
        tell("crawl: no session is stored yet; `crawl login NAME` or a run makes one")


def _as_dict(row: SessionRow, judged: Forecast) -> dict[str, object]:
    fields = ("key", "name", "state", "epoch", "cookies", "saved_at", "proved_at", "logged_in_at", "expires_at")
    return {
        **{field: getattr(row, field) for field in fields},
        "health": judged.health,
        "ends_at": judged.ends_at,
        "because": judged.because,
    }


def _ago(moment: float | None, now: float) -> str:
    return "-" if moment is None else f"{duration(max(0.0, now - moment))} ago"


def _end(judged: Forecast, now: float) -> str:
    if judged.ends_at is None:
        return "-"
    left_s = judged.ends_at - now
    when = f"in {duration(left_s)}" if left_s > 0 else f"{duration(-left_s)} ago"
    return f"{when} (by {judged.because})"


@app.command()
def show(session: SessionName, store: options.StorePath = None) -> None:
    """Show one session: its state, and its cookies without their values."""
    from crawler.output.snapshots import choose, contents, cookie_lines, forecast

    with stored(options.typed_settings(None, store=store)) as source:
        row, now = choose(source.list_sessions(), session), source.now()
        judged = forecast(row, source.login_lives(row.key), now)
    for line in columns(
        [
            ("session", row.name),
            ("key", row.key),
            ("state", f"{row.state}, {judged.health}"),
            ("logged in", f"{local_time(row.logged_in_at)}, login number {row.epoch:,}"),
            ("last proof", local_time(row.proved_at)),
            ("expected end", _end(judged, now)),
            ("saved", f"{local_time(row.saved_at)}, version {row.version:,}"),
        ]
    ):
        say(line)
    if not row.readable:
        tell("crawl: its cookies cannot be read with the keys at hand; the next run logs in again")
        return
    say()
    for line in columns(
        [
            (name, domain, path, local_time(expires) if expires is not None else "with the session", flags)
            for name, domain, path, expires, flags in cookie_lines(row.secret)
        ],
        ("cookie", "domain", "path", "expires", "flags"),
    ):
        say(line)
    headers = contents(row.secret).get("headers")
    if isinstance(headers, dict) and headers:
        say()
        say(f"headers: {safe(', '.join(headers))}")


@app.command()
def clear(
    session: Annotated[str | None, typer.Argument(metavar="[SESSION]", help="A session, as in `show`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All sessions.")] = False,
    store: options.StorePath = None,
) -> None:
    """Remove a session with its history, so that not even the raw file holds it. The next run logs in anew."""
    from crawler.output.snapshots import choose

    if (session is None) == (not everything):
        raise UsageError("name a session, or give --all")
    with stored(options.typed_settings(None, store=store)) as source:
        rows = source.list_sessions()
        for row in rows if session is None else [choose(rows, session)]:
            source.clear_session(row.key)
            say(f"removed {safe(row.key)}")


@app.command()
def history(session: SessionName, store: options.StorePath = None) -> None:
    """List the changes of a session's cookies, newest first; their numbers are for `diff` and `restore`."""
    from crawler.output.snapshots import choose

    with stored(options.typed_settings(None, store=store)) as source:
        found = source.session_history(choose(source.list_sessions(), session).key)
    for line in columns(
        [
            (str(each.id), local_time(each.at), each.url, str(each.run or "-"), f"{each.epoch:,}", f"{each.cookies:,}")
            for each in found
        ],
        ("change", "at", "by", "run", "login", "cookies"),
    ):
        say(line)


@app.command()
def diff(
    before: Annotated[int, typer.Argument(metavar="A", help="Number of a change, from `history`.")],
    after: Annotated[int, typer.Argument(metavar="B", help="Number of another one.")],
    store: options.StorePath = None,
) -> None:
    """Show what changed between two changes of a session: cookies and headers by name, never a value."""
    from crawler.output.snapshots import changes

    with stored(options.typed_settings(None, store=store)) as source:
        lines = changes(source.snapshot_secret(before), source.snapshot_secret(after))
    for line in lines:
        say(safe(line))
    if not lines:
        tell("crawl: no difference")


@app.command()
def restore(
    session: SessionName,
    at: Annotated[str, typer.Option("--at", metavar="N|TIME", help="Number of a change, or a moment as in `history`.")],
    store: options.StorePath = None,
) -> None:
    """Bring an old state of a session back; the next run proves it and logs in only if it is no longer good."""
    from crawler.output.snapshots import brought_back, choose

    with stored(options.typed_settings(None, store=store)) as source:
        row = choose(source.list_sessions(), session)
        old = snapshot_at(source.session_history(row.key), at)
        secret = source.snapshot_secret(old.id)
        source.save_session(brought_back(row, secret, url=f"restore of {old.id}"), run=None)
    say(f"{safe(row.key)} is as it was {local_time(old.at)}; the next run proves it")


def snapshot_at(history: list[Snapshot], at: str) -> Snapshot:
    """The entry of that number, or the last one up to a moment ``2026-11-23 03:00:10`` (seconds may be left out).

    Raises:
        UsageError: There is none.
    """
    if at.isdecimal():
        found = next((each for each in history if each.id == int(at)), None)
    else:
        moment = _moment(at)
        found = next((each for each in history if each.at < moment), None)
    if found is None:
        raise UsageError(f"no change {at!r} of this session; `crawl sessions history` lists them")
    return found


def _moment(text: str) -> float:
    """The end of the second, minute or day that *text* names, in local time, as seconds since 1970."""
    for form, length_s in (("%Y-%m-%d %H:%M:%S", 1), ("%Y-%m-%d %H:%M", 60), ("%Y-%m-%d", 86_400)):
        try:
            return time.mktime(time.strptime(text.replace("T", " "), form)) + length_s
        except ValueError:
            continue
    raise UsageError(f"--at {text!r}: give the number of a change, or a moment such as '2026-11-23 03:00'")


@app.command("import")
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
    """Take cookies from a browser, another machine or a pasted `curl` command; the next run proves them."""
    from crawler.sessions import exchange

    typed = options.typed_settings(set_, store=store)
    found = options.find(spider)
    settings = options.settings_of(found, typed)
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    start = found.start_urls[0] if found.start_urls else None
    imported = exchange.read(text, now=time.time(), form=form, url=url or start)
    for why in imported.left_out:
        tell(f"crawl: left out: {safe(why)}")
    if not imported.cookies and not imported.headers:
        raise UsageError(f"{source}: no cookie that can be used")
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
        secret = json.dumps({"cookies": imported.cookies, "headers": headers}, ensure_ascii=False)
        epoch = (row.epoch if row is not None else 0) + 1
        database.save_session(unproven(key, name, secret, epoch=epoch, url="import"), run=None)
    finally:
        database.close()
    say(f"{safe(key)} has {len(imported.cookies):,} cookies now; the next run proves them")


@app.command()
def export(
    session: SessionName,
    form: Annotated[str, typer.Option("--format", help="curl, cookies.txt, storage-state or json.")] = "json",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="File; - for standard output.")] = "-",
    url: Annotated[str | None, typer.Option("--url", help="For curl: what to fetch.")] = None,
    store: options.StorePath = None,
) -> None:
    """Write a session in a form that other programs read. Whoever has the file is logged in: its mode is 0600."""
    from crawler.output.snapshots import choose, contents, cookies_of
    from crawler.sessions import exchange

    with stored(options.typed_settings(None, store=store)) as source:
        row = choose(source.list_sessions(), session)
    if not row.readable:
        raise UsageError(f"session {row.key!r} cannot be read with the keys at hand")
    headers = dict(contents(row.secret).get("headers") or {})
    agent = next((value for name, value in headers.items() if name.lower() == "user-agent"), None)
    own = {name: value for name, value in headers.items() if not _OF_THE_CONNECTION.match(name)}
    text = exchange.write(cookies_of(row.secret), form, url=url, user_agent=agent, headers=own)
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


@app.command()
def rekey(
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Forget the old keys: other projects of yours may still need them.")
    ] = False,
    store: options.StorePath = None,
) -> None:
    """Make a new key and encrypt all stored secrets of this project with it."""
    from crawler.cli.results import require_store
    from crawler.sessions.vault import Vault
    from crawler.stores import open_store

    settings = options.settings_of(None, options.typed_settings(None, store=store))
    require_store(settings)
    vault = Vault.load()
    vault.add_key()
    database: Store = open_store(settings.store, cipher=vault, busy_timeout_s=settings.busy_timeout, create=False)
    try:
        if not isinstance(database, Reseals):
            raise UsageError(f"{settings.store}: this kind of store cannot encrypt its secrets anew")
        resealed, lost = database.reseal()
    finally:
        database.close()
    say(f"{resealed:,} secrets are encrypted with the new key {vault.key_names[0]}")
    if lost:
        tell(f"crawl: {lost:,} secrets could not be read with the old keys either: those sessions log in again")
    if drop_old:
        say(f"forgot {vault.drop_old_keys():,} old keys")
