"""Which page ends a session: blamed, suspected, tried alone, and only then convicted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.login.evidence import Life
from crawler.sessions.login.suspects import MOST_TRIALS, Finding, Suspects

SHORT, LONG = Life(2, 0.1), Life(40, 10.0)


def suspect(name: str) -> Suspects:
    suspects = Suspects()
    suspects.lost_with([name], "default:1")
    suspects.lost_with([name], "default:2")
    return suspects


def test_one_loss_makes_no_suspect_and_two_do() -> None:
    suspects = Suspects()
    suspects.lost_with(["a", "b"], "default:1")
    assert not len(suspects)
    suspects.lost_with(["a", "c"], "default:2")
    assert [key for key in "abc" if suspects.is_suspect(key)] == ["a"]


def test_a_page_after_which_the_session_lived_on_is_innocent_for_good() -> None:
    suspects = suspect("a")
    suspects.passed(["a"])
    for number in range(10):
        suspects.lost_with(["a"], f"default:{number}")
    assert not suspects.is_suspect("a")


def test_a_trial_that_the_session_survives_acquits() -> None:
    suspects = suspect("a")
    assert suspects.tried("a", survived=True, trial=SHORT, longest=LONG) is Finding.INNOCENT
    suspects.lost_with(["a"], "default:3")
    suspects.lost_with(["a"], "default:4")
    assert not suspects.is_suspect("a")


def test_only_the_second_trial_in_which_the_session_is_lost_convicts() -> None:
    suspects = suspect("a")
    assert suspects.tried("a", survived=False, trial=SHORT, longest=LONG) is Finding.AGAIN
    assert suspects.is_suspect("a")
    assert suspects.tried("a", survived=False, trial=SHORT, longest=LONG) is Finding.GUILTY
    assert suspects.is_guilty("a")
    assert not suspects.is_suspect("a")


def test_a_session_that_lasts_for_no_more_requests_than_a_trial_needs_convicts_no_page() -> None:
    suspects = suspect("a")
    found = [suspects.tried("a", survived=False, trial=Life(3, 0.1), longest=Life(2, 10.0)) for _ in range(MOST_TRIALS)]
    assert found == [Finding.AGAIN] * (MOST_TRIALS - 1) + [Finding.UNTOLD]
    assert not suspects.is_guilty("a")


def test_a_page_that_takes_longer_than_any_session_lived_is_not_convicted() -> None:
    suspects = suspect("a")
    found = {suspects.tried("a", survived=False, trial=Life(2, 30.0), longest=Life(90, 20.0)) for _ in range(5)}
    assert found == {Finding.AGAIN, Finding.UNTOLD}


def test_losses_that_different_processes_blame_a_page_for_add_up() -> None:
    suspects = Suspects()
    suspects.lost_with(["a", "b"], "default:1")
    suspects.hear({"a": ["default:2"], "c": ["default:1"]})
    assert [key for key in "abc" if suspects.is_suspect(key)] == ["a"]


def test_one_loss_that_several_processes_notice_counts_once() -> None:
    suspects = Suspects()
    suspects.lost_with(["a"], "default:1")
    suspects.hear({"a": ["default:1"]})
    assert not suspects.is_suspect("a")


def test_what_other_processes_suspect_is_suspected_unless_it_is_known_to_be_innocent() -> None:
    suspects = suspect("good")
    suspects.passed(["good"])
    suspects.hear({"good": ["default:1", "default:2"], "unknown": ["default:1", "default:2"]})
    assert not suspects.is_suspect("good")
    assert suspects.is_suspect("unknown")


@given(st.lists(st.tuples(st.sampled_from(["lost", "passed"]), st.sampled_from("abcd")), max_size=60))
def test_nobody_is_convicted_without_a_trial(happenings: list[tuple[str, str]]) -> None:
    suspects = Suspects()
    passed: set[str] = set()
    for number, (kind, key) in enumerate(happenings):
        if kind == "lost":
            suspects.lost_with([key], f"default:{number}")
        else:
            suspects.passed([key])
            passed.add(key)
    assert not any(suspects.is_guilty(key) for key in "abcd")
