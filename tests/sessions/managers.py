"""A manager of a session against a store in memory, and a site whose answers are scripted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from crawler import Response
from crawler.fetching.limits import Limits
from crawler.outcome import SessionSnapshot
from crawler.sessions import snapshot
from crawler.sessions.accounts import Account
from crawler.sessions.desk import LoginEnd
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.standing import Preparation
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.spider import Identity, Spider
from crawler.stores.policy import login_policy
from crawler.stores.policy.login_policy import LoginBook, Trying, begun, may_begin
from crawler.testing.adapter import ScriptedAdapter, reply

SITE = "http://shop.test"
IN = reply("<a href=/logout>log out</a><p>hello</p>")
OUT = reply("<title>Sign in</title><form method=post action=/login><input name=u><input type=password name=p></form>")
REFUSED = reply(
    "<title>Sign in</title><p class=error>Wrong user name or password.</p>"
    "<form method=post action=/login><input name=u><input type=password name=p></form>"
)


@dataclass
class Row:
    epoch: int
    version: int
    secret: str
    readable: bool = True
    proved_at: float | None = None
    logged_in_at: float | None = None


@dataclass
class Claimed:
    granted: bool
    row: Row | None
    wait_s: float = 0.0
    refused: str = ""
    kind: str = ""


@dataclass
class Memory:
    """A store that several managers share, with the policy of the real ones."""

    row: Row | None = None
    ended: list[str] = field(default_factory=list)
    claims: int = 0
    busy: bool = False
    budget: str = ""
    failed: str = ""
    renewed: int = 0
    brought: int = 0  #: epoch of the last login that brought a page to another process
    book: LoginBook = field(default_factory=LoginBook)
    ends: list[LoginEnd] = field(default_factory=list)
    ahead_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, key: str) -> Row | None:
        return self.row

    def save(self, taken: SessionSnapshot) -> None:
        self._put(taken)

    def claim(self, key: str, epoch: int, **options: Any) -> Claimed:
        with self.lock:
            self.claims += 1
            if self.row is not None and self.row.epoch > epoch:
                return Claimed(False, self.row)
            if self.budget:
                return Claimed(False, self.row, refused=self.budget, kind="spent")
            now = self.now()
            trying = Trying("door", "v1", options.get("credentials", ""), options.get("force", False))
            decision = may_begin(self.book, trying, now)
            if decision.until > now:
                return Claimed(False, self.row, decision.until - now, decision.why, decision.kind)
            if self.busy:
                return Claimed(False, self.row, wait_s=0.5)
            self.busy = True
            self.book = begun(self.book, trying, token=self.claims, now=now)
            return Claimed(True, self.row)

    def refused(self, key: str, credentials: str) -> str:
        decision = login_policy.are_refused(self.book, Trying("door", "v1", credentials), self.now())
        return decision.why if decision.until > self.now() else ""

    def now(self) -> float:
        """The moment, as far ahead as a test has set it."""
        return time.time() + self.ahead_s

    def end_login(self, key: str, ended: LoginEnd, taken: SessionSnapshot | None = None) -> bool:
        with self.lock:
            self.busy = False
            self.ended.append(ended.outcome)
            self.ends.append(ended)
            self.book = login_policy.ended(
                self.book,
                ended.outcome,
                token=self.claims,
                now=self.now(),
                asked_s=ended.asked_s,
                credentials=ended.credentials,
            )
        if taken is not None:
            self._put(taken)
        return True

    def _put(self, taken: SessionSnapshot) -> None:
        version = self.row.version + 1 if self.row is not None else 1
        self.row = Row(taken.epoch, version, taken.secret, True, taken.proved_at, taken.logged_in_at)

    def expired(self, key: str, epoch: int, since: float = 0.0) -> None:
        pass

    def renew(self, key: str) -> None:
        self.renewed += 1

    def last_failure(self, key: str) -> str:
        return self.failed

    def has_brought(self, session: str, since_epoch: int) -> bool:
        return self.brought >= since_epoch

    def lives(self, key: str) -> list[float]:
        return []


class Door(Spider):
    """Logs in by one POST; counts how often it was asked to."""

    name = "door"
    start_urls = (f"{SITE}/in",)
    login_url = f"{SITE}/login"

    def __init__(self) -> None:
        super().__init__()
        self.logins = 0

    def login(self, session: Session) -> None:
        self.logins += 1
        session.post(f"{SITE}/login", data={"u": "alice", "p": "secret"})

    def parse(self, response: Response) -> Any:
        return []


def manager(adapter: ScriptedAdapter, desk: Memory, spider: Door | None = None, **options: Any) -> LoginManager:
    session = Session(
        Identity("default"),
        account=Account("default", environ={}),
        origins=Origins([SITE]),
        transport=adapter,
        limits=Limits(),
    )
    return LoginManager(session, spider or Door(), desk, probe_url=f"{SITE}/in", **{"clock": desk.now, **options})


def seconds(header: str | None) -> float | None:
    """What a Retry-After of seconds asks for."""
    return None if header is None else float(header)


def settle(made: LoginManager, desk: Memory, *, most: int = 50) -> Preparation:
    """Prepare again and again, as the engine does, until it is ready or given up; nobody sleeps, the clock is set."""
    for _ in range(most):
        found = made.prepare()
        if found.ready or found.error is not None:
            break
        desk.ahead_s += found.wait_s
    return found


def door(*probes: Any, post: Any = None) -> ScriptedAdapter:
    """A site whose page behind the login gives these answers, the last one again and again."""
    posted = post or reply("ok", cookies={"sid": "1"})
    return ScriptedAdapter().on(f"{SITE}/in", *probes).on(f"{SITE}/login", posted, method="POST")


def logged_in(sid: str = "1", epoch: int = 1) -> Memory:
    """A store with a session that was logged in."""
    made = manager(door(IN), Memory())
    made.session.cookies.receive(f"{SITE}/", [f"sid={sid}; Path=/"])
    taken = snapshot.take(made.session, made.record, url="login")
    return Memory(Row(epoch, 1, taken.secret, True, 1.0, 1.0))
