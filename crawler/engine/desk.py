"""The store for other threads: their calls travel to the scheduler's thread, which alone uses the connection."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from crawler.engine import losses
from crawler.errors import CrawlError, StoreError
from crawler.outcome import SessionSnapshot
from crawler.sessions.desk import LoginEnd
from crawler.sessions.login.states import LoginRecord
from crawler.stores.base import LoginClaim, SessionRow, Store
from crawler.stores.login_policy import Trying

T = TypeVar("T")
_WHY = "login failed:"  #: beginning of the values that say why
_WHY_KEPT_S = 7 * 86_400.0
_WHY_CHARACTERS = 600
_PATIENCE_S = 300.0  #: longest wait for the scheduler: it may itself wait for a locked database


def new_owner(role: str) -> str:
    """A name for what this process claims, of this incarnation alone.

    Two containers have the same process numbers, and a number comes again: the random part is what makes it unique; the
    rest tells a person who reads the database where to look.
    """
    return f"{role}-{socket.gethostname()[:40]}-{os.getpid()}-{uuid.uuid4().hex}"


class Stopped(CrawlError):
    """The crawl is over: nobody answers store calls any more."""


class StoreCalls:
    """Runs functions on the thread that owns the store. Safe from any thread.

    Args:
        post: Puts a call where the owner takes it: ``post(run)``.
        patiently: Makes a call again for a while when the disk is full; on the owner's thread.
    """

    def __init__(
        self,
        store: Store,
        post: Callable[[Callable[[], None]], None],
        *,
        patiently: Callable[[Callable[[], Any]], Any] = lambda call: call(),
    ) -> None:
        self._store, self._post, self._patiently = store, post, patiently
        self._owner = threading.get_ident()
        self._closed = False

    def owned_here(self) -> None:
        """From now on the calling thread owns the store."""
        self._owner = threading.get_ident()

    def close(self) -> None:
        """Refuse further calls from other threads."""
        self._closed = True

    def __call__(self, function: Callable[[Store], T]) -> T:
        """Run ``function(store)`` on the owner's thread and return what it returns (or raise what it raises)."""
        if threading.get_ident() == self._owner:
            return function(self._store)
        if self._closed:
            raise Stopped("the crawl is over")
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(self._patiently(lambda: function(self._store)))
            except BaseException as error:
                answer.set_exception(error)
                if isinstance(error, StoreError) or not isinstance(error, Exception):
                    raise  # a store that fails ends the run, whoever asked it; so does a signal

        self._post(run)
        return answer.result(_PATIENCE_S)


class SessionDesk:
    """What the keepers of sessions need of the store (`sessions.login.keeper.Desk`). Safe from any thread.

    Args:
        trying: Who logs in: the spider, the version of its code and the budget.
    """

    def __init__(self, calls: StoreCalls, *, run: int | None, owner: str, lease_s: float, trying: Trying) -> None:
        self._calls, self._run, self._owner = calls, run, owner
        self._lease_s, self._trying = lease_s, trying
        # Key to the token of our claim; a key has one claim at a time. Set and read by the keeper's thread that logs in
        self._tokens: dict[str, int] = {}

    def load(self, key: str) -> SessionRow | None:
        return self._calls(lambda store: store.load_session(key))

    def save(self, taken: SessionSnapshot) -> SessionRow:
        return self._calls(lambda store: store.save_session(taken, run=self._run))

    def claim(self, key: str, epoch: int, *, credentials: str = "", force: bool = False) -> LoginClaim:
        trying = replace(self._trying, credentials=credentials, force=force)
        claimed = self._calls(
            lambda store: store.claim_login(key, owner=self._owner, epoch=epoch, lease_s=self._lease_s, trying=trying)
        )
        if claimed.granted:
            self._tokens[key] = claimed.token
        return claimed

    def end_login(self, key: str, ended: LoginEnd, taken: SessionSnapshot | None = None) -> bool:
        """Record how a login ended, and keep the session that it made.

        Returns:
            False when it came too late: somebody else has logged in, or logs in now. The session was not stored.
        """
        token = self._tokens.get(key, 0)

        def end(store: Store) -> bool:
            kept = store.end_login(
                key,
                owner=self._owner,
                token=token,
                outcome=ended.outcome,
                snapshot=taken,
                run=self._run,
                credentials=ended.credentials,
                asked_s=ended.asked_s,
            )
            name = _WHY + key
            if ended.why:
                store.set_value(name, ended.why[:_WHY_CHARACTERS], ttl_s=_WHY_KEPT_S)
            elif ended.outcome == "ok" and store.get_value(name) is not None:
                store.set_value(name, None)
            return kept

        return self._calls(end)

    def renew(self, key: str) -> None:
        """Our login of *key* is still under way: nobody else may begin one."""
        token = self._tokens.get(key, 0)
        self._calls(lambda store: store.renew_login(key, owner=self._owner, token=token, lease_s=self._lease_s))

    def last_failure(self, key: str) -> str:
        """Why the last login failed, in this run or an earlier one, of any spider; "" when it did not."""

        def look(store: Store) -> str:
            found = store.get_value(_WHY + key)
            return found if isinstance(found, str) else ""

        return self._calls(look)

    def expired(self, key: str, epoch: int, since: float = 0.0) -> None:
        """The login of *epoch* was found lost; its last proof was at *since*."""

        def note(store: Store) -> None:
            if self._run is not None:
                losses.note(store, self._run, key, epoch=epoch, since=since)
            store.note_expired(key, epoch)

        self._calls(note)

    def lives(self, key: str) -> list[float]:
        return self._calls(lambda store: store.login_lives(key))


def keep_proofs(store: Store, records: Mapping[str, LoginRecord]) -> None:
    """At the end of a run: when each session was last known to be logged in. *records* are by key."""
    for key, record in records.items():
        if record.proved_at is not None:
            store.prove_session(key, epoch=record.epoch, proved_at=record.proved_at)
