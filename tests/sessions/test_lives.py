"""How long sessions live, and what follows: as many logins as sessions, and little under way when one ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.login.evidence import Answered, Evidence
from crawler.sessions.login.lives import (
    KnownLives,
    Lives,
    Next,
    most_unproven,
    next_where_pages_show_us,
    pages_until_probe,
)

counts = st.lists(st.integers(1, 1000), min_size=1, max_size=3)


def known(*requests: int) -> Lives:
    return Lives(KnownLives(requests))


class Site:
    """A site whose sessions answer so many requests after the login's probe: one page, then groups of *at_once*."""

    def __init__(self, life: int, *, shows: bool, at_once: int = 8) -> None:
        self.life, self.shows, self.at_once = life, shows, at_once
        self.logins = self.lost = self.brought = 0
        self.evidence = Evidence(200)

    def session(self) -> None:
        """One session, from its login to its end."""
        evidence, left, at, number = self.evidence, self.life, 0.0, 0
        evidence.begin(0.0)
        self.logins += 1
        while True:
            at += 1.0
            following = evidence.next(0)
            if following is Next.PROBE:
                if not left:
                    break
                left -= 1
                self.brought += len(evidence.probed(at, at))
                continue
            sent = 0
            at_once = self.at_once if self.logins > 1 or number else 1
            while sent < at_once and evidence.next(sent) is Next.GO:
                sent += 1
                evidence.handed_out()
            good = min(sent, left)
            for _ in range(good):
                number += 1
                if self.shows:
                    evidence.shown(at, at)
                    self.brought += 1
                else:
                    evidence.answered(Answered(number, f"/{number}", at, at))
            left -= good
            if good < sent:
                self.lost += sent - good
                break
        evidence.lost()


@pytest.mark.parametrize("life", [1, 2, 5, 13, 40, 200])
def test_where_pages_show_the_login_each_session_is_used_up_once_a_lifetime_is_known(life: int) -> None:
    site = Site(life, shows=True)
    while site.brought < 20 * life:
        site.session()

    assert site.logins == 20
    assert site.lost <= 8, "only the first session, of which nothing was known, took pages with it"


@pytest.mark.parametrize("life", [2, 5, 13, 40, 200])
def test_where_pages_do_not_show_it_each_session_but_the_first_is_used_up_except_for_the_probe(life: int) -> None:
    site = Site(life, shows=False)
    while site.brought < 20 * (life - 1):
        site.session()

    assert site.logins <= 20 + 1, "the first one brings less, the second one is proved more often"
    assert site.lost <= 2 * 8


@pytest.mark.parametrize("life", [2, 3, 5, 10, 17, 27, 40, 100, 190])
def test_the_first_session_fetches_a_page_however_short_it_is_and_is_mostly_used_up(life: int) -> None:
    site = Site(life, shows=False)
    site.session()

    assert site.brought >= max(1, life // 2 - 1)


def test_without_a_known_lifetime_little_is_risked_beyond_what_has_been_proved() -> None:
    assert [pages_until_probe(200, Lives(), proved) for proved in (0, 2, 5, 40, 1_000)] == [1, 2, 3, 21, 200]
    assert pages_until_probe(5, Lives(), 100) == 5, "never more than the setting says"
    assert next_where_pages_show_us(Lives(), 1_000, 64) is Next.GO


@given(every=st.integers(1, 500), lives=counts, after=st.integers(0, 1000), whole=st.booleans())
def test_the_next_probe_is_never_further_than_the_setting_and_a_new_session_always_sends_a_page(
    every: int, lives: list[int], after: int, whole: bool
) -> None:
    assert 0 <= pages_until_probe(every, known(*lives), after, whole=whole) <= every
    assert pages_until_probe(every, known(*lives), 0, whole=whole) >= 1


@given(lives=counts, answered=st.integers(0, 1000), under_way=st.integers(0, 64))
def test_waiting_happens_only_while_a_page_is_under_way(lives: list[int], answered: int, under_way: int) -> None:
    following = next_where_pages_show_us(known(*lives), answered, under_way)
    assert following is not Next.WAIT or under_way
    assert following is not Next.PROBE or not under_way


@given(lives=counts, answered=st.integers(0, 1000))
def test_no_more_is_under_way_than_is_left_of_the_shortest_life(lives: list[int], answered: int) -> None:
    shortest, under_way = min(lives), 0
    while under_way < 2_000 and next_where_pages_show_us(known(*lives), answered, under_way) is Next.GO:
        under_way += 1
    if answered < shortest:
        assert under_way == shortest - answered
    elif answered > shortest:
        assert under_way == max(answered // 4, 1)


def test_a_session_that_outlives_the_others_is_probed_less_and_less_often() -> None:
    steps = [pages_until_probe(200, known(10), proved) for proved in (9, 11, 40, 400)]
    assert steps == sorted(steps)
    assert steps[-1] == 100


def test_lives_that_differ_are_proved_in_between_and_so_is_a_session_that_was_taken_over() -> None:
    assert pages_until_probe(200, known(30, 30), 0) == 29
    assert pages_until_probe(200, known(30, 40), 0) == 20
    assert pages_until_probe(200, known(30, 30), 0, whole=False) == 20


def test_a_session_ended_by_somebody_or_only_partly_seen_says_nothing_about_lifetimes() -> None:
    evidence = Evidence(200, KnownLives((30,)))
    evidence.begin(0.0)
    evidence.lost(by_itself=False)
    evidence.take_over(0.0, epoch=3)
    evidence.lost()
    assert evidence.lives.last == (30,)
    evidence.lives.forget()
    assert evidence.lives.last == ()


def test_answers_of_a_session_in_the_run_before_count_for_its_lifetime() -> None:
    evidence = Evidence(200, KnownLives((30, 30), True, epoch=3, answered=20))
    evidence.take_over(0.0, epoch=3)
    assert [evidence.next(under_way) for under_way in (7, 8)] == [Next.GO, Next.PROBE], "20, the probe, 8, a probe"
    evidence.begin(0.0, epoch=4)
    assert evidence.next(28) is Next.GO
    assert evidence.known == KnownLives((30, 30), True, epoch=4, answered=0)


@pytest.mark.parametrize(("max_pages", "most"), [(0, 200), (1000, 200), (17, 9), (2, 1), (1, 1)])
def test_a_run_that_stops_by_a_limit_proves_half_of_its_pages_on_the_way(max_pages: int, most: int) -> None:
    assert most_unproven(200, max_pages) == most
    assert most_unproven(0, max_pages) == 0, "never means never"


def test_a_session_that_ended_at_its_first_request_says_nothing_and_the_next_one_is_not_sent_page_by_page() -> None:
    lives = known(5, 0)
    assert lives.last == (5,)
    lives.ended(0)
    assert (lives.shortest, lives.fruitless) == (5, True)
    assert next_where_pages_show_us(lives, 0, 30) is Next.GO
    lives.came_late()
    assert (lives.last, lives.fruitless) == ((5, 1), False)
    assert next_where_pages_show_us(lives, 0, 1) is Next.WAIT


def test_a_page_that_comes_in_after_the_next_login_counts_for_the_life_of_its_own_session() -> None:
    evidence = Evidence(200)
    evidence.begin(0.0, epoch=1)
    evidence.shown(1.0, 1.0)
    evidence.lost()
    evidence.begin(2.0, epoch=2)
    evidence.came_late(1)
    evidence.came_late(2)
    assert evidence.lives.last == (2,)


@given(lives=counts)
def test_what_is_kept_for_later_runs_is_expected_there(lives: list[int]) -> None:
    evidence = Evidence(200)
    for life in lives:
        evidence.begin(0.0)
        for number in range(life):
            evidence.answered(Answered(number, f"/{number}", 1.0, 2.0))
        evidence.lost()
    assert Lives(evidence.known).shortest == min(lives)
    assert not math.isinf(pages_until_probe(200, Lives(evidence.known), 0))
