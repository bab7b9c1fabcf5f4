"""`crawl sessions ...`: look at stored sessions, restore old states, remove them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import options
from crawler.cli.status_commands import login_waits, stored
from crawler.cli.text import columns, duration, local_time, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.output.snapshots import Judged
    from crawler.stores.base import SessionRow, Snapshot

app = typer.Typer(no_args_is_help=True, help="Look at stored sessions, move them, restore or remove them.")

_GOOD = ("good", "ending")  # a session lives, whatever became of a login after it
_REFUSED = "the site refused its credentials: a run sends them no more"

SessionName = Annotated[
    str, typer.Argument(metavar="SESSION", help="A session: its name, account or site, or its key where these repeat.")
]


@app.command("list")
def list_(store: options.StorePath = None, as_json: options.AsJson = False) -> None:
    """List all sessions with health, age, last proof and expected end."""
    from crawler.output.live import waiting_logins
    from crawler.output.snapshots import judge
    from crawler.stores.session_desk import PROXIES

    with stored(options.typed_settings(None, store=store)) as source:
        now = source.now()
        found = [(row, judge(row, source.logins.lives(row.key), now)) for row in source.sessions.all()]
        proxies = {row.key: source.values.get(PROXIES + row.key) for row, _ in found}
        resting = source.quotas.resting([row.key for row, _ in found])
        refused = {row.key: source.logins.refused_until(row.key) for row, judged in found if judged.health not in _GOOD}
        waits = {each.key: each for sessions in waiting_logins(source).values() for each in sessions}
    if as_json:
        for row, judged in found:
            until, why = resting.get(row.key, (None, ""))
            rests = {"rests_until": until, "rests_since": why}
            waiting = waits.get(row.key)
            login = {"login_waits_until": waiting.waits_until, "login_waits_for": waiting.why} if waiting else {}
            say(json.dumps({**_as_dict(row, judged), **rests, **login, "refused_until": refused.get(row.key) or None}))
        return
    for line in columns(
        [
            (
                row.name,
                row.key,
                ("refused" if refused.get(row.key) else judged.health)
                + (f", {_rests(resting[row.key][0], now)}" if row.key in resting else ""),
                f"{row.epoch:,}",
                f"{row.cookies:,}",
                _begun(row, _ago(row.logged_in_at, now)),
                _ago(row.proved_at, now),
                _end(judged, now),
            )
            for row, judged in found
        ],
        ("session", "key", "health", "login", "cookies", "logged in", "last proof", "expected end"),
    ):
        say(line)
    for row, _ in found:
        for line in _proxy_lines(row.name, proxies.get(row.key) or {}, now):
            say(line)
    for row, _ in found:
        if until := refused.get(row.key):
            say(f"{safe(row.name)}: {_REFUSED}, and tries them again after {local_time(until)}; changed ones at once")
    for session in waits.values():
        say(f"{safe(session.name)}: {login_waits(session)}")
    if not found and not waits:
        tell("crawl: no session is stored yet; `crawl login NAME` or a run makes one")


def _proxy_lines(session: str, health: dict[str, Any], now: float) -> list[str]:
    """Which of its proxies are resting, for a session that has several."""
    return [
        f"{session}: proxy {place} {_rests(each['resting_until'], now)} ({each['why']})"
        for place, each in health.items()
        if each["resting_until"] > now
    ]


def _rests(until: float, now: float) -> str:
    return f"rests for {duration(max(0.0, until - now))}, until {local_time(until)}"


def _as_dict(row: SessionRow, judged: Judged) -> dict[str, object]:
    fields = ("key", "name", "state", "epoch", "cookies", "saved_at", "proved_at", "logged_in_at", "expires_at")
    return {
        **{field: getattr(row, field) for field in fields},
        "health": judged.health,
        "ends_at": judged.ends_at,
        "why": judged.why,
    }


def _begun(row: SessionRow, logged_in: str) -> str:
    """When it was logged in; an imported session was not, here."""
    return "imported" if row.logged_in_at is None and row.epoch else logged_in


def _ago(moment: float | None, now: float) -> str:
    return "-" if moment is None else f"{duration(max(0.0, now - moment))} ago"


def _end(judged: Judged, now: float) -> str:
    if judged.ends_at is None:
        return f"- ({judged.why})"
    left_s = judged.ends_at - now
    when = f"in {duration(left_s)}" if left_s > 0 else f"{duration(-left_s)} ago"
    return f"{when} ({judged.why})"


@app.command()
def show(session: SessionName, store: options.StorePath = None) -> None:
    """Show one session, its cookies and its browser's storage without their values."""
    from crawler.output.snapshots import choose, contents, cookie_lines, judge, storage_lines
    from crawler.sessions.auth.schemes import kind_of

    with stored(options.typed_settings(None, store=store)) as source:
        row, now = choose(source.sessions.all(), session), source.now()
        judged = judge(row, source.logins.lives(row.key), now)
    for line in columns(
        [
            ("session", row.name),
            ("key", row.key),
            ("state", f"{row.state}, {judged.health}"),
            ("logged in", f"{_begun(row, local_time(row.logged_in_at))}, login number {row.epoch:,}"),
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
    if storage := storage_lines(row.secret):
        say()
        for line in columns(storage, ("storage of", "place", "names")):
            say(line)
    headers = contents(row.secret).get("headers")
    if isinstance(headers, dict) and headers:
        say()
        say(f"headers: {safe(', '.join(headers))}")
    if kind := kind_of(contents(row.secret).get("auth")):
        say(f"auth: {kind}")


@app.command()
def clear(
    session: Annotated[str | None, typer.Argument(metavar="[SESSION]", help="A session, as in `show`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All sessions.")] = False,
    store: options.StorePath = None,
) -> None:
    """Remove a session with its history. Even the raw file no longer holds it; the next run logs in again."""
    from crawler.output.snapshots import choose

    if (session is None) == (not everything):
        raise UsageError("name a session, or give --all")
    with stored(options.typed_settings(None, store=store), reading=False) as source:
        rows = source.sessions.all()
        for row in rows if session is None else [choose(rows, session)]:
            source.sessions.clear(row.key)
            say(f"removed {safe(row.key)}")


@app.command()
def history(session: SessionName, store: options.StorePath = None) -> None:
    """List the changes of a session's cookies. Newest first; their numbers are for `diff` and `restore`."""
    from crawler.output.snapshots import choose

    with stored(options.typed_settings(None, store=store)) as source:
        found = source.sessions.history(choose(source.sessions.all(), session).key)
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
    """Show what differs between two changes. Cookies and headers by name, never a value."""
    from crawler.output.snapshots import changes

    with stored(options.typed_settings(None, store=store)) as source:
        lines = changes(source.sessions.secret_of(before), source.sessions.secret_of(after))
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
    """Bring an old state of a session back. The next run proves it and logs in only if it is no longer good."""
    from crawler.output.snapshots import brought_back, choose

    with stored(options.typed_settings(None, store=store), reading=False) as source:
        row = choose(source.sessions.all(), session)
        old = snapshot_at(source.sessions.history(row.key), at)
        secret = source.sessions.secret_of(old.id)
        source.sessions.save(brought_back(row, secret, url=f"restore of {old.id}"), run=None)
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
