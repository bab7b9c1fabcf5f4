"""The logs of members, database and site put together as one `History`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from tests.fleet.history import Claim, Commit, History, Login, Sent, Write
from tests.fleet.site import Seen


class Logged(Protocol):
    """A member, of which there is a log."""

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> Path: ...


def history_of(
    members: Iterable[Logged],
    seen: Seen,
    writes: Sequence[Write],
    **also: Any,
) -> History:
    """All that is known of a crawl.

    Args:
        also: What no log says; see `History`.
    """
    claims: list[Claim] = []
    commits: list[Commit] = []
    renewed: dict[str, list[tuple[float, float]]] = {}
    logins: dict[int, Login] = {}
    ids: dict[tuple[str, str], int] = {}
    for member in members:
        who = member.name
        for at, kind, *what in lines(member.log):
            if kind == "claimed":
                claims += [Claim(at, who, request, token, until) for request, token, until, _ in what[0]]
                for request, _, _, url in what[0]:
                    parts = urlsplit(url)
                    ids[parts.hostname or "", parts.path] = request
            elif kind == "renewed":
                renewed.setdefault(who, []).append((at, what[0]))
            elif kind == "committed":
                pages, *refused = what
                not_taken = {request for each in refused for request in each}
                commits += [
                    Commit(at, who, request, token, verdict, request not in not_taken)
                    for request, token, verdict in pages
                ]
            elif kind == "login":
                logins[what[1]] = Login(at, who, what[1])
            elif kind == "logged in":
                _, token, outcome, kept = what
                logins[token] = Login(logins[token].at, who, token, outcome, kept)
    sent = [Sent(each.at_s, each.who, each.host, ids.get((each.host, each.path))) for each in seen.arrivals]
    return History(
        writes=writes,
        claims=claims,
        commits=commits,
        renewed=renewed,
        sent=sent,
        logins=list(logins.values()),
        good_logins=len(seen.logins),
        expired=seen.expired,
        **also,
    )


def lines(path: Path) -> list[Any]:
    """The lines of a log."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
