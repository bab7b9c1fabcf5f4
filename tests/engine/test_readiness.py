"""The doors of a crawl, without a server, a store or a thread: who waits for a session, and what its task leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.engine.readiness import Doors
from crawler.engine.robots_door import RobotsDoor
from crawler.errors import LoginFailed, SiteUnreachable
from crawler.events import Event, LoginEnded, SessionParked, Summary, Warned
from crawler.frontier.gates import Gates
from crawler.frontier.guard_learned import key_of
from crawler.outcome import Leased, Outcome, Verdict
from crawler.request import SPREAD
from crawler.runs.stats import Stats
from crawler.sessions.allowances import Allowances
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
from crawler.settings import Settings
from tests.engine.parts import answer, leased


class LoginManager:
    """A session whose login does what the test says."""

    by_browser = ""

    def __init__(self, name: str, *, wants_login: bool = True) -> None:
        self.wants_login = wants_login
        self.record = SimpleNamespace(state=LoginState.UNPROVEN, epoch=0, version=0)
        identity = SimpleNamespace(serial=False)
        self.session = SimpleNamespace(
            name=name, key=f"a.test/{name}", serial=False, identity=identity, allowance=None, proxy_pool=None
        )
        self.standing = SimpleNamespace(saved_as=(1, 1), lost_stored_epoch=0, proved_before_loss=0.0)
        self.prover = SimpleNamespace(refused_at="")
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

    def send_first(self, requests: Sequence[Leased]) -> None:
        self.first += [each.id for each in requests]

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

    def bring_back(self, session: str) -> None:
        self.back.append(-1)


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


def test_a_hundred_requests_wait_for_one_login_and_go_first_when_it_is_done() -> None:
    house = House()
    house.manager().next.append(Preparation(True, "login"))

    assert not any(house.asks(number) for number in range(100))
    assert len(house.yard.tasks) == 1
    assert house.doors.busy()
    house.yard.run_tasks()

    assert house.yard.first == list(range(100))
    assert not house.doors.busy()
    assert house.asks(1)
    assert (house.summary.logins, house.kinds()) == (1, [LoginEnded])
    assert house.saves.versions == {"default": (1, 1)}


def test_a_session_that_needs_no_login_is_asked_nothing_once_it_is_ready() -> None:
    house = House(probe_every=1)
    house.manager().wants_login = False
    house.ready("ready")

    assert all(house.asks(number) for number in range(50))
    assert house.doors.sessions.page_came_back(answer(verdict=Verdict.FAIL, status=403))


def test_a_refused_login_parks_its_requests_and_says_how_to_go_on() -> None:
    house = House()
    house.manager().next.append(Preparation(False, error=LoginFailed("default", "wrong password")))
    house.asks(1)
    house.yard.run_tasks()
    house.asks(2)

    assert [(each.request.id, each.verdict) for each in house.yard.settled] == [(1, Verdict.PARK), (2, Verdict.PARK)]
    assert house.kinds() == [LoginEnded, SessionParked]
    assert house.summary.next_command == "crawl login orders --session default --store x.db"
    assert house.doors.shut_sessions(house.now) == {"default", SPREAD}
    assert not house.doors.busy()


def test_a_site_that_cannot_be_reached_needs_no_person_and_the_next_run_goes_on() -> None:
    house = House()
    house.manager().next.append(Preparation(False, error=SiteUnreachable("default", "no route")))
    house.asks(1)
    house.yard.run_tasks()

    assert house.kinds() == [LoginEnded]
    assert house.summary.messages == [
        "session 'default': the site could not be reached to log in (no route); the next run goes on"
    ]
    assert house.summary.next_command == "crawl run orders --store x.db"


def test_a_login_that_raises_something_unforeseen_is_a_failed_one() -> None:
    house = House()
    house.manager().next.append(ZeroDivisionError("oh"))
    house.asks(1)

    house.yard.run_tasks()

    assert "ZeroDivisionError: oh" in str(house.doors.unusable.failures["default"])


def test_a_login_that_has_to_wait_is_tried_again_at_its_time() -> None:
    house = House()
    trouble = SiteUnreachable("default", "no route")
    house.manager().next += [Preparation(False, wait_s=30.0, trouble=trouble), Preparation(True, "login")]
    house.asks(1)
    house.yard.run_tasks()

    assert house.kinds() == [Warned]
    assert house.doors.gates.next_due() == 130.0
    house.doors.gates.due(129.0)
    assert house.yard.tasks == []
    house.doors.gates.due(130.0)
    house.yard.run_tasks()
    assert house.yard.first == [1]


def test_requests_that_any_session_may_send_do_not_wait_for_the_second_login() -> None:
    house = House("one", "two")
    house.asks(1, "one", session=SPREAD)
    house.asks(2, "two", session=SPREAD)
    house.manager("one").next.append(Preparation(True, "login"))
    task = house.yard.tasks.pop(0)

    task()()

    assert sorted(house.yard.back + house.yard.first) == [1, 2]


def test_a_doubt_shuts_the_session_and_a_good_probe_commits_what_was_kept() -> None:
    house = House()
    house.ready()
    seen = answer(1, verdict=Verdict.LOGIN, sent_at=99.0)
    kept = answer(2, sent_at=99.0)

    assert not house.doors.sessions.page_came_back(seen)
    assert not house.doors.sessions.page_came_back(kept)
    assert not house.asks(3)
    assert house.doors.kept == 2
    house.manager().next.append(Preparation(True, "still good"))
    house.yard.run_tasks()

    assert [each.request.id for each in house.yard.settled] == [2]
    assert sorted(house.yard.first) == [1, 3]
    assert house.yard.quarantined == []
    assert house.doors.kept == 0


def test_a_lost_session_has_its_uncertain_pages_fetched_again() -> None:
    house = House()
    house.ready()
    house.now = 101.0
    assert house.doors.sessions.page_came_back(answer(1, sent_at=100.5))
    house.doors.sessions.page_came_back(answer(2, verdict=Verdict.LOGIN, sent_at=100.8))
    house.doors.sessions.page_came_back(answer(3, sent_at=100.9))
    house.manager().next.append(Preparation(True, "login"))

    house.yard.run_tasks()

    assert [(name, epoch) for name, epoch, _ in house.yard.quarantined] == [("default", 1)]
    assert sorted(house.yard.first) == [2, 3]
    assert house.yard.settled == []
    assert (house.summary.logins, house.summary.rechecked) == (2, 2)


def test_pages_of_a_session_that_will_not_be_ready_are_parked_with_those_that_wait() -> None:
    house = House()
    house.ready()
    house.doors.sessions.page_came_back(answer(1, verdict=Verdict.LOGIN))
    house.asks(2)
    house.manager().next.append(Preparation(False, error=LoginFailed("default", "locked")))

    house.yard.run_tasks()

    assert {each.request.id for each in house.yard.settled} == {1, 2}
    assert {each.verdict for each in house.yard.settled} == {Verdict.PARK}


def test_a_page_that_was_overtaken_is_a_doubt_of_the_present_login_only() -> None:
    house = House()
    house.ready()

    house.doors.sessions.overtaken("default", 0)
    assert house.manager().doubts == []
    house.doors.sessions.overtaken("default", 1)
    house.doors.sessions.overtaken("default", 1)

    assert house.manager().doubts == ["somebody else has logged in since"]
    assert len(house.yard.tasks) == 1


def test_a_probe_as_a_matter_of_course_waits_for_the_pages_under_way() -> None:
    house = House()
    house.ready()
    house.pool.busy["default"] = 1

    house.doors.sessions.probe_soon("default", "the crawl is about to end")
    assert not house.asks(1)
    assert house.yard.tasks == []
    assert house.doors.busy()
    house.pool.busy["default"] = 0
    assert house.doors.sessions.page_came_back(answer(9))

    assert house.manager().doubts == ["the crawl is about to end"]
    assert len(house.yard.tasks) == 1


def test_it_does_not_wait_for_them_for_long() -> None:
    house = House()
    house.ready()
    house.pool.busy["default"] = 1
    house.doors.sessions.probe_soon("default", "the crawl is about to end")
    house.doors.start_wanted()
    house.now = house.doors.gates.next_due() or 0.0

    house.doors.gates.due(house.now)

    assert len(house.yard.tasks) == 1


def test_a_session_whose_life_nobody_knows_is_proved_after_its_first_page() -> None:
    house = House(probe_every=5)
    house.ready()

    gone = [
        number for number in range(20) if house.asks(number) and house.doors.sessions.page_came_back(answer(number))
    ]

    house.doors.start_wanted()
    assert gone == [0], "the others wait"
    assert house.manager().doubts == ["no page has shown for a while that we are logged in"]


def test_before_the_end_the_last_pages_are_proved() -> None:
    house = House()
    house.ready()
    assert not house.doors.last_doubts()

    house.doors.sessions.page_came_back(answer(1))

    assert house.doors.last_doubts()
    house.manager().next.append(Preparation(True, "still good"))
    house.now = 200.0
    house.yard.run_tasks()
    assert not house.doors.last_doubts()


@pytest.mark.parametrize("good", [True, False, None])
def test_a_run_that_stops_proves_once_what_it_brought_or_has_it_fetched_again(good: bool | None) -> None:
    house = House()
    house.ready()
    house.doors.sessions.page_came_back(answer(1, sent_at=100.0))
    house.manager().good = good
    house.now = 110.0

    assert house.doors.last.prove()
    assert house.doors.last.is_proving
    house.yard.run_tasks()

    assert not house.doors.last.prove()
    assert house.yard.proved == ([([1], 1)] if good else [])
    assert [each[:2] for each in house.yard.quarantined] == ([("default", 1)] if good is False else [])


def test_a_run_that_stops_gets_back_all_that_is_held_or_kept() -> None:
    house = House()
    house.ready()
    house.doors.sessions.page_came_back(answer(1, verdict=Verdict.LOGIN))
    house.asks(2)

    assert sorted(each.id for each in house.doors.drain()) == [1, 2]
    assert house.doors.drain() == []


@pytest.mark.parametrize("name", ["gone", "robots"])
def test_a_stored_request_of_a_session_that_this_run_does_not_have_is_left_for_one_that_has_it(name: str) -> None:
    house = House()

    assert not house.asks(1, name)

    assert [(each.request.id, each.verdict) for each in house.yard.settled] == [(1, Verdict.PARK)]
    assert name in house.doors.unusable.names()
