"""What one process learns about a host is used by all, and revoked by any that finds the host better."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crawler.frontier.host_slot import HostSlot, Learned
from crawler.frontier.host_words import adopt, has_news, word_of
from crawler.frontier.politeness import Allowed, HostHealth
from crawler.outcome import Leased, Outcome, Verdict
from crawler.pacing import HostWord

ALLOWED = Allowed(8, 4)
NOW = 1_000.0


def outcome(status: int = 200, *, silent: bool = False) -> Outcome:
    leased = Leased(1, "http://a.test/", "a.test", "default", "", 0, 0, "", 0, 0.0, 1)
    made = Outcome(leased, Verdict.RETRY, status=0 if silent else status, error="Unreachable: a.test" if silent else "")
    made.host_fault, made.elapsed_ms = silent or status == 503, 20.0
    return made


class Host:
    """One host, as a process knows it."""

    def __init__(self) -> None:
        self.slot = HostSlot("a.test", HostHealth(4.0), 0.0)

    def answers(self, status: int = 200, *, at: float = NOW, times: int = 1, silent: bool = False) -> None:
        for number in range(times):
            self.slot.learn(outcome(status, silent=silent), at + number, ALLOWED, may_give_up=True)

    def hears(self, word: HostWord, *, at: float = NOW, robots: bool = True, throttle: bool = True) -> Learned | None:
        return adopt(self.slot, word, at, robots=robots, throttle=throttle)

    def tells(self, at: float = NOW) -> HostWord | None:
        """The word that it writes, as it comes back to all, itself too."""
        if not has_news(self.slot):
            return None
        word = replace(word_of(self.slot), at=at)
        self.slot.word = word
        return word


def test_a_delay_that_one_has_learned_is_kept_by_all_and_shrinks_for_all() -> None:
    one, other = Host(), Host()
    one.answers(429)
    word = one.tells()
    assert word is not None
    assert word.slowed_s == 0.25

    learned = other.hears(word)

    assert learned is not None
    assert learned.slower
    assert (other.slot.delay_s, other.tells()) == (0.25, None)
    other.answers(times=7, at=NOW + 1)
    better = other.tells(NOW + 20)
    assert better is not None
    assert better.slowed_s < 0.125
    assert one.hears(better, at=NOW + 20) is None
    assert one.slot.delay_s == better.slowed_s


def test_what_was_refused_to_several_at_once_slows_them_down_once() -> None:
    one, other = Host(), Host()
    one.answers(429)
    word = one.tells()
    assert word is not None
    other.hears(word)

    other.answers(429, at=NOW + 0.1)

    assert other.slot.delay_s == 0.25


def test_the_word_of_a_pause_takes_nothing_back_that_was_learned_with_it() -> None:
    host = Host()
    host.answers(429)

    host.hears(HostWord(NOW, paused_until=NOW + 5))

    assert (host.slot.delay_s, host.slot.paused_until) == (0.25, NOW + 5)
    assert has_news(host.slot)


def test_a_circuit_that_one_has_opened_is_open_for_all_and_closes_for_all() -> None:
    one, other = Host(), Host()
    other.answers()
    one.answers(503, times=6)
    word = one.tells()
    assert word is not None
    assert word.openings == 1

    learned = other.hears(word, throttle=False)

    assert learned is not None
    assert learned.pause_until == word.paused_until == NOW + 5 + 15
    assert other.slot.health.connections(ALLOWED) == 1
    other.answers(at=NOW + 30)
    back = other.tells(NOW + 31)
    assert back is not None
    assert back.openings == 0
    one.hears(back, at=NOW + 31)
    assert not one.slot.health.half_open


def test_a_host_that_one_has_given_up_is_given_up_by_all_until_it_answers_somebody() -> None:
    one, other, third = Host(), Host(), Host()
    one.answers(silent=True, times=3)
    word = one.tells()
    assert word is not None

    learned = other.hears(word)

    assert learned is not None
    assert learned.given_up
    assert other.slot.error == one.slot.error == "Unreachable: a.test"
    third.answers()
    assert third.hears(word) is None
    correction = third.tells(NOW + 1)
    assert correction is not None
    assert correction.given_up == ""
    for host in (one, other):
        host.hears(correction)
        assert host.slot.error == ""


@pytest.mark.parametrize("heeds", [True, False])
def test_delays_of_others_are_kept_where_the_settings_say_so(heeds: bool) -> None:
    host = Host()

    host.hears(HostWord(NOW, crawl_delay_s=2.0, slowed_s=1.0), robots=heeds, throttle=heeds)

    assert host.slot.delay_s == (2.0 if heeds else 0.0)


def test_an_older_word_says_nothing() -> None:
    host = Host()
    host.hears(HostWord(NOW, slowed_s=1.0))

    assert host.hears(HostWord(NOW - 1, paused_until=NOW + 9)) is None
    assert host.slot.paused_until == 0.0
