"""Two processes have changed one session: what becomes of both changes. Pure.

A process does not write its session over the stored one: it brings what it has changed since it was last in step with
the store, and that is laid over what the others have stored meanwhile. Without this the last writer would win, and the
cookie that another process was given a moment before would be lost.

- A cookie that one side has set or changed stays, whatever the other side did with it: where one deleted it and the
  other one changed it, it is kept, since a cookie too many costs less than a session.
- A cookie that both have changed is as the last writer has it: nobody knows which answer came later.
- Headers, params, the note and the like are joined entry by entry by the same rules. An auth is never made of two
  halves: a renewed token belongs to the refresh token that came with it.
- When a cookie was last sent says nothing about it: that is no change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from crawler.quick_dataclass import quick_dataclass

_BY_ENTRY: Final = ("headers", "params", "note", "given", "storage")
_BOUND_TO: Final = ("proxies", "fitted")  # cookies made through one proxy or adapter are not for another one
_SETS: Final = ("login_urls", "login_forms", "member_forms")
_ABSENT: Final = object()
_Key = tuple[Any, ...]


@quick_dataclass
class Merged:
    """A secret that holds the changes of both, with what lists show of it. Its repr shows nothing.

    Attributes:
        secret: As `sessions.snapshot.take` makes it.
        cookies: How many there are.
        expires_at: When the first of them ends, seconds since 1970, or None.
    """

    secret: str
    cookies: int
    expires_at: float | None

    def __repr__(self) -> str:
        return f"<Merged: {self.cookies} cookies>"


def merge(base: str, mine: str, theirs: str) -> Merged | None:
    """What has changed from *base* to *mine*, laid over *theirs*; all of them secrets as JSON text.

    Args:
        base: What this process was in step with; "" when nothing was stored then.
    Returns:
        None if one of them is not a snapshot, or they went different ways (proxies, adapters): nothing can be joined.
    """
    before, own, others = _read(base or "{}"), _read(mine), _read(theirs)
    if before is None or own is None or others is None:
        return None
    if any(name in own and name in others and own[name] != others[name] for name in _BOUND_TO):
        return None
    joined: dict[str, Any] = {}
    for name in [*others, *(name for name in own if name not in others)]:
        values = before.get(name, _ABSENT), own.get(name, _ABSENT), others.get(name, _ABSENT)
        if name == "cookies":
            joined[name] = _cookies(*values)
            continue
        value = _set(*values) if name in _SETS else _value(*values, entries=name in _BY_ENTRY)
        if value is not _ABSENT:
            joined[name] = value
    cookies = joined.get("cookies", [])
    ends = [cookie["expires"] for cookie in cookies if cookie.get("expires") is not None]
    text = json.dumps(joined, separators=(",", ":"), ensure_ascii=False)
    return Merged(text, len(cookies), min(ends, default=None))


@quick_dataclass
class News:
    """What others have changed in the cookies of a session that this process has not touched.

    Attributes:
        given: Records of cookies to be set.
        gone: Keys of cookies to be removed: domain, name, whether it is for its host only, path.
    """

    given: tuple[dict[str, Any], ...] = ()
    gone: frozenset[_Key] = frozenset()

    def __repr__(self) -> str:
        return f"<News: {len(self.given)} cookies set, {len(self.gone)} gone>"


def news(base: str, mine: str, theirs: str) -> News:
    """What has changed from *base* to *theirs* of the cookies that *mine* has as the base had them."""
    before, own, others = (_by_key((_read(each or "{}") or {}).get("cookies")) for each in (base, mine, theirs))
    untouched = {key for key in own.keys() | others.keys() if key not in own or _same(own[key], before.get(key))}
    return News(
        tuple(each for key, each in others.items() if key in untouched and not _same(each, before.get(key))),
        frozenset(key for key in own if key in untouched and key in before and key not in others),
    )


def with_cookies_of(base: str, theirs: str) -> str:
    """*base* with the cookies of *theirs*: what a process is in step with that has taken them over."""
    joined = {**(_read(base or "{}") or {}), "cookies": (_read(theirs) or {}).get("cookies", [])}
    return json.dumps(joined, separators=(",", ":"), ensure_ascii=False)


def _read(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _value(before: Any, own: Any, others: Any, *, entries: bool) -> Any:
    """The value of both; `_ABSENT` where it is gone."""
    if own in (others, before):
        return others
    if entries and isinstance(own, Mapping) and isinstance(others, Mapping):
        old = before if isinstance(before, Mapping) else {}
        names = [*others, *(name for name in own if name not in others)]
        values = {
            name: _value(old.get(name, _ABSENT), own.get(name, _ABSENT), others.get(name, _ABSENT), entries=True)
            for name in names
        }
        return {name: value for name, value in values.items() if value is not _ABSENT}
    if own is _ABSENT and others != before:
        return others  # one deleted it, the other one changed it
    return own


def _set(before: Any, own: Any, others: Any) -> Any:
    old, mine, theirs = _texts(before), _texts(own), _texts(others)
    return sorted(theirs - (old - mine) | (mine - old))


def _texts(value: Any) -> set[str]:
    return {str(each) for each in value} if isinstance(value, list) else set()


def _cookies(before: Any, own: Any, others: Any) -> list[dict[str, Any]]:
    old, mine, theirs = _by_key(before), _by_key(own), _by_key(others)
    joined = []
    for key, cookie in theirs.items():
        if key in mine:
            changed = not _same(mine[key], old.get(key))
            joined.append(_used_last(mine[key] if changed else cookie, cookie, mine[key]))
        elif key not in old or not _same(cookie, old[key]):
            joined.append(cookie)
    joined += [cookie for key, cookie in mine.items() if key not in theirs and not _same(cookie, old.get(key))]
    return joined


def _by_key(cookies: Any) -> dict[_Key, dict[str, Any]]:
    found = cookies if isinstance(cookies, list) else []
    return {
        (cookie.get("domain"), cookie.get("name"), cookie.get("host_only", True), cookie.get("path", "/")): cookie
        for cookie in found
        if isinstance(cookie, dict)
    }


def _same(cookie: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """Whether two records are of one cookie that nobody has set anew."""
    if other is None:
        return False
    return all(cookie.get(name) == other.get(name) for name in cookie.keys() | other.keys() if name != "last_used")


def _used_last(cookie: dict[str, Any], one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    moments = [each["last_used"] for each in (one, other) if isinstance(each.get("last_used"), (int, float))]
    return {**cookie, "last_used": max(moments)} if moments else cookie
