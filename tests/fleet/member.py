"""The ``crawl`` command that writes down what it asks of the store, and what it is told: a line of JSON for each.

``python -m tests.fleet.member WORDS...``; the variables FLEET_LOG and FLEET_NAME say where to, and by what name
database and site know it. A line is in the file before the next thing is done, whatever kills the process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Any

import psycopg
import requests

from crawler.cli import command
from crawler.engine import application
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.outcome import Leased, Outcome
from crawler.settings import Settings
from crawler.stores.base import Committed, LeaseTerms, LoginClaim, RunRow

MARK = "x-member"  #: the header that tells the site who sends


class Log:
    """One file, to whose end each line goes in one write."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, kind: str, *what: Any) -> None:
        os.write(self._file, json.dumps([time.time(), kind, *what]).encode() + b"\n")


class _Told:
    """Hands everything on to a part of the store."""

    def __init__(self, part: Any, log: Log) -> None:
        self._part, self._log = part, log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


class _Leases(_Told):
    def lease(self, frontier: int, *, owner: str, terms: LeaseTerms) -> list[Leased]:
        leased: list[Leased] = self._part.lease(frontier, owner=owner, terms=terms)
        if leased:
            self._log("claimed", [(each.id, each.token, each.until, each.url) for each in leased])
        return leased

    def renew(self, frontier: int, *, owner: str, lease_s: float) -> int:
        before = time.time()
        held: int = self._part.renew(frontier, owner=owner, lease_s=lease_s)
        self._log("renewed", before + lease_s)
        return held


class _Logins(_Told):
    def claim(self, key: str, **terms: Any) -> LoginClaim:
        claim: LoginClaim = self._part.claim(key, **terms)
        if claim.granted:
            self._log("login", key, claim.token)
        return claim

    def end(self, key: str, *, token: int, **given: Any) -> bool:
        kept: bool = self._part.end(key, token=token, **given)
        self._log("logged in", key, token, given["ended"].outcome, kept)
        return kept


class LoggedStore(_Told):
    """A store whose leases, commits and logins are written down."""

    def __init__(self, store: Any, log: Log) -> None:
        super().__init__(store, log)
        self.leases, self.logins = _Leases(store.leases, log), _Logins(store.logins, log)

    def commit(self, run: RunRow, owner: str, outcomes: Sequence[Outcome]) -> Committed:
        pages = [(each.request.id, each.request.token, each.verdict.value) for each in outcomes]
        self._log("commits", pages)
        committed: Committed = self._part.commit(run, owner, outcomes)
        if outcomes:
            self._log("committed", pages, sorted(committed.lost), sorted(committed.outdated))
        return committed


def main() -> None:
    """Be `crawl`."""
    name, log = os.environ["FLEET_NAME"], Log(os.environ["FLEET_LOG"])
    connect, opened = psycopg.Connection.connect.__func__, application.open_project_store

    def named(kind: type[Any], *given: Any, **more: Any) -> Any:
        return connect(kind, *given, **(more | {"application_name": name}))

    def opening(settings: Settings, **more: Any) -> Any:
        return LoggedStore(opened(settings, **more), log)

    def marked(sends: Any) -> Any:
        def send(*given: Any, **more: Any) -> Any:
            next(each for each in given if isinstance(each, requests.PreparedRequest)).headers[MARK] = name
            return sends(*given, **more)

        return send

    for method in ("send", "begin"):
        setattr(CurlAdapter, method, marked(getattr(CurlAdapter, method)))
    psycopg.Connection.connect = classmethod(named)  # type: ignore[method-assign]
    application.open_project_store = opening
    command()


if __name__ == "__main__":
    main()
