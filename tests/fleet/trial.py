"""A crawl by a fleet that is broken on purpose, again and again, and what of its promises held.

Each member is a process of its own with a folder and a home of its own; all of them reach the database through the
proxy (`tests.fleet.proxy`). A killed one is started again, as systemd or Kubernetes would. What is broken, and in which
order, follows from the seed; when, from how far the crawl is.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from crawler.outcome import State
from crawler.sessions.vault import Vault
from crawler.stores import open_store
from crawler.stores.driver import AHEAD_S
from crawler.testing import Account
from tests.crash.project import CHECKOUT, Project
from tests.fleet import watched
from tests.fleet.failover import Cluster
from tests.fleet.ground import Ground, Namespaces
from tests.fleet.history import broken, least_gap_s
from tests.fleet.proxy import Proxy
from tests.fleet.site import PASSWORD, USERNAME, Hosts, Plan, file_body
from tests.fleet.told import history_of
from tests.forked import Forked, ended
from tests.postgres import PostgresServer

SPIDER = Path(__file__).with_name("shelves.py")
_LOOK_S = 0.1
_SLOW_S, _STOPPED_S = 2.0, 3.0
_LOGIN_S = 6.0  #: for one, at most, on a machine that is busy


@dataclass(frozen=True)
class Terms:
    """What is crawled, by how many, and what is done to them.

    Attributes:
        pages: Of all hosts together, about.
        expiries: How often the site ends all sessions.
        faults: Names of `Trial` methods that begin with ``break_``, without that; each as often as it is named.
        settings: Of each member, besides the usual ones.
        forgets: An asynchronous replica may take over.
    """

    pages: int = 2_000
    hosts: int = 20
    members: int = 4
    expiries: int = 3
    delay_s: float = 0.1
    lease_s: float = 8.0
    faults: Sequence[str] = ("kill", "kill", "pause", "crash", "crash", "cut", "cut", "lose", "lose", "slow", "silence")
    settings: dict[str, object] = field(default_factory=dict)
    forgets: bool = False


@dataclass
class Result:
    """What came of it.

    Attributes:
        wrong: What broke a promise; empty when all is well.
        figures: Counts for the table.
    """

    wrong: list[str]
    figures: dict[str, int | float]


class Server(Protocol):
    """The database, as a trial needs it: `tests.postgres.PostgresServer`, or `tests.fleet.failover.Cluster`."""

    def database(self) -> str: ...

    def do(self, statement: str, database: str = ...) -> list[Any]: ...


class Member:
    """One member of the fleet: a command that is started again when it was killed."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], environment: dict[str, str]) -> None:
        self.name, self.log = name, folder / "log.jsonl"
        self._folder, self._command, self._environment = folder, command, environment
        self.starts, self.paused_until = 0, 0.0
        self.came_late = False
        self.start()

    def start(self) -> None:
        self.starts += 1
        again = self.starts > 1  # the others may have ended the run meanwhile: `crawl run` would begin the next one
        command = ["worker" if again and each == "run" else each for each in self._command]
        with (self._folder / f"said-{self.starts}.txt").open("wb") as said:
            self._process = Forked(
                command,
                cwd=self._folder,
                env={**self._environment, "FLEET_LOG": str(self.log), "FLEET_NAME": self.name},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    @property
    def code(self) -> int | None:
        return self._process.poll()

    @property
    def works(self) -> bool:
        return self.code is None and not self.paused_until

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def said(self) -> str:
        """The end of what it said last."""
        return (self._folder / f"said-{self.starts}.txt").read_text(errors="replace")[-600:].strip()


class Trial:
    """One crawl with its faults; `run` does all of it, once."""

    def __init__(self, terms: Terms, seed: int, folder: Path, server: Server, ground: Ground) -> None:
        self.terms, self.folder, self._server, self._ground = terms, folder, server, ground
        self._dice = random.Random(seed)
        items = max(1, round(terms.pages * 24 / 25 / terms.hosts))
        addresses = self._ground.addresses(terms.hosts)
        base = Plan(addresses, items)
        self.lives = [round(base.requests * (each + 1) / (terms.expiries + 1.2)) for each in range(terms.expiries)]
        self.plan = Plan(addresses, items, self.lives, plain=seed % 2 == 0)
        self.members: list[Member] = []
        self._waiting: list[tuple[float, Callable[[], object]]] = []  # what is to be undone, and when
        self.crashes: list[float] = []
        self.kills: list[tuple[str, float]] = []
        self.done = Counter[str]()

    # --- what is broken -----------------------------------------------------------------------------------------------
    def break_kill(self) -> None:
        """kill -9, and a new process in its place."""
        member = self._one()
        self.kills.append((member.name, time.time()))
        member.kill()
        member.start()

    def break_pause(self) -> None:
        """SIGSTOP for longer than the lease."""
        member = self._one()
        pause_s = self.terms.lease_s + AHEAD_S + _STOPPED_S
        member.send(signal.SIGSTOP)
        member.paused_until = time.monotonic() + pause_s

        def wake() -> None:
            member.send(signal.SIGCONT)
            member.paused_until = 0.0

        self._waiting.append((time.monotonic() + pause_s, wake))

    def break_crash(self) -> None:
        """``pg_ctl stop -m immediate``, and a start after a while."""
        assert isinstance(self._server, PostgresServer)
        self.crashes.append(time.time())
        self._server.stop_at_once(down_s=self._dice.uniform(0.0, 2.0))

    def break_cut(self) -> None:
        """All connections at once."""
        self._proxy.cut_all()

    def break_lose(self) -> None:
        """The answers to the next COMMITs, of whatever is committed then."""
        self._proxy.lose_commits(self._dice.randint(1, 3))

    def break_slow(self) -> None:
        """The line is slow for a while."""
        self._proxy.delay_s = 0.02
        self._waiting.append((time.monotonic() + _SLOW_S, lambda: setattr(self._proxy, "delay_s", 0.0)))

    def break_silence(self) -> None:
        """Half-open connections: they carry nothing any more, and are cut when a while has passed."""
        self._proxy.fall_silent()
        self._waiting.append((time.monotonic() + _SLOW_S, self._proxy.cut_all))

    def break_unplug(self) -> None:
        """The cable of a machine is pulled for longer than the lease."""
        assert isinstance(self._ground, Namespaces)
        number = self.members.index(self._one())
        self._ground.unplug(number)
        until = time.monotonic() + self.terms.lease_s + AHEAD_S + _STOPPED_S
        self._waiting.append((until, partial(self._ground.plug_in, number)))

    def break_failover(self) -> None:
        """The node that leads dies; nobody waits for it here."""
        assert isinstance(self._server, Cluster)
        self.crashes.append(time.time())
        threading.Thread(target=self._server.fail_over, daemon=True).start()

    @property
    def _proxy(self) -> Proxy:
        assert self._ground.proxy is not None
        return self._ground.proxy

    def _one(self) -> Member:
        return self._dice.choice([each for each in self.members if each.works] or self.members)

    # --- the crawl ----------------------------------------------------------------------------------------------------
    def run(self) -> Result:
        """Crawl, break, and look at what is left."""
        key, began = Vault.new_key(), time.monotonic()
        address = self._server.database()
        database = address.partition("?")[0].rpartition("/")[2]
        with closing(open_store(address, cipher=Vault([key]))):
            watched.watch(self._server, database)
        with ExitStack() as open_things:
            site = open_things.enter_context(Hosts(self.plan, self._ground.site))
            open_things.callback(self._end_all)
            self._begin(site, self._ground.store(database), key)
            wrong = list(self._until_over(site))
            seen = site.seen()
        took_s = time.monotonic() - began
        history = history_of(
            self.members,
            seen,
            watched.writes(self._server, database),
            crashes=self.crashes,
            kills=self.kills,
            forgets=self.terms.forgets,
            delay_s=self.terms.delay_s,
            late_s=max(self.terms.delay_s / 2, 0.02),
        )
        wrong += broken(history)
        wrong += self._left(database)
        wrong += self._audit(address, key)
        requests = [each.request for each in history.sent if each.request is not None]
        figures: dict[str, int | float] = {
            "requests": self.plan.requests,
            "sent": len(requests),
            "sent again": len(requests) - len(set(requests)),
            "logins": history.good_logins,
            "expiries": history.expired,
            "cut short": history.cut_short,
            **{name: self.done[name] for name in dict.fromkeys(self.terms.faults)},
            "answers lost": self._ground.proxy.lost if self._ground.proxy is not None else 0,
            "least gap, ms": round(1000 * least_gap_s(history)),
            "seconds": round(took_s, 1),
        }
        return Result(wrong, figures)

    def _begin(self, site: Hosts, store: str, key: str) -> None:
        sites = " ".join(site.urls)
        for number in range(self.terms.members):
            name = f"fleet-{number}"
            account = Account(USERNAME, PASSWORD)
            project = Project(self.folder / name, sites, account, spider=SPIDER)
            settings = {
                "store": store,
                "files": self.folder / "files",
                "lease": self.terms.lease_s,
                "delay": self.terms.delay_s,
                "processes": 1,
                "throttle": "false",
                "login_budget": 1000,
                "backoff": 0.05,
                **self.terms.settings,
            }
            typed = [part for setting, value in settings.items() for part in ("-s", f"{setting}={value}")]
            words = ["run"] if number == 0 else ["worker"]
            words += ["shelves", "-a", f"sites={sites}", *typed, *(["--wait", "--until-empty"] if number else [])]
            environment = {**project.environment, "CRAWL_KEY": key, "PYTHONPATH": str(CHECKOUT)}
            command = [*self._ground.member(number), sys.executable, "-m", "tests.fleet.member", *words]
            self.members.append(Member(name, project.folder, command, environment))

    def _until_over(self, site: Hosts) -> Iterator[str]:
        """Break one thing after the other; end when the run has. Yields what went wrong with the processes."""
        faults = list(self.terms.faults)
        self._dice.shuffle(faults)
        step = self.plan.requests * 0.85 / (len(faults) + 1)
        moments = [round(step * (number + self._dice.uniform(0.6, 1.4))) for number in range(len(faults))]
        patience_s = 120 + self.plan.requests * 0.1 + self.terms.expiries * _LOGIN_S
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            served = site.served()
            now = time.monotonic()
            for moment, undo in [each for each in self._waiting if each[0] <= now]:
                self._waiting.remove((moment, undo))
                undo()
            while faults and served >= moments[0]:
                moments.pop(0)
                fault = faults.pop(0)
                getattr(self, f"break_{fault}")()
                self.done[fault] += 1
            codes = [member.code for member in self.members]
            for member in self.members if codes[0] == 0 else ():
                if member.code is None and member.works and not member.said:  # started when the run was over: it waits
                    member.kill()
                    member.came_late = True
            if codes[0] is not None and not self._waiting and all(code is not None for code in codes):
                break
            time.sleep(_LOOK_S)
        else:
            yield f"not over after {patience_s:.0f} s"
        for member in self.members:
            late = member.came_late or (member.code == 2 and "is not being crawled" in member.said)
            if member.code != 0 and not late:
                yield f"{member.name}: exit code {member.code}: {member.said}"
        if faults:
            yield f"over before this was broken: {', '.join(faults)}"

    def _end_all(self) -> None:
        for member in self.members:
            if member.code is None:
                member.kill()

    # --- what is left -------------------------------------------------------------------------------------------------
    def _left(self, database: str) -> Iterator[str]:
        """Exact items, files and states."""
        tables = {name for (name,) in self._server.do("SELECT tablename FROM pg_tables", database)}
        if lacking := {"items", "files"} - tables:
            yield f"nothing was stored: no table {', '.join(sorted(lacking))}"
            return
        items = Counter(row[0] for row in self._server.do("SELECT id FROM items", database))
        wanted = set(self.plan.ids())
        if lost := wanted - items.keys():
            yield f"{len(lost)} items are missing: {sorted(lost)[:5]}"
        if doubled := [each for each, count in items.items() if count > 1]:
            yield f"{len(doubled)} items are stored more than once: {doubled[:5]}"
        if strange := items.keys() - wanted:
            yield f"{len(strange)} items that nobody has: {sorted(strange)[:5]}"
        files = self._server.do("SELECT url, path FROM files", database)
        expected = len(self.plan.addresses) * self.plan.files
        if len(files) != expected or len({url for url, _ in files}) != expected:
            yield f"{len(files)} files are stored, {expected} are there"
        for url, path in files:
            host, _, number = url.removeprefix("http://").partition(":")[0], "", url.rpartition("/")[2]
            at = self.folder / "files" / path
            if not at.is_file() or at.read_bytes() != file_body(host, int(number.removesuffix(".bin"))):
                yield f"the file of {url} is not what the site has"
        states = dict(self._server.do("SELECT state, count(*) FROM crawl_requests GROUP BY state", database))
        if states != {State.DONE: self.plan.requests}:
            yield f"states of requests: { {State(each).name: count for each, count in states.items()} }"

    def _audit(self, address: str, key: str) -> Iterator[str]:
        environment = {**os.environ, "CRAWL_KEY": key, "PYTHONPATH": str(CHECKOUT), "HOME": str(self.folder)}
        environment["CRAWL_FILES"] = str(self.folder / "files")
        words = [sys.executable, "-m", "crawler.cli", "audit", "shelves", "--store", address]
        audit = ended(words, cwd=self.folder / "fleet-0", env=environment, timeout=120)
        if audit.returncode or "adds up" not in audit.stdout:
            yield f"audit: exit code {audit.returncode}: {audit.stdout[-400:]} {audit.stderr[-400:]}"
