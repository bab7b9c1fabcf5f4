"""A short form of the fuzzing: no foreign bytes raise anything but our own errors, none cost more than a second."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.one import by_mutation, mutations
from tests.fuzz.targets import TARGETS, Finding, Target, tried


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_do_no_harm(name: str) -> None:
    target = TARGETS[name]

    for data in (*target.seeds, *islice(mutations(target.seeds, random.Random(name)), 150)):
        tried(target, data)


@pytest.mark.parametrize("name", TARGETS)
def test_arbitrary_bytes_do_no_harm(name: str) -> None:
    @settings(max_examples=40)
    @given(st.binary(max_size=300))
    @example(b"")
    def feed(data: bytes) -> None:
        tried(TARGETS[name], data)

    feed()


def test_a_foreign_error_is_a_finding() -> None:
    def broken(data: bytes) -> None:
        raise KeyError(data)

    with pytest.raises(Finding, match="KeyError"):
        tried(Target(broken, (b"x",)), b"x")


def test_an_input_that_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.targets.MOST_SECONDS", 0.01)

    with pytest.raises(Finding, match="s for 1 bytes"):
        tried(Target(lambda data: sum(range(2_000_000)), (b"x",)), b"x")


def test_a_run_counts_its_inputs() -> None:
    found = by_mutation("robots", 0.2, seed=1)

    assert found["inputs"] > 10
    assert found["finding"] == ""
