"""What answers say about a session: which pages are certain, when it is probed, how many refusals are borne."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.login.evidence import Answered, Evidence, Guarded, Life, RefusalPatience, route_of
from crawler.sessions.login.lives import KnownLives, Next


def page(number: int, sent_at: float, answered_at: float) -> Answered:
    return Answered(number, f"https://a.example/{number}", sent_at, answered_at)


def test_a_proof_covers_the_pages_whose_answers_had_come_before_it_was_sent() -> None:
    evidence = Evidence(200)
    evidence.begin(0.0)
    for number, (sent_at, answered_at) in enumerate([(1.0, 2.0), (1.5, 4.0), (2.5, 3.0)]):
        evidence.handed_out()
        evidence.answered(page(number, sent_at, answered_at))

    passed = evidence.shown(3.0, now=5.0)

    assert [each.id for each in passed] == [0, 2]
    assert evidence.uncovered == 1


def test_what_is_not_covered_when_the_session_ends_is_lost_with_the_sending_time_of_the_first() -> None:
    evidence = Evidence(200)
    evidence.begin(0.0)
    evidence.answered(page(1, 1.0, 2.0))
    evidence.probed(3.0, now=3.5)
    evidence.answered(page(2, 4.5, 5.0))
    evidence.answered(page(3, 4.0, 5.0))

    loss = evidence.lost()

    assert ([each.id for each in loss.uncovered], loss.since) == ([2, 3], 4.0)
    assert (evidence.lost().uncovered, evidence.lost().since) == ((), None)


@given(
    pages=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), max_size=30),
    proof=st.floats(0, 120),
)
def test_no_page_is_ever_certain_that_was_answered_after_the_proof_left(
    pages: list[tuple[float, float]], proof: float
) -> None:
    evidence = Evidence(200)
    evidence.begin(0.0)
    for number, (sent_at, took_s) in enumerate(pages):
        evidence.answered(page(number, sent_at, sent_at + took_s))

    passed = evidence.probed(proof, now=200.0)
    loss = evidence.lost()

    assert all(each.answered_at <= proof for each in passed)
    assert {each.id for each in loss.uncovered} == {n for n, (at, took) in enumerate(pages) if at + took > proof}


def test_a_site_whose_pages_prove_themselves_is_never_probed() -> None:
    evidence = Evidence(5)
    evidence.begin(0.0)
    for moment in range(50):
        assert evidence.next(8) is Next.GO
        evidence.handed_out()
        evidence.shown(float(moment), now=moment + 0.5)


def test_pages_under_way_count_so_that_no_more_than_that_many_can_be_lost() -> None:
    evidence = Evidence(7, KnownLives((30, 30)))
    evidence.begin(0.0)
    evidence.answered(page(1, 1.0, 2.0))
    assert evidence.next(5) is Next.GO
    assert evidence.next(6) is Next.PROBE


def test_the_longest_life_is_one_that_was_proved() -> None:
    evidence = Evidence(200)
    evidence.begin(100.0)
    evidence.answered(page(1, 101.0, 102.0))
    assert evidence.longest == Life()
    evidence.probed(103.0, now=104.0)
    assert evidence.longest == Life(2, 4.0)


def test_refusals_in_a_good_session_are_a_reason_to_probe_once_and_then_ever_more_rarely() -> None:
    patience, probes = RefusalPatience(), 0
    kept: list[int] = []
    for _ in range(500):
        kept.append(403)
        if patience.is_over(kept):
            probes += 1
            patience.meant_nothing(kept)
            kept = []
    assert 7 <= probes <= 14


def test_after_refusals_that_did_mean_the_end_the_first_one_counts_again() -> None:
    patience = RefusalPatience()
    patience.meant_nothing([403])
    assert not patience.is_over([403])
    assert patience.is_over([404]), "each status for itself"
    patience.meant_the_end([403])
    assert patience.is_over([403])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/orders/7", "https://a.example/orders/812"),
        ("https://a.example/orders?page=1", "https://a.example/orders?page=2"),
        ("https://a.example/o?b=1&a=2", "https://a.example/o?a=5&b=9"),
        (
            "https://a.example/d/0f8fad5b-d9cb-469f-a165-70867728950e",
            "https://a.example/d/7c9e6679-7425-40de-944b-e07fc1",
        ),
    ],
)
def test_addresses_of_one_route_answer_alike(one: str, other: str) -> None:
    assert route_of(one) == route_of(other)


@pytest.mark.parametrize(
    "other",
    [
        "https://a.example/items/7",
        "https://b.example/orders/7",
        "https://a.example/orders/7?all=1",
        "http://a.example/orders/7",
    ],
)
def test_another_route_may_be_open_to_everybody(other: str) -> None:
    guarded = Guarded()
    guarded.learn("https://a.example/orders/7")
    assert guarded.covers("https://a.example/orders/8")
    assert not guarded.covers(other)


def test_pages_of_a_route_that_answers_401_are_certain_when_the_session_is_lost() -> None:
    evidence, guarded = Evidence(200), Guarded()
    evidence.begin(0.0)
    evidence.answered(page(1, 1.0, 2.0))
    evidence.answered(Answered(2, "https://a.example/open/2", 2.0, 3.0))
    guarded.learn("https://a.example/7")
    evidence.vouch(guarded)
    assert [each.id for each in evidence.lost().uncovered] == [2]


@pytest.mark.parametrize(("last_beside", "alone"), [(2, 5), (0, 0)], ids=["together again", "still one by one"])
def test_requests_sent_one_by_one_after_short_lives_are_distinguished_from_those_sent_together(
    last_beside: int, alone: int
) -> None:
    evidence = Evidence(200)
    evidence.begin(0.0)
    evidence.handed_out(0)
    evidence.shown(1.0, 1.5)
    evidence.lost()  # after one request: the next session goes alone once it has answered more than that
    evidence.begin(2.0, 2)
    for moment in range(6):
        evidence.handed_out(0)
        evidence.shown(3.0 + moment, 3.5 + moment)
    evidence.handed_out(last_beside)

    loss = evidence.lost()

    assert (loss.answered, loss.alone) == (6, alone)
