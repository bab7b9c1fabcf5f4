"""The thread of the store: one thread uses the connection, and what the others have to say to it comes by its inbox.

That thread is the scheduler's. Calls of other threads travel there (`StoreCalls`); pages that came back wake it in
groups, for they are committed so: the first one only when nothing else is about to come.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from crawler.errors import CrawlError, StoreError, StoreFull
from crawler.outcome import Outcome, SessionSnapshot
from crawler.sessions.desk import LoginEnd
from crawler.sessions.login.states import LoginRecord
from crawler.settings import Settings
from crawler.stores import losses
from crawler.stores.base import LoginClaim, RunRow, SessionRow, Store
from crawler.stores.login_policy import Trying

log = logging.getLogger("crawler.engine")

T = TypeVar("T")
Call = Callable[[], None]

_DOZE_AFTER_S = 0.2  #: without an outcome for so long, the next one wakes the scheduler
_FULL_WAIT_S = (0.5, 1.0, 2.0, 5.0, 10.0)  #: waits for room on the disk before giving up
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


@dataclass(frozen=True)
class Member:
    """This process, as it works on a run.

    Attributes:
        owner: Its name in the store, for what it claims.
        number: 0 for the first process of the run, which seeds the frontier and ends the run.
    """

    store: Store
    run: RunRow
    owner: str
    settings: Settings
    number: int = 0


def _nothing() -> None:
    """A message that only wakes."""


class Inbox:
    """Calls and outcomes on their way to one thread.

    Args:
        enough: Outcomes that are worth waking for, however many are about to come.

    Attributes:
        dozing: Nothing has come for a while.
    """

    def __init__(self, enough: int) -> None:
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._done: deque[Outcome] = deque()
        self._enough = enough
        self._last_came, self.dozing = 0.0, False

    def post(self, call: Call) -> None:
        """Run *call* on the thread that takes. Safe from any thread and from a signal handler."""
        self._calls.put(call)

    def wake(self) -> None:
        """Let it look around. Safe from any thread."""
        self._calls.put(_nothing)

    def bring(self, outcome: Outcome, goes_on: Callable[[str], bool]) -> None:
        """A page came back. Safe from any thread.

        Args:
            goes_on: Whether more is about to come, for the slot of the page; asked once the page is in.
        """
        self._done.append(outcome)
        if self.dozing or len(self._done) >= self._enough or not goes_on(outcome.request.slot):
            self.wake()

    def take(self, wait_s: float) -> None:
        """Wait for a call for so long, then make all that are there."""
        try:
            call = self._calls.get(timeout=wait_s) if wait_s > 0 else self._calls.get_nowait()
            while True:
                call()
                call = self._calls.get_nowait()
        except queue.Empty:
            pass

    def outcomes(self, now: float, wanted: Callable[[], bool]) -> Iterator[Outcome]:
        """The pages that came back, while more are *wanted*."""
        if self._done:
            self._last_came = now
        while self._done and wanted():
            yield self._done.popleft()

    def doze(self, now: float) -> None:
        """Find out whether anything has come of late."""
        self.dozing = now > self._last_came + _DOZE_AFTER_S

    def __bool__(self) -> bool:
        """Whether pages are left that nobody has taken."""
        return bool(self._done)


class FullDisk:
    """Writes again while the disk is full, for a limited time. On the store's thread.

    A file that stays locked is not waited for again: the store has done that, as long.

    Args:
        longest_s: Longest wait for room.
        stopping: Set when the run ends: nothing is waited for any more.
    """

    def __init__(self, longest_s: float, stopping: threading.Event) -> None:
        self._longest_s, self._stopping = longest_s, stopping

    def __call__(self, write: Callable[[], T]) -> T:
        """Call *write* until it is done. Raises StoreFull in the end."""
        waited_s = 0.0
        for wait_s in _FULL_WAIT_S:
            try:
                return write()
            except StoreFull as error:
                waited_s += wait_s
                if self._stopping.is_set() or waited_s > self._longest_s:
                    raise
                log.warning("%s; trying again in %.1f s", error, wait_s)
                self._stopping.wait(wait_s)
        return write()


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
    """What login managers need of the store (`sessions.login.manager.Desk`). Safe from any thread.

    Args:
        trying: Who logs in: the spider, the version of its code and the budget.
    """

    def __init__(self, calls: StoreCalls, *, run: int | None, owner: str, lease_s: float, trying: Trying) -> None:
        self._calls, self._run, self._owner = calls, run, owner
        self._lease_s, self._trying = lease_s, trying
        # Key to the token of our claim; a key has one claim at a time. Set and read by the thread that logs in
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
                ended=ended,
                snapshot=taken,
                run=self._run,
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
