"""The doors of a run with login managers that do as a test says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from crawler.engine.readiness import Doors
from crawler.engine.robots_door import RobotsDoor
from crawler.events import Event, Summary
from crawler.frontier.gates import Gates
from crawler.frontier.guard_learned import key_of
from crawler.outcome import Leased, Outcome
from crawler.runs.stats import Stats
from crawler.sessions.allowances import Allowances
from crawler.sessions.login.elsewhere import Elsewhere
from crawler.sessions.login.last_doubts import LastDoubts
from crawler.sessions.login.last_proofs import LastProofs
from crawler.sessions.login.ports import SESSION
from crawler.sessions.login.session_door import SessionDoor
from crawler.sessions.login.session_evidence import SessionEvidence
from crawler.sessions.login.settling import Settling
from crawler.sessions.login.standing import Preparation
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.trials import TrialRules
from crawler.sessions.login.unusable import UnusableSessions
from crawler.sessions.sending import Sending
from crawler.settings import Settings
from tests.engine.parts import leased


class LoginManager:
    """A session whose login does what the test says."""

    by_browser = ""

    def __init__(self, name: str, *, wants_login: bool = True) -> None:
        self.wants_login = wants_login
        self.record = SimpleNamespace(state=LoginState.UNPROVEN, epoch=0, version=0, page_is_back=lambda request: None)
        identity = SimpleNamespace(serial=False)
        self.session = SimpleNamespace(
            name=name, key=f"a.test/{name}", serial=False, identity=identity, sending=Sending(None)
        )
        self.standing = SimpleNamespace(
            saved_as=(1, 1), lost_stored_epoch=0, proved_before_loss=0.0, ends_at=math.inf, elsewhere=Elsewhere()
        )
        telling = SimpleNamespace(came=lambda row: None, was_refused=lambda request: None, doubtful=None)
        self.prover = SimpleNamespace(refused_at="", telling=telling)
        self.not_for_us: list[int] = []
        self.without_step = SimpleNamespace(is_not_for_us=self.not_for_us.append, goes_alone=False)
        self.next: list[Preparation | BaseException] = []
        self.doubts: list[str] = []
        self.pages = 0
        self.good: bool | None = True

    def prepare(self) -> Preparation:
        said = self.next.pop(0)
        if isinstance(said, BaseException):
            raise said
        if said.ready:
            self.record.state = LoginState.READY
            self.record.epoch += said.how == "login"
        return said

    def expire(self, epoch: int, reason: str, url: str = "", *, witness: bool = False) -> bool:
        if self.record.state is not LoginState.READY or epoch != self.record.epoch:
            return False
        self.record.state = LoginState.EXPIRED
        self.doubts.append(reason)
        return True

    def still_good(self) -> bool | None:
        return self.good

    def brought_page(self) -> None:
        self.pages += 1


class Pool:
    def __init__(self, *names: str) -> None:
        self.managers = {name: LoginManager(name) for name in names}
        self.names = tuple(names)
        self.busy: dict[str, int] = {}

    def manager(self, name: str) -> LoginManager:
        return self.managers[name]

    def session(self, name: str) -> Any:
        return self.managers[name].session

    def under_way(self, name: str) -> int:
        return self.busy.get(name, 0)


class NotedYard:
    """Notes what the doors do with requests; tasks are run when the test says so."""

    def __init__(self) -> None:
        self.given: list[Callable[[], Callable[[], None]]] = []
        self.start_wanted: Callable[[], None] = lambda: None
        self.settled: list[Outcome] = []
        self.first: list[int] = []
        self.back: list[int] = []
        self.released: list[int] = []
        self.quarantined: list[tuple[str, int, float]] = []
        self.proved: list[tuple[list[int], int]] = []
        self.without_loss: list[str] = []

    @property
    def tasks(self) -> list[Callable[[], Callable[[], None]]]:
        """Those that were given, once those that are wanted were started."""
        self.start_wanted()
        return self.given

    def give_task(self, task: Callable[[], Callable[[], None]]) -> None:
        self.given.append(task)

    def run_tasks(self) -> None:
        tasks, self.given = self.tasks, []
        for task in tasks:
            task()()

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        self.settled += outcomes

    def send_first(self, requests: Sequence[Leased], *, alone: bool = False) -> None:
        self.first += [each.id for each in requests]

    def not_now(self, *requests: Leased) -> None:
        self.released += [each.id for each in requests]

    def take_back(self, requests: Sequence[Leased]) -> None:
        self.back += [each.id for each in requests]

    def quarantine(self, session: str, epoch: int, since: float) -> int:
        self.quarantined.append((session, epoch, since))
        return 2

    def nothing_lost(self, session: str) -> None:
        self.without_loss.append(session)

    def session_version(self, key: str) -> int:
        return 0

    def prove(self, ids: Sequence[int], epoch: int) -> None:
        if ids:
            self.proved.append((sorted(ids), epoch))

    def parked(self) -> int:
        return 0

    def bring_back(self, session: str) -> int:
        self.back.append(-1)
        return 1


class Saves:
    def __init__(self) -> None:
        self.versions: dict[str, tuple[int, int]] = {}

    def stored(self, name: str, version: tuple[int, int]) -> None:
        self.versions[name] = version


class House:
    """Doors and all that they stand between."""

    def __init__(self, *names: str, probe_every: int = 20, **more: Any) -> None:
        self.now = 100.0
        self.told: list[Event] = []
        self.summary = Summary("orders")
        self.pool: Any = Pool(*(names or ("default",)))
        self.yard: Any = NotedYard()
        self.saves: Any = Saves()
        stats, gates = Stats(self.summary, [self.told.append]), Gates()
        unusable = UnusableSessions(self.pool, gates, stats, self.yard, "orders", also=" --store x.db")
        answers = SessionEvidence("orders", TrialRules(key_of, **more), probe_every=probe_every)
        settling = Settling(answers, self.yard, stats)
        sessions = SessionDoor(self.pool, gates, unusable, settling, self.saves, clock=lambda: self.now)
        proofs = LastProofs(self.pool, self.yard, reopen=settling.reopen, clock=lambda: self.now)
        self.doors = Doors(
            self.pool,
            self.yard,
            gates,
            unusable,
            sessions,
            RobotsDoor(None, gates, self.yard, stats, Settings()),
            answers,
            LastDoubts(self.pool, gates, answers, sessions, unusable, proofs),
            Allowances(self.pool, stats, keep=lambda *told: None, give_back=lambda *told: None),
        )
        self.yard.start_wanted = self.doors.start_wanted

    def manager(self, name: str = "default") -> LoginManager:
        found: LoginManager = self.pool.manager(name)
        return found

    def asks(self, number: int, name: str = "default", **more: Any) -> bool:
        request = leased(number, **more)
        missing = self.doors.missing(request, name, self.now)
        if missing is None:
            self.doors.goes(name)
        else:
            self.doors.put_aside(request, name, missing, self.now)
        return missing is None

    def ready(self, how: str = "login", name: str = "default") -> None:
        self.manager(name).next.append(Preparation(True, how))
        self.doors.gates.open_now((SESSION, name))
        self.yard.run_tasks()

    def kinds(self) -> list[type[Event]]:
        return [type(each) for each in self.told]
