"""When the store is asked for more: at once when something may have changed, not again and again for full hosts."""

from __future__ import annotations

from crawler.frontier.leases import NextLook

NONE: frozenset[str] = frozenset()


def test_at_first_and_after_any_change_it_is_at_once() -> None:
    look = NextLook()
    assert look.due_at(lambda: NONE) == 0.0

    look.nothing_found(NONE, 50.0)
    assert look.due_at(lambda: NONE) == 50.0
    look.soon()
    assert look.due_at(lambda: NONE) == 0.0


def test_a_change_of_a_host_that_can_take_no_more_waits_until_it_can() -> None:
    look = NextLook()
    look.nothing_found(NONE, float("inf"))

    look.soon({"a.test"})

    assert look.due_at(lambda: {"a.test"}) == float("inf")
    assert look.due_at(lambda: NONE) == 0.0


def test_what_was_found_empty_is_not_looked_at_again_but_full_hosts_stay_noted() -> None:
    look = NextLook()
    look.soon({"a.test", "full.test"})

    look.nothing_found(frozenset({"full.test"}), 99.0)

    assert look.due_at(lambda: {"full.test"}) == 99.0
    assert look.due_at(lambda: NONE) == 0.0


def test_a_host_that_was_left_out_since_it_was_full_is_looked_at_as_soon_as_it_is_not() -> None:
    look = NextLook()
    look.soon()

    look.nothing_found(frozenset({"full.test"}), 99.0)

    assert look.due_at(lambda: {"full.test"}) == 99.0
    assert look.due_at(lambda: NONE) == 0.0


def test_where_nothing_may_be_taken_no_change_is_a_reason_to_look() -> None:
    look = NextLook()
    look.soon({"a.test"})

    look.wait_until(7.0)

    assert look.due_at(lambda: NONE) == 7.0


def test_hosts_are_not_counted_while_nothing_has_changed() -> None:
    def never() -> frozenset[str]:
        raise AssertionError("asked")

    look = NextLook()
    look.nothing_found(NONE, 5.0)

    assert look.due_at(never) == 5.0
