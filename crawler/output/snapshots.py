"""Stored sessions as shown to a person: which one is meant, how healthy it is, what changed, and restoring an old one.

Pure: rows and texts in, values out. No function returns the value of a cookie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from crawler.errors import UsageError
from crawler.outcome import SessionSnapshot
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.accounts_file import site_of_place
from crawler.sessions.auth.tokens import token_end
from crawler.sessions.login.forecast import forecast
from crawler.sessions.storage import Storage
from crawler.stores.base import SessionRow


def choose(rows: Sequence[SessionRow], wanted: str) -> SessionRow:
    """The session that *wanted* names: by its key, else by its name, account or site, if only one fits.

    Raises:
        UsageError: None fits, or several do; the message lists them.
    """
    exact = [row for row in rows if row.key == wanted]
    found = exact or [row for row in rows if wanted in (row.name, *row.key.split("|"), site_of_key(row.key))]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{len(found)} sessions are called {wanted!r}: {_listed(found)}; name one by its key, in quotes"
        )
    if not rows:
        raise UsageError("no session is stored yet; `crawl login NAME` or a run makes one")
    raise UsageError(f"no session {wanted!r}; there are: {_listed(rows)}")


def site_of_key(key: str) -> str:
    """The site of a stored session, without the port."""
    return site_of_place(key.partition("|")[0])


def _listed(rows: Sequence[SessionRow]) -> str:
    return ", ".join(repr(row.key) for row in rows)


@quick_dataclass
class Judged:
    """What is to be expected of a session.

    Attributes:
        health: "good", "ending", "over", "unproven", "waits for a person", "refused", "unreadable", or "no login" for
            the session of a guest.
        ends_at: When it is expected to end, seconds since 1970, or None when nothing indicates it.
        why: What indicates it.
    """

    health: str
    ends_at: float | None
    why: str


def judge(row: SessionRow, lives_s: Sequence[float], now: float) -> Judged:
    """Judge a session by its state, its cookies, and how long its past logins lived.

    Args:
        lives_s: Seconds that past logins lived.
        now: Seconds since 1970.
    """
    if not row.readable:
        return Judged("unreadable", None, "no key at hand opens it")
    expiries = [_moment(record) for record in cookies_of(row.secret)]
    inside = contents(row.secret)
    headers = inside.get("headers")
    storage = Storage()
    storage.load(inside.get("storage"))
    ends = token_end(inside.get("auth"), headers if isinstance(headers, dict) else {}, storage)
    expected = forecast(expiries, lives_s, logged_in_at=row.logged_in_at, now=now, token_end=ends)
    if row.state in _WORDS and (expected.expected_end or 0.0) > now:  # it did not live that long
        return Judged(_health(row, expected.health), None, "it was found logged out")
    return Judged(_health(row, expected.health), expected.expected_end, expected.why)


_WORDS = {"parked": "waits for a person", "refused": "refused", "expired": "over"}


def _health(row: SessionRow, expected: str) -> str:
    if row.state in _WORDS:
        return _WORDS[row.state]
    if row.epoch == 0 and row.proved_at is None:
        return "no login"
    if expected == "over" or row.proved_at is not None:
        return "good" if expected == "unknown" else expected  # proved: good as far as is known
    return "unproven"


def contents(secret: str) -> dict[str, Any]:
    """The secret part of a session as a dict; empty for a text that is not valid."""
    try:
        found = json.loads(secret)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def cookies_of(secret: str) -> list[dict[str, Any]]:
    """The cookie records of a session's secret part."""
    found = contents(secret).get("cookies")
    return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []


def _moment(record: Mapping[str, Any]) -> float | None:
    found = record.get("expires")
    return float(found) if isinstance(found, int | float) else None


def cookie_lines(secret: str) -> list[tuple[str, str, str, float | None, str]]:
    """Name, domain, path, expiry (seconds since 1970; None: with the session) and flags of each cookie; no values."""
    return [
        (
            str(record.get("name", "")),
            ("" if record.get("host_only") else ".") + str(record.get("domain", "")),
            str(record.get("path", "/")),
            _moment(record),
            ",".join(_flags(record)),
        )
        for record in sorted(cookies_of(secret), key=_place)
    ]


def storage_lines(secret: str) -> list[tuple[str, str, str]]:
    """Origin, place and names of what a site's scripts keep in a browser; no values."""
    lines = []
    for origin, kept in sorted(_as_dict(contents(secret).get("storage")).items()):
        kept = _as_dict(kept)
        databases = kept.get("databases")
        stores = [
            f"{database.get('name')}/{store.get('name')}"
            for database in (databases if isinstance(databases, list) else ())
            for store in database.get("stores") or ()
        ]
        places = {"localStorage": kept.get("local"), "sessionStorage": kept.get("session")}
        lines += [(origin, place, ", ".join(sorted(_as_dict(names)))) for place, names in places.items() if names]
        lines += [(origin, "IndexedDB", ", ".join(stores))] if stores else []
    return lines


def _flags(record: Mapping[str, Any]) -> list[str]:
    flags = [name for name in ("secure", "http_only") if record.get(name)]
    return flags + ([f"same_site={record['same_site']}"] if record.get("same_site") else [])


def _place(record: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(record.get(name, "")) for name in ("domain", "path", "name", "host_only"))


_TIMES = ("created", "last_used")  # they change with every answer and say nothing


def changes(before: str, after: str) -> list[str]:
    """What differs between two secret parts: one line each, values never shown."""
    old = {_place(record): record for record in cookies_of(before)}
    new = {_place(record): record for record in cookies_of(after)}
    lines = [f"- cookie {_named(old[place])}" for place in sorted(old.keys() - new.keys())]
    lines += [f"+ cookie {_named(new[place])}" for place in sorted(new.keys() - old.keys())]
    for place in sorted(old.keys() & new.keys()):
        fields = {*old[place], *new[place]} - {*_TIMES}
        moved = sorted(name for name in fields if old[place].get(name) != new[place].get(name))
        if moved:
            lines.append(f"~ cookie {_named(new[place])}: {', '.join(moved)}")
    old_rest, new_rest = contents(before), contents(after)
    lines += _storage_changes(_as_dict(old_rest.get("storage")), _as_dict(new_rest.get("storage")))
    for name in sorted({*old_rest, *new_rest} - {"cookies", "storage"}):
        if old_rest.get(name) != new_rest.get(name):
            lines.append(f"~ {name}{_changed_names(old_rest.get(name), new_rest.get(name))}")
    return lines


def _storage_changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    lines = []
    for origin in sorted({*before, *after}):
        old, new = _as_dict(before.get(origin)), _as_dict(after.get(origin))
        names = [
            name
            for part in ("local", "session")
            for name in sorted({*_as_dict(old.get(part)), *_as_dict(new.get(part))})
            if _as_dict(old.get(part)).get(name) != _as_dict(new.get(part)).get(name)
        ]
        names += ["its databases"] if (old.get("databases") or []) != (new.get("databases") or []) else []
        if names:
            lines.append(f"~ storage of {origin}: {', '.join(names)}")
    return lines


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _named(record: Mapping[str, Any]) -> str:
    return f"{record.get('name', '')} of {record.get('domain', '')}{record.get('path', '/')}"


def _changed_names(before: Any, after: Any) -> str:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return f": {', '.join(names)}"


def brought_back(row: SessionRow, secret: str, *, url: str) -> SessionSnapshot:
    """The stored session with other contents, to be saved: a probe proves it before the next request of a run.

    Args:
        secret: The contents, from the history or from an import.
        url: Where they come from, for the history: "restore of 12", "import".
    """
    return unproven(row.key, row.name, secret, epoch=row.epoch + 1, url=url, logged_in_at=row.logged_in_at)


def unproven(
    key: str, name: str, secret: str, *, epoch: int, url: str, logged_in_at: float | None = None
) -> SessionSnapshot:
    """A session to be saved that has not been proved yet. A higher *epoch* makes running processes adopt it."""
    records = cookies_of(secret)
    expiries = [moment for moment in map(_moment, records) if moment is not None]
    return SessionSnapshot(
        key=key,
        name=name,
        state="unproven",
        epoch=epoch,
        secret=secret,
        url=url,
        cookies=len(records),
        expires_at=min(expiries, default=None),
        proved_at=None,
        logged_in_at=logged_in_at,
    )
