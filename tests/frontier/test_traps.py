"""Rules against endless URL spaces: each trap ends, and real sites are left alone."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.traps import TrapGuard, TrapLimits
from crawler.urls import absolute

SITE = "https://a.example"
NOW = float(calendar.timegm((2026, 6, 1, 0, 0, 0)))


def refuses(path: str, depth: int = 1) -> str | None:
    return TrapGuard().refuses(SITE + path, depth, NOW)


# --- traps end --------------------------------------------------------------------------------------------------------


def growing_path() -> Iterator[str]:
    url = f"{SITE}/shop/"
    while True:
        yield url
        url = absolute(url, "items/shop/")


def calendar_ahead() -> Iterator[str]:
    return (f"{SITE}/calendar/{2026 + n // 12}/{n % 12 + 1:02}" for n in count())


def calendar_of_y_and_m() -> Iterator[str]:
    return (f"{SITE}/cal?y={2026 + n // 12}&m={n % 12 + 1}" for n in count())


def calendar_of_months_from_0() -> Iterator[str]:
    return (f"{SITE}/cal?cal_mo={n % 12:02}&a=b&cal_yr={2026 + n // 12}" for n in count())


def calendar_in_dutch() -> Iterator[str]:
    return (f"{SITE}/cal?Jaar={2026 + n // 12}&maand={n % 12 + 1}" for n in count())


def calendar_back() -> Iterator[str]:
    return (f"{SITE}/calendar?month={2026 - n // 12}-{12 - n % 12:02}" for n in count())


def session_in_each_link() -> Iterator[str]:
    return (f"{SITE}/page?sid={n:032x}" for n in count())


def session_in_each_path() -> Iterator[str]:
    return (f"{SITE}/(S({n:024x}))/page.aspx" for n in count())


def filters_in_all_combinations() -> Iterator[str]:
    return (f"{SITE}/f?" + "&".join(f"f{bit}=1" for bit in range(20) if n >> bit & 1) for n in count(1))


def return_address_in_itself() -> Iterator[str]:
    link = "/login?next=x"
    while True:
        yield SITE + link
        link = "/login?next=" + link.replace("%", "%25").replace("/", "%2F").replace("?", "%3F").replace("=", "%3D")


def argument_added_each_time() -> Iterator[str]:
    return (f"{SITE}/x?" + "&".join(["a=1"] * n) for n in count(1))


def query_that_grows() -> Iterator[str]:
    return (f"{SITE}/x?q={'a' * n}" for n in count(1))


@pytest.mark.parametrize(
    ("trap", "at_most"),
    [
        (growing_path, 10),
        (calendar_ahead, 40),
        (calendar_back, 400),
        (calendar_of_y_and_m, 40),
        (calendar_of_months_from_0, 40),
        (calendar_in_dutch, 40),
        (session_in_each_link, 5),
        (session_in_each_path, 5),
        (filters_in_all_combinations, 210),
        (return_address_in_itself, 5),
        (argument_added_each_time, 15),
        (query_that_grows, 4_200),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_U4_a_trap_ends_by_itself(trap: Callable[[], Iterator[str]], at_most: int) -> None:
    guard = TrapGuard()
    for followed, url in enumerate(trap()):
        assert followed <= at_most
        if guard.refuses(url, followed, NOW):
            return


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/a/b/a/b/a/b/a/b/", "repeated path segments"),
        ("/x/x/x/x", "repeated path segments"),
        ("/" + "/".join(map(str, range(50))), "path of more than 40 segments"),
        ("/" + "y" * 5_000, "URL longer than 4096 characters"),
        ("/x?" + "&".join(f"a{n}=1" for n in range(50)), "more than 40 arguments"),
        ("/x?" + "&".join(["a=1"] * 20), "one argument many times"),
        ("/x?u=%252525252F", "escapes within escapes"),
        ("/2029/12/01", "calendar more than 2 years ahead"),
        ("/x?year=2035&month=3", "calendar more than 2 years ahead"),
        ("/x?date=20350101", "calendar more than 2 years ahead"),
        ("/x?start_date=2030-01", "calendar more than 2 years ahead"),
        ("/x?from=2044-01-01T00:00", "calendar more than 2 years ahead"),
        ("/events/1990/01", "calendar more than 30 years back"),
    ],
    ids=lambda value: value[:24],
)
def test_U4_a_refusal_names_its_rule(path: str, rule: str) -> None:
    assert refuses(path) == rule


def test_without_a_time_the_clock_is_asked() -> None:
    guard = TrapGuard(clock=lambda: NOW - 20 * 366 * 86_400)
    assert guard.refuses(f"{SITE}/2026/01", 1) == "calendar more than 2 years ahead"
    assert guard.refuses(f"{SITE}/2006/01", 1) is None


def test_U4_depth_and_pages_of_a_host_are_limited() -> None:
    guard = TrapGuard(TrapLimits(max_depth=5, max_pages_per_host=100))
    assert guard.refuses(SITE + "/", 5, NOW) is None
    assert guard.refuses(SITE + "/", 6, NOW) == "deeper than 5 links"
    assert guard.refuses_host("a.example", b"m", [b"x"] * 99) is None
    assert (
        guard.refuses_host("a.example", b"m", [b"x"] * 100) == "more than 100 pages of one host (`max_pages_per_host`)"
    )


# --- real sites are left alone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/1/1/1/1",
        "/a/b/a/c/a",
        "/all/all/all/all/red",
        "/-/-/-/-/x",
        "/2024/01/05/title",
        "/1890/05/03/news",
        "/item/2150/7",
        "/x?year=1998",
        "/archive?date=1890-05-03",
        "/x?month=2027-05",
        "/products?size=2048&color=red",
        "/x?weekday=5",
        "/x?y=2150&m=7",
        "/x?time=1700000000",
        "/x?price_from=3000",
        "/x?start=2500",
        "/x?end=9999",
        "/calendar/2010/01",
        "/x?timestamp=20200101120000",
        "/x?s=widget",
        "/x?sid=story-about-a-long-title",
        "/a%20b?q=100%25",
        "/x?id=20501299",
        "/(en)/page",
        "/x?tags=a&tags=b&tags=c",
    ],
    ids=str,
)
def test_an_ordinary_url_is_not_a_trap(path: str) -> None:
    guard = TrapGuard()
    for _ in range(10):
        assert guard.refuses(SITE + path, 1, NOW) is None


@pytest.mark.parametrize(
    "address",
    [
        "/tiles?x=5&y={far}&m={small}",
        "/map?lng=3&y={far}&m={small}",
        "/parts?y={far}&m={large}",
        "/parts?y={low}&m={small}",
        "/items?y={far}&page={small}",
        "/items?year2={far}&m={small}",
    ],
)
def test_numbers_that_look_like_years_among_others_are_no_calendar(address: str) -> None:
    guard = TrapGuard()
    for number in range(400):
        far, low = 2026 + number % 170, 1900 + number % 125
        url = address.format(far=far, low=low, small=number % 12 + 1, large=number + 100)
        assert guard.refuses(SITE + url, 1, NOW) is None


def test_an_archive_by_short_names_and_the_months_to_come_stay_welcome() -> None:
    guard = TrapGuard()
    for year in range(1980, 2029):
        assert not any(guard.refuses(f"{SITE}/archive?y={year}&m={month}", 1, NOW) for month in range(1, 13))


def test_a_catalogue_with_a_great_many_pages_is_not_a_trap() -> None:
    guard = TrapGuard()
    assert not any(guard.refuses(f"{SITE}/item?id={number}&lang=en", 3, NOW) for number in range(20_000))
    assert not any(guard.refuses(f"{SITE}/item/{number}", 3, NOW) for number in range(5_000))


def test_the_combinations_and_sessions_that_came_first_stay_welcome() -> None:
    guard = TrapGuard(TrapLimits(max_combinations=2))
    urls = [f"{SITE}/f?{names}" for names in ("a=1", "b=1&a=2", "c=1")]
    assert [guard.refuses(url, 1, NOW) is None for url in urls * 2] == [True, True, False] * 2


def test_a_number_of_different_queries_is_estimated_well() -> None:
    guard = TrapGuard(TrapLimits(max_values=2_000))
    taken = 0
    for number in range(5_000):
        if guard.refuses(f"{SITE}/x?id={number}", 1, NOW):
            break
        taken += 1
        guard.refuses(f"{SITE}/x?id={number // 2}", 1, NOW)  # known ones do not count twice
    assert 1_400 < taken < 2_800


def test_a_rule_set_to_zero_is_off() -> None:
    off = TrapGuard(TrapLimits(*[0] * len(TrapLimits.__slots__)))
    for path in ("/a/a/a/a/a", "/" + "y" * 9_000, "/x?" + "a=1&" * 90, "/calendar/2099/01", "/events/1950/01"):
        assert off.refuses(SITE + path, 99_999, NOW) is None
    assert not any(off.refuses(f"{SITE}/x?sid={number:032x}", 1, NOW) for number in range(9))
    assert off.refuses_host("a.example", b"m", [b"x"] * 10**6) is None


# --- cost -------------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_however_many_paths_there_are() -> None:
    guard = TrapGuard()
    for number in range(5_000):
        guard.refuses(f"{SITE}/p{number}?sid={number:032x}&date=2026-01-01", 1, NOW)
    assert len(guard.counts._few) <= 2_000
    assert len(guard.counts._distinct) <= 2_000


@pytest.mark.parametrize(
    "piece", ["/a", "&a=b", "date", "&date", "sess", "(S(", "/2020", "d-2020", "sid=", "%25"], ids=str
)
def test_a_hostile_url_costs_little_also_without_a_limit_of_length(piece: str) -> None:
    guard = TrapGuard(TrapLimits(max_characters=0, max_arguments=0))
    started = time.thread_time()
    guard.refuses(f"{SITE}/x?" + piece * (60_000 // len(piece)), 1, NOW)
    guard.refuses(f"{SITE}/" + piece * (60_000 // len(piece)), 1, NOW)
    assert time.thread_time() - started < 0.5


@given(st.text(max_size=60), st.integers(0, 10**6), st.floats(0, 4e9))
def test_no_text_breaks_the_rules(path: str, depth: int, now: float) -> None:
    TrapGuard().refuses(f"{SITE}/{path}", depth, now)
    TrapGuard().refuses(path, depth, now)
