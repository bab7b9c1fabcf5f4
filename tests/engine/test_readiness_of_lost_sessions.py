"""Sessions that may be lost: pages that are kept until it is certain, probes in time, and what is fetched again."""

from __future__ import annotations

import pytest

from crawler.errors import LoginFailed
from crawler.outcome import Verdict
from crawler.sessions.login.standing import Preparation
from tests.engine.doors import House
from tests.engine.parts import answer, leased


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


def test_a_routine_probe_waits_for_the_pages_under_way() -> None:
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


def test_a_routine_probe_does_not_wait_for_pages_under_way_for_long() -> None:
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


def test_while_all_sessions_are_routinely_proved_requests_stay_where_they_are() -> None:
    house = House("one", "two")
    house.ready(name="one")
    house.ready(name="two")

    house.doors.sessions.probe_soon("one", "no page has shown for a while that we are logged in")
    assert not house.doors.are_proving()  # those of the other session may go
    house.doors.sessions.probe_soon("two", "no page has shown for a while that we are logged in")
    assert house.doors.are_proving()

    house.manager("one").next.append(Preparation(True, "still good"))
    house.manager("two").next.append(Preparation(False, error=LoginFailed("two", "wrong password")))
    house.yard.run_tasks()
    assert not house.doors.are_proving()


def test_a_session_that_may_be_lost_is_not_routinely_proved() -> None:
    house = House()
    house.ready()

    house.doors.sessions.doubt("default", "it asks to log in")

    assert not house.doors.are_proving()


def test_suspects_whose_lease_has_run_out_go_back_at_once_and_cost_no_probe() -> None:
    """A process that was late with its leases held hundreds of them; each was proved for, and then not sent."""
    house = House()
    house.ready()
    for number in range(5):
        house.doors.answers.trials.put_off(leased(number), "default")

    assert house.doors.last_doubts(lambda request: request.id == 3)

    assert (house.yard.released, house.yard.tasks) == ([0, 1, 2, 4], [])
    assert house.doors.kept == 1
    assert house.doors.last_doubts(lambda request: True)
    house.doors.start_wanted()
    assert house.manager().doubts == ["a page is about to be tried that may end the session"]


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


def test_without_a_login_step_a_refused_page_is_sent_again_as_its_own_once_the_credentials_have_proved_good() -> None:
    house = House()
    house.ready()
    house.manager().wants_login = False

    assert house.doors.sessions.page_came_back(answer(1, sent_at=99.0)), "a page without a sign needs no proof"
    assert not house.doors.sessions.page_came_back(answer(2, verdict=Verdict.LOGIN, sent_at=99.0))
    assert not house.asks(3)
    house.manager().next.append(Preparation(True, "still good"))
    house.yard.run_tasks()

    assert sorted(house.yard.first) == [2, 3]
    assert house.manager().not_for_us == [2]


def test_a_page_that_is_refused_after_its_session_was_given_up_is_put_aside_like_the_others() -> None:
    house = House()
    house.ready()
    house.doors.sessions.page_came_back(answer(1, verdict=Verdict.LOGIN, sent_at=99.0))
    house.manager().next.append(Preparation(False, error=LoginFailed("default", "refused")))
    house.yard.run_tasks()

    assert not house.doors.sessions.page_came_back(answer(2, verdict=Verdict.LOGIN, sent_at=99.0))

    assert [(each.request.id, each.verdict) for each in house.yard.settled] == [(1, Verdict.PARK), (2, Verdict.PARK)]
    assert house.doors.kept == 0


def test_the_first_request_with_unproved_credentials_goes_alone_until_it_was_sent() -> None:
    house = House()
    house.ready()
    manager = house.manager()
    manager.wants_login, manager.without_step.goes_alone = False, True

    assert house.asks(1)
    house.pool.busy["default"] = 1
    assert not house.asks(2)
    house.pool.busy["default"] = 0
    assert house.doors.sessions.page_came_back(answer(1, verdict=Verdict.RELEASE))
    assert house.yard.first == [2]
    assert house.asks(2), "nothing was sent"
    house.pool.busy["default"] = 1
    assert not house.asks(3)
    assert house.doors.sessions.page_came_back(answer(2))
    assert house.asks(3)
    assert house.asks(4), "the first answer was good"
