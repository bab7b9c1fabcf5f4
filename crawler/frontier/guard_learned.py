"""What was learned about links that log out: pages that ended the session each time they were fetched alone.

Bans are kept for later runs, listed and taken back by ``crawl guard``. State of version 1 is not trusted: older
versions banned a page that had only shown the loss of a session, twice.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any, Final

from crawler.errors import InvalidURL
from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass
from crawler.urls import canonical

MAX_LEARNED: Final = 10_000
VERSION: Final = 2

_FOR_ONE_USE: Final = late_pattern(r"token|nonce|csrf|xsrf|sesskey|signature|ticket|(?:^|_)(?:sig|sid)$", re.I)


@quick_dataclass
class Ban:
    """A page that is left alone.

    Attributes:
        key: Its URL without one-time tokens.
        why: How it was found out, in a sentence.
        at: When, seconds since 1970.
        confirmed: A person has said that it is right.
    """

    key: str
    why: str = ""
    at: float = 0.0
    confirmed: bool = False


class LearnedBans:
    """Bans by the key of a URL. Safe from any thread."""

    def __init__(self) -> None:
        self._bans: OrderedDict[str, Ban] = OrderedDict()
        self._lock = threading.Lock()  # guards _bans

    def __bool__(self) -> bool:
        return bool(self._bans)

    def rule(self, url: str) -> str | None:
        """The name of the rule that refuses *url*: "learned", "confirmed" (by a person), or None."""
        if not self._bans:
            return None
        with self._lock:
            ban = self._bans.get(key_of(url))
        return None if ban is None else "confirmed" if ban.confirmed else "learned"

    def ban(self, url: str, why: str = "", at: float = 0.0) -> Ban:
        """Leave *url* alone from now on, whatever one-time tokens it holds."""
        made = Ban(key_of(url), why, at)
        self._keep([made])
        return made

    def entries(self) -> list[Ban]:
        """All bans, the oldest first."""
        with self._lock:
            return list(self._bans.values())

    def forget(self, urls: Iterable[str] | None = None) -> list[Ban]:
        """Take back the bans of *urls*, or all. Returns those taken back."""
        with self._lock:
            keys = list(self._bans) if urls is None else [key_of(url) for url in urls]
            return [ban for key in dict.fromkeys(keys) if (ban := self._bans.pop(key, None)) is not None]

    def confirm(self, urls: Iterable[str] | None = None) -> list[Ban]:
        """A person says that the bans of *urls*, or all, are right. Returns those."""
        with self._lock:
            keys = list(self._bans) if urls is None else [key_of(url) for url in urls]
            confirmed = [replace(self._bans[key], confirmed=True) for key in dict.fromkeys(keys) if key in self._bans]
            self._bans.update((ban.key, ban) for ban in confirmed)
            return confirmed

    def dumps(self) -> str:
        """All of it, as JSON."""
        return json.dumps({"version": VERSION, "bans": [asdict(ban) for ban in self.entries()]})

    def loads(self, state: str) -> int:
        """Add what `dumps` wrote.

        Returns:
            How many bans of an older version were not trusted.
        Raises:
            ValueError: `dumps` did not write it; nothing is added.
        """
        try:
            learned = json.loads(state)
        except RecursionError:
            raise ValueError("nested too deep for the state of a guard") from None
        version = learned.get("version") if isinstance(learned, dict) else None
        if version == 1:
            banned = learned.get("banned")
            return len(banned) if isinstance(banned, list) else 0
        if version != VERSION or not isinstance(learned.get("bans"), list):
            raise ValueError("not the state of a guard, or of a newer version")
        self._keep([_ban(each) for each in learned["bans"]])
        return 0

    def _keep(self, bans: list[Ban]) -> None:
        with self._lock:
            for ban in bans:
                self._bans.setdefault(ban.key, ban)
            while len(self._bans) > MAX_LEARNED:
                self._bans.popitem(last=False)


def _ban(stored: Any) -> Ban:
    try:
        ban = Ban(**stored)
    except TypeError as error:
        raise ValueError(f"the state of the guard is damaged: {error}") from None
    if not isinstance(ban.key, str) or not isinstance(ban.why, str) or type(ban.confirmed) is not bool:
        raise ValueError("the state of the guard is damaged: a ban")
    if type(ban.at) not in (int, float):
        raise ValueError("the state of the guard is damaged: a time")
    return ban


def key_of(url: str) -> str:
    """The key of *url* without one-time tokens: a logout link often holds one.

    Only arguments whose names say so: if all that looks random were left out, two sessions that expired by themselves
    could ban all documents of a site.
    """
    try:
        address, _, query = canonical(url).partition("?")
    except InvalidURL:
        return url
    arguments = []
    for argument in query.split("&") if query else ():
        name = argument.partition("=")[0]
        arguments.append(f"{name}=*" if _FOR_ONE_USE.search(name) else argument)
    return address + ("?" + "&".join(arguments) if arguments else "")


def guard_name(spider: str) -> str:
    """The name under which the store keeps what was learned for a spider."""
    return f"guard:{spider}"
