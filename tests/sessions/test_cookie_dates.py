"""Cookie dates: all forms in use, and a bounded cost."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.cookies.dates import parse_cookie_date

DATES = {
    "imf": ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
    "rfc850": ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
    "asctime": ("Sun Nov  6 08:49:37 1994", 784111777.0),
    "any-order": ("1994 08:49:37 6 November", 784111777.0),
    "year-69-is-2069": ("01 Jan 69 00:00:00", 3124224000.0),
    "year-70-is-1970": ("01 Jan 70 00:00:00", 0.0),
    "one-digit-clock": ("6 Nov 1994 8:9:7", 784109347.0),
    "rubbish-after-digits": ("6th Nov 1994AD 08:49:37.123", 784111777.0),
    "first-of-two-counts": ("6 Nov 1994 08:49:37 7 Dec 1995 09:00:00", 784111777.0),
}
NO_DATES = {
    "empty": "",
    "no-clock": "06 Nov 1994",
    "no-year": "06 Nov 08:49:37",
    "31-february": "31 Feb 2020 00:00:00",
    "25-oclock": "06 Nov 1994 25:00:00",
    "minute-60": "06 Nov 1994 00:60:00",
    "second-60": "06 Nov 1994 00:00:60",
    "day-0": "0 Nov 1994 00:00:00",
    "before-1601": "06 Nov 1600 00:00:00",
    "three-digit-clock": "06 Nov 1994 008:49:37",
    "five-digit-year": "06 Nov 19940 08:49:37",
    "other-digits": "٠٦ Nov 1994 08:49:37",
}


@pytest.mark.parametrize(("text", "moment"), DATES.values(), ids=DATES.keys())
def test_a_date_in_use_is_read(text: str, moment: float) -> None:
    assert parse_cookie_date(text) == moment


@pytest.mark.parametrize("text", NO_DATES.values(), ids=NO_DATES.keys())
def test_an_invalid_date_is_none(text: str) -> None:
    assert parse_cookie_date(text) is None


@pytest.mark.parametrize(
    "text", ["1-c-1" + " " * 60_000 + "!", "1" * 60_000, "1:" * 30_000, "Jan" * 20_000, "-" * 60_000], ids=range(5)
)
def test_Z6_a_hostile_date_takes_little_time(text: str) -> None:
    began = time.thread_time()
    for _ in range(99):
        parse_cookie_date(text)
    assert time.thread_time() - began < 1.0


@given(st.text())
def test_any_text_is_a_date_or_none(text: str) -> None:
    moment = parse_cookie_date(text)
    assert moment is None or -12e9 < moment < 3e11


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1)))
def test_a_written_date_is_read_back(moment: datetime) -> None:
    whole = moment.replace(microsecond=0, tzinfo=UTC)

    assert parse_cookie_date(whole.strftime("%a, %d %b %Y %H:%M:%S GMT")) == whole.timestamp()
