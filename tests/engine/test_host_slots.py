"""Host slots, without a server and a thread: never too many, too early or into trouble; nobody is held up or lost."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.engine import host_slots
from crawler.engine.host_slots import HostSlots
from crawler.events import SlotPaused, Warned
from crawler.frontier.host_slot import Learned, Ready
from crawler.frontier.shares import Shares
from crawler.outcome import Leased, Verdict
from crawler.pacing import slack_s
from crawler.settings import Settings
from tests.engine.parts import answer, leased

MANAGER: Any = SimpleNamespace(session=SimpleNamespace(name="default"))


@dataclass
class Hosts:
    """Host slots with a scheduler that makes everything ready, and notes what is sent."""

    per_host: int = 5
    workers: int = 100
    scouts: int = 64
    strange: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    session_delays: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = Settings(per_host=self.per_host, workers=self.workers, **self.more)
        self.slots = HostSlots(settings, self.session_delays, scouts=self.scouts)
        self.out: dict[int, Ready] = {}
        self.unanswered: dict[int, Ready] = {}

    def put(self, *requests: Leased, first: bool = False) -> None:
        for each in requests:
            slot = self.slots[each.slot]
            if not self.strange and not slot.health.heard:
                self.slots.robots_known(each.slot)
        self.slots.put(requests, first=first)

    def noted(self, sent: list[Ready]) -> list[int]:
        self.unanswered |= {each.leased.id: each for each in sent}
        self.out |= {each.leased.id: each for each in sent}
        return [each.leased.id for each in sent]

    def go(self, now: float = 0.0) -> list[int]:
        """Make ready whatever may be, as the scheduler does. What is sent."""
        sent = []
        while (found := self.slots.next_waiting(now)) is not None:
            sent += self.noted(self.slots.ready(found, MANAGER))
        return sent + self.noted(self.slots.to_send())

    def share(self, per_host: int) -> bool:
        return self.slots.share(Shares("0.0", per_host, alone=True))

    def answer(self, number: int) -> list[int]:
        return self.noted(self.slots.answered(self.unanswered.pop(number)))

    def learn(self, number: int, verdict: Verdict = Verdict.ACCEPT, *, now: float = 11.0, **more: Any) -> Learned:
        slot = self.out[number].leased.slot
        return self.slots.learn(answer(number, verdict, slot=slot, **more), now)

    def heed(self, slot: str = "a") -> list[int]:
        """See to what was learned, as the scheduler does. What was ready and is not sent."""
        return [each.leased.id for learned in self.slots.heed(slot) for each in learned.unsent]

    def commit(self, *numbers: int) -> list[int]:
        for number in numbers:
            self.out.pop(number, None)
        return self.noted(self.slots.committed(numbers))


def at(number: int, send_at: float = 0.0, slot: str = "a") -> Leased:
    return leased(number, slot, send_at=send_at)


# --- when -------------------------------------------------------------------------------------------------------------
def test_a_request_goes_when_its_time_has_come_and_not_before() -> None:
    hosts = Hosts()
    hosts.put(at(1, 10.0), at(2, 20.0))

    assert hosts.go(9.9) == []
    assert hosts.slots.next_due() == 10.0
    assert hosts.go(10.0) == [1]
    assert hosts.go(19.9) == []
    assert hosts.slots.next_due() == 20.0
    assert hosts.go(20.0) == [2]
    assert len(hosts.slots) == 0


def test_hosts_take_turns_whatever_the_length_of_their_queues() -> None:
    hosts = Hosts(workers=4)
    for name in ("long", "short"):
        hosts.slots[name].health.limit = 5.0
    hosts.put(*(at(number, slot="long") for number in range(8)), at(100, slot="short"), at(101, slot="short"))

    assert hosts.go() == [0, 100, 1, 101]


def test_a_request_that_may_not_be_sent_counts_nowhere() -> None:
    hosts = Hosts()
    hosts.put(*(at(number) for number in range(4)))
    while hosts.slots.next_waiting(0.0) is not None:
        pass  # something else is missing to each

    assert len(hosts.slots) == 0
    assert hosts.slots.blocked() == frozenset()
    hosts.put(at(9))
    assert hosts.go() == [9]


def test_the_next_one_after_a_request_that_goes_first_is_the_one_that_was_first() -> None:
    hosts = Hosts(per_host=1)
    hosts.put(at(1), at(2))
    hosts.put(at(8), at(9), first=True)

    sent = hosts.go()
    for _ in range(3):
        hosts.answer(sent[-1])
        sent += hosts.go()

    assert sent == [8, 9, 1, 2]


# --- how many ---------------------------------------------------------------------------------------------------------
def test_as_many_are_under_way_as_a_host_may_have_and_some_more_are_ready() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(20)))

    assert hosts.go() == [0, 1]
    assert len(hosts.slots) == 20 - 2 - 8
    assert hosts.slots.blocked() == {"a"}
    assert hosts.slots.free() == 0


def test_an_answer_lets_the_one_go_that_has_waited_longest_without_the_scheduler() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(20)))
    hosts.go()

    assert hosts.answer(1) == [2]
    assert hosts.answer(0) == [3]
    assert hosts.slots.has_ready("a")


@pytest.mark.parametrize("more", [{"per_host": 1}, {"per_host": 3, "more": {"delay": 0.5}}], ids=["alone", "delay"])
def test_nothing_is_ready_early_where_one_at_a_time_goes_or_the_time_says_when(more: dict[str, Any]) -> None:
    hosts = Hosts(**more)
    hosts.put(*(at(number) for number in range(9)))

    sent = hosts.go()

    assert len(sent) == hosts.per_host
    assert not hosts.slots.has_ready("a")
    assert hosts.answer(0) == []
    assert len(hosts.go()) == 1


def test_a_limit_that_has_grown_lets_several_go_and_one_that_shrank_lets_none() -> None:
    hosts = Hosts(per_host=6)
    hosts.put(*(at(number) for number in range(30)))
    assert len(hosts.go()) == 6

    assert hosts.share(2) is False
    assert hosts.answer(0) == hosts.answer(1) == hosts.answer(2) == hosts.answer(3) == []
    assert hosts.share(2) is True
    assert hosts.answer(4) == [6]
    hosts.share(4)
    assert hosts.answer(5) == [7, 8, 9]


def test_no_more_pages_are_sent_and_not_committed_than_there_are_places() -> None:
    hosts = Hosts(per_host=8, workers=3)
    hosts.slots["a"].health.limit = 8.0
    hosts.put(*(at(number) for number in range(9)))

    assert hosts.go() == [0, 1, 2]
    assert hosts.answer(0) == hosts.answer(1) == []  # parsed, and not committed
    assert hosts.slots.next_due() is None
    assert hosts.commit(0) == []
    assert hosts.go() == [3]
    assert [*hosts.commit(1, 2), *hosts.go()] == [4, 5]


def test_what_waits_for_a_place_leaves_at_a_commit_hosts_in_turn() -> None:
    hosts = Hosts(per_host=2, workers=2)
    for name in "ab":
        hosts.slots[name].health.limit = 2.0
    hosts.put(*(at(number, slot="a") for number in range(5)))
    assert hosts.go() == [0, 1]
    hosts.answer(0)
    hosts.answer(1)
    hosts.put(at(100, slot="b"), at(101, slot="b"))
    assert hosts.go() == []  # both places are taken until a page is committed

    assert [*hosts.commit(0), *hosts.go()] == [2]
    assert [*hosts.commit(1), *hosts.go()] == [100]


# --- whom nobody knows ------------------------------------------------------------------------------------------------
def test_one_request_at_a_time_goes_to_a_host_that_nobody_has_heard_of() -> None:
    hosts = Hosts(strange=True)
    hosts.put(*(at(number) for number in range(5)))

    assert hosts.go() == [0]
    assert hosts.slots.blocked() == {"a"}
    hosts.learn(0)
    hosts.answer(0)
    assert len(hosts.go()) == 4


def test_hosts_that_never_answer_hold_nobody_up() -> None:
    hosts = Hosts(strange=True, workers=2, per_host=2)
    hosts.put(*(at(number, slot=f"dead{number}") for number in range(50)))
    assert len(hosts.go()) == 50  # none of them has a place

    hosts.strange = False
    hosts.put(at(100, slot="live"), at(101, slot="live"))

    assert hosts.go() == [100]
    hosts.answer(100)
    assert [*hosts.commit(100), *hosts.go()] == [101]


def test_so_many_strange_hosts_at_once_and_the_next_one_when_one_is_known() -> None:
    hosts = Hosts(strange=True, scouts=2)
    hosts.put(*(at(number, slot=f"host{number}") for number in range(4)))

    assert hosts.go() == [0, 1]
    assert hosts.slots.blocked() == {"host2", "host3"}
    hosts.answer(1)
    assert hosts.go() == [2]


# --- trouble ----------------------------------------------------------------------------------------------------------
def test_a_fault_that_teaches_nothing_holds_nobody_up() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(6)))
    assert hosts.go() == [0, 1]

    hosts.learn(0, Verdict.RETRY, status=502, host_fault=True)

    assert hosts.answer(0) == [2]
    assert hosts.heed() == []


@pytest.mark.parametrize(
    "more",
    [
        {"status": 503, "host_fault": True},
        {"status": 429, "host_fault": True},
        {"status": 502, "host_fault": True, "pause_slot_until": 50.0},
    ],
    ids=["503", "429", "Retry-After"],
)
def test_after_an_answer_that_asks_for_less_nothing_leaves_before_the_scheduler_has_seen_to_what_waits(
    more: dict[str, Any],
) -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(20)), at(50, slot="b"))
    assert hosts.go() == [0, 50, 1]

    hosts.learn(0, Verdict.RETRY, **more)
    assert hosts.answer(0) == hosts.answer(1) == []
    assert hosts.go() == []

    assert hosts.heed() == list(range(2, 10))
    assert hosts.go(60.0)[0] == 10


def test_a_host_that_asks_for_a_pause_is_left_alone_until_then() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(20)))
    hosts.go()

    learned = hosts.learn(0, Verdict.RETRY, status=502, host_fault=True, pause_slot_until=50.0)

    assert learned.pause_until == 50.0
    assert hosts.answer(0) == hosts.answer(1) == []
    hosts.heed()
    assert hosts.go(49.9) == []
    assert hosts.go(50.0)[0] == 10


def test_a_pause_that_a_host_asks_for_is_told_and_never_shortened() -> None:
    hosts = Hosts()
    hosts.put(at(1))
    hosts.go()
    first = hosts.learn(1, Verdict.RETRY, status=502, host_fault=True, pause_slot_until=5_000.0)
    others = [hosts.learn(1, Verdict.RETRY, status=502, host_fault=True) for _ in range(10)]

    assert first.pause_until == 5_000.0
    assert [event.slot for each in others for event in each.news if isinstance(event, SlotPaused)] == ["a"]
    hosts.heed()
    assert hosts.go(4_999.0) == []


def test_a_host_that_says_slower_has_what_waits_reserved_anew_and_is_told_of_once() -> None:
    hosts = Hosts()
    hosts.put(at(1, slot="a"), at(2, slot="b"))
    hosts.go()
    found = [
        hosts.learn(number, Verdict.RETRY, status=429, host_fault=True, now=100.0 + 60 * minute)
        for minute in range(10)
        for number in (1, 2)
    ]

    assert any(each.slower for each in found)
    warned = [event.where for each in found for event in each.news if isinstance(event, Warned)]
    assert warned == ["a", "b"]
    assert hosts.slots.delays.delay_s("a") > 1.0


def test_a_host_that_answers_well_is_not_told_of() -> None:
    hosts = Hosts()
    hosts.put(at(1))
    hosts.go()

    found = [hosts.learn(1, now=100.0 + second) for second in range(10)]
    assert not any(each.news or each.slower or each.given_up or each.pause_until for each in found)
    assert hosts.slots.delays.delay_s("a") == 0.0


def test_a_host_that_never_answers_is_given_up_once_and_what_waits_is_handed_over_to_fail() -> None:
    hosts = Hosts(strange=True)
    hosts.put(*(at(number) for number in range(9)))
    hosts.go()
    found = [
        hosts.learn(
            0, Verdict.RETRY, status=0, host_fault=True, error="Refused: nobody listens", now=11.0 + 60 * number
        )
        for number in range(60)
    ]

    news = [event for each in found for event in each.news if isinstance(event, Warned)]
    assert [event.message.partition("given up in this run: ")[2] for event in news] == ["Refused: nobody listens"]
    assert [each.given_up for each in found] == sorted(each.given_up for each in found)
    assert hosts.slots["a"].error == "Refused: nobody listens"
    hosts.heed()
    waiting = hosts.slots.next_waiting(1e6)
    assert waiting is not None
    assert waiting.id == 1


def test_a_host_that_answers_after_all_is_asked_again() -> None:
    hosts = Hosts(strange=True)
    hosts.put(at(1))
    hosts.go()
    for number in range(60):
        hosts.learn(1, Verdict.RETRY, status=0, host_fault=True, error="dead", now=11.0 + 60 * number)
    assert hosts.slots["a"].error

    assert not hosts.learn(1, now=10_000.0).given_up
    assert not hosts.slots["a"].error


# --- delays -----------------------------------------------------------------------------------------------------------
def test_the_delay_of_a_host_is_the_longest_that_anybody_asks_for() -> None:
    hosts = Hosts(more={"delay": 0.2}, session_delays={"slow": 3.0})
    delays = hosts.slots.delays

    assert [delays.delay_s(name) for name in ("a", "a#slow", "a#other")] == [0.2, 3.0, 0.2]
    assert hosts.slots.robots_known("a", 1.0)
    assert not hosts.slots.robots_known("b", 0.1)
    assert not hosts.slots.robots_known("a#slow", 2.0)
    assert dict(delays).keys() == {"a", "a#slow"}
    assert delays["a"].delay_s == 1.0 + slack_s(1.0)
    assert "b" not in delays


def test_a_request_of_a_host_with_a_delay_has_a_last_moment() -> None:
    hosts = Hosts(more={"delay": 1.0})
    hosts.put(at(1, 5.0))
    hosts.go(5.0)

    assert hosts.out[1].latest == 5.0 + slack_s(1.0)


# --- giving back, forgetting ------------------------------------------------------------------------------------------
def test_what_is_drained_is_not_sent_any_more_and_the_host_can_be_filled_again() -> None:
    hosts = Hosts(per_host=1)
    hosts.put(at(1), at(2, slot="b"), at(3, 99.0))

    assert [each.id for each in hosts.slots.drain("a")] == [1, 3]
    assert hosts.go() == [2]
    assert hosts.slots.drain() == hosts.slots.drain("unknown") == []
    hosts.put(at(4, 5.0))
    assert hosts.go(4.0) == []
    assert hosts.go(5.0) == [4]


def test_a_run_that_stops_gets_back_what_was_ready() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(5)))
    assert hosts.go() == [0, 1]

    assert [each.leased.id for each in hosts.slots.unready()] == [2, 3, 4]
    assert hosts.slots.unready() == []
    assert hosts.answer(0) == []


def test_memory_is_bounded_and_what_must_be_kept_to_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_slots, "_MOST_KNOWN", 20)
    hosts = Hosts()
    hosts.slots.robots_known("slow", 4.0)
    hosts.put(at(1, slot="busy"))
    hosts.go()
    for number in range(200):
        hosts.slots.robots_known(f"host{number}")

    assert len(list(hosts.slots._slots)) == 20
    assert hosts.slots.delays.delay_s("slow") == 4.0
    assert hosts.slots["busy"].under_way == 1


# --- whatever happens -------------------------------------------------------------------------------------------------
NAMES = "abc"
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.floats(0, 5)),
        st.tuples(st.just("answer"), st.integers(0, 100), st.booleans()),
        st.tuples(st.just("learn"), st.integers(0, 100), st.booleans()),
        st.tuples(st.just("later"), st.floats(0, 3), st.none()),
        st.tuples(st.just("share"), st.integers(1, 4), st.none()),
    ),
    max_size=120,
)


@dataclass
class Watched(Hosts):
    """The same, looking at each request that is sent."""

    now: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sent: list[int] = []
        self.shut: Counter[str] = Counter()  # answers that ask for less and were not seen to
        self.pending: list[tuple[int, bool]] = []  # answers that the scheduler has yet to see
        self.places: set[int] = set()  # sent with a place and not committed
        self.most = self.per_host

    def check(self, ids: list[int]) -> None:
        self.sent.extend(ids)
        self.places.update(each for each in ids if not self.out[each].scout)
        assert len(self.places) <= self.workers
        for each in ids:
            slot = self.out[each].leased.slot
            assert self.out[each].leased.send_at <= self.now
            assert not self.shut[slot], "sent into trouble"
            under_way = [other for other in self.unanswered.values() if other.leased.slot == slot]
            assert len(under_way) <= self.most
            if self.strange and not self.slots[slot].health.heard:
                assert len(under_way) == 1

    def answer_one(self, index: int, bad: bool) -> None:
        chosen = list(self.unanswered)[index % len(self.unanswered)]
        slot = self.out[chosen].leased.slot
        more: dict[str, Any] = {"status": 503, "host_fault": True} if bad else {}
        learned = self.learn(chosen, Verdict.RETRY if bad else Verdict.ACCEPT, now=self.now, **more)
        self.shut[slot] += learned.slower or learned.pause_until is not None
        self.pending.append((chosen, bad))
        self.check(self.answer(chosen))

    def came_back(self, index: int) -> None:
        chosen, _ = self.pending.pop(index % len(self.pending))
        slot = self.out[chosen].leased.slot
        unsent = [each.leased for learned in self.slots.heed(slot) for each in learned.unsent]
        self.shut[slot] = 0
        self.put(*unsent, first=True)
        self.places.discard(chosen)
        self.check(self.commit(chosen))

    def share(self, per_host: int) -> bool:
        kept = super().share(per_host)
        self.most = max(per_host, self.most) if self.unanswered else per_host
        return kept


@given(steps, st.integers(1, 5), st.sampled_from([0.0, 0.5]), st.booleans())
def test_whatever_happens_limits_hold_and_nothing_is_lost_doubled_early_or_starved(
    found: list[tuple[str, Any, Any]], workers: int, delay: float, strange: bool
) -> None:
    hosts = Watched(per_host=4, workers=workers, strange=strange, scouts=2, more={"delay": delay})
    number, last = 0, dict.fromkeys(NAMES, 0.0)
    for kind, first, second in found:
        if kind == "put":
            last[first] += second + delay  # within a host the store gives ascending times
            hosts.put(at(number, last[first], first))
            number += 1
        elif kind == "later":
            hosts.now += first
        elif kind == "share":
            hosts.share(first)
        elif kind == "answer" and hosts.unanswered:
            hosts.answer_one(first, second)
        elif kind == "learn" and hosts.pending:
            hosts.came_back(first)
        hosts.check(hosts.go(hosts.now))
    for _ in range(number + 20):  # from here on everybody answers well
        hosts.now += 1_000.0
        hosts.check(hosts.go(hosts.now))
        while hosts.unanswered:
            hosts.answer_one(0, False)
        while hosts.pending:
            hosts.came_back(0)

    assert len(hosts.slots) == 0
    assert sorted(hosts.sent) == list(range(number))


def test_threads_that_answer_at_once_keep_to_the_limit_and_lose_nobody() -> None:
    hosts = Hosts(per_host=3, workers=512)
    lock, at_once, most, done = threading.Lock(), 0, 0, 0
    going: list[Ready] = []
    hosts.put(*(at(number) for number in range(400)))

    def work() -> None:
        nonlocal at_once, most, done
        while done < 400:
            with lock:
                each = going.pop() if going else None
                at_once += each is not None
                most = max(most, at_once)
            if each is None:
                with lock:
                    found = hosts.slots.next_waiting(1.0)
                    if found is not None:
                        going.extend(hosts.slots.ready(found, MANAGER))
                continue
            with lock:
                at_once -= 1
                done += 1
            sent = hosts.slots.answered(each)
            with lock:
                going.extend(sent)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (done, len(hosts.slots)) == (400, 0)
    assert 1 <= most <= 3
