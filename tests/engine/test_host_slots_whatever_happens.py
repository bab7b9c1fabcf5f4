"""Host slots, whatever happens and from many threads: never too many, too early or into trouble; nobody is lost."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.host_slot import Ready
from crawler.outcome import Verdict
from tests.engine.slots import MANAGER, Hosts, at

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
def test_limits_always_hold_and_nothing_is_lost_doubled_early_or_starved(
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
