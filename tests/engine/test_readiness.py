"""The doors of a crawl, without a server, a store or a thread: who waits for a session, and what its task leads to."""

from __future__ import annotations

import pytest

from crawler.errors import LoginFailed, SiteUnreachable
from crawler.events import LoginEnded, SessionParked, Warned
from crawler.outcome import Verdict
from crawler.request import SPREAD
from crawler.sessions.login.standing import Preparation
from tests.engine.doors import House
from tests.engine.parts import answer


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
