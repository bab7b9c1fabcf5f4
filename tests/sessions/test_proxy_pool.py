"""Which of its proxies a session goes through."""

from __future__ import annotations

import pytest

from crawler.errors import (
    ConnectFailed,
    Incomplete,
    ProxyFailed,
    ProxyRefused,
    Refused,
    SpiderError,
    TimedOut,
    UnknownHost,
    Unreachable,
)
from crawler.sessions.proxy_pool import ProxyPool, is_of_proxy

ALL = ("http://ann:pw@one.test:3128", "http://two.test:3128", "socks5h://three.test:1080")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(pool: ProxyPool, times: int = 3) -> None:
    for _ in range(times):
        pool.failed(pool.current, "no connection to the proxy")


def test_a_session_begins_with_the_same_proxy_in_each_run_and_sessions_share_them_out() -> None:
    first = {name: ProxyPool(name, ALL).current for name in ("anna", "otto", "vera", "john", "mary")}

    assert first == {name: ProxyPool(name, reversed(ALL) and ALL[::-1]).current for name in first}
    assert len(set(first.values())) > 1


def test_one_that_fails_three_times_in_a_row_rests_and_the_next_one_is_used(clock: Clock) -> None:
    pool = ProxyPool("anna", ALL, clock)
    began = pool.current

    fail(pool, 2)
    pool.connected({"https": began})
    fail(pool, 2)
    assert pool.current == began
    fail(pool, 1)

    assert pool.current != began
    assert not pool.knows(began)
    clock.now += 61
    assert pool.knows(began)


def test_it_rests_longer_each_time_and_an_answer_forgives(clock: Clock) -> None:
    pool = ProxyPool("anna", ALL[:1], clock)

    fail(pool)
    clock.now += 61
    fail(pool)
    clock.now += 61
    assert not pool.knows(pool.current)
    clock.now += 61
    pool.connected({"https": pool.current})
    fail(pool)
    clock.now += 61

    assert pool.knows(pool.current)


def test_where_all_rest_the_one_whose_rest_ends_first_is_used(clock: Clock) -> None:
    pool = ProxyPool("anna", ALL, clock)
    began = pool.current
    for _ in range(3):
        fail(pool)
        clock.now += 1

    assert pool.current == began


def test_what_was_learned_is_kept_without_credentials_and_taken_over(clock: Clock) -> None:
    pool = ProxyPool("anna", ALL, clock)
    began = pool.current
    assert pool.keep() is None
    fail(pool)

    kept = pool.keep()
    again = ProxyPool("anna", ALL, clock)
    again.take_over(kept)

    assert kept is not None
    assert "pw" not in str(kept)
    assert again.current == pool.current != began
    assert pool.keep() is None
    again.take_over("nonsense")


@pytest.mark.parametrize("wrong", ["http://one.test:1", [""], [3]])
def test_an_invalid_list_of_addresses_is_refused(wrong: object) -> None:
    with pytest.raises(SpiderError, match="list of addresses"):
        ProxyPool("anna", wrong)  # type: ignore[arg-type]


def test_whoever_goes_through_a_proxy_connects_to_nobody_else() -> None:
    late = TimedOut("http://a.test/", "no connection in time")
    late.sent = False
    proxys = (ProxyFailed("u", "w"), ProxyRefused("u", "w"), Unreachable("u", "w"), UnknownHost("u", "w"), late)
    hosts = (ConnectFailed("u", "w"), Refused("u", "w"), TimedOut("u", "w"), Incomplete("u", "w"))

    assert all(is_of_proxy(error, ALL[0]) for error in proxys)
    assert not any(is_of_proxy(error, ALL[0]) for error in hosts)


@pytest.mark.parametrize(
    ("proxy", "its"), [("socks5://p.test:1", False), ("socks5h://p.test:1", True), ("p.test:1", True)]
)
def test_a_name_that_we_look_up_ourselves_says_nothing_of_the_proxy(proxy: str, its: bool) -> None:
    assert is_of_proxy(UnknownHost("http://no.test/", "there is no host named no.test"), proxy) is its
