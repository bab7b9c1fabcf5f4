"""Cookies by the clock and by the letter: how long they live, and which Set-Cookie lines are taken."""

import time

import pytest

from crawler.sessions.cookies.jar import Jar
from tests.sessions.jars import NOW, jar_without_home

__all__ = ["jar_without_home"]  # fixtures


# --- time -------------------------------------------------------------------------------------------------------------
def test_L18_max_age_wins_over_expires_whatever_comes_last(jar: Jar) -> None:
    past, future = "Thu, 01 Jan 1970 00:00:01 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    jar.receive("https://shop.example/", [f"a=1; Max-Age=60; Expires={past}", f"b=2; Expires={future}; Max-Age=0"])

    assert [(cookie.name, cookie.expires) for cookie in jar.cookies()] == [("a", NOW + 60)]


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_L18_expires_is_corrected_by_the_clock_of_the_server(jar: Jar, hours: int) -> None:
    server_now = NOW + hours * 3600
    lines = [f"sid=1; Expires={http_date(server_now + 3600)}", f"gone=1; Expires={http_date(server_now - 1)}"]
    jar.receive("https://shop.example/", lines, date=http_date(server_now))

    assert [(cookie.name, cookie.expires) for cookie in jar.cookies()] == [("sid", NOW + 3600)]


@pytest.mark.parametrize("date", ["", "yesterday", "0"])
def test_L18_an_unreadable_date_of_the_server_changes_nothing(jar: Jar, date: str) -> None:
    jar.receive("https://shop.example/", [f"sid=1; Expires={http_date(NOW + 60)}"], date=date)

    assert jar.cookies()[0].expires == NOW + 60


AGES = {
    "plain": ("60", NOW + 60),
    "zero-padded": ("0060", NOW + 60),
    "huge": ("9" * 1000, 253_402_300_799.0),
    "not-a-number": ("6x", None),
    "fraction": ("2.63", None),
    "plus": ("+60", None),
    "empty": ("", None),
    "other-digits": ("٦", None),
}


@pytest.mark.parametrize(("age", "expires"), AGES.values(), ids=AGES.keys())
def test_a_max_age_that_is_not_a_number_is_ignored(jar: Jar, age: str, expires: float | None) -> None:
    jar.receive("https://shop.example/", [f"a=1; Max-Age={age}"])

    assert jar.cookies()[0].expires == expires


def test_a_cookie_ends_at_its_moment_and_not_before() -> None:
    now = [NOW]
    jar = Jar(clock=lambda: now[0])
    jar.receive("https://shop.example/", ["a=1; Max-Age=60", "b=2"])

    now[0] = NOW + 59.9
    assert jar.header("https://shop.example/") == "a=1; b=2"
    now[0] = NOW + 60
    assert jar.header("https://shop.example/") == "b=2"
    assert jar.keys() == ["b"]
    now[0] = NOW - 1000  # the clock goes back: what has been seen to end stays away
    assert jar.header("https://shop.example/") == "b=2"


def test_a_cookie_that_has_ended_can_be_set_again() -> None:
    now = [NOW]
    jar = Jar(clock=lambda: now[0])
    jar.receive("https://shop.example/", ["a=1; Max-Age=60"])
    now[0] += 60
    jar.receive("https://shop.example/", ["a=2; Max-Age=60"])

    assert jar.header("https://shop.example/") == "a=2"
    assert [cookie.created for cookie in jar.cookies()] == [now[0]]


def test_a_cookie_set_and_deleted_in_one_answer_is_gone(jar: Jar) -> None:
    jar.receive("https://shop.example/", ["a=1; Max-Age=60", "a=; Max-Age=0", "b=1", f"b=; Expires={http_date(0)}"])

    assert jar.header("https://shop.example/") == ""


def http_date(moment: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(moment))


# --- lines ------------------------------------------------------------------------------------------------------------
LINES = {
    "empty-value": ("a=", "a="),
    "spaces": ("  a  =  b c  ; Path=/", "a=b c"),
    "quotes-stay": ('a="b c"', 'a="b c"'),
    "equals-in-value": ("a=b=c", "a=b=c"),
    "nameless": ("lonely", "lonely"),
    "nameless-with-equals": ("=lonely", "lonely"),
    "tab-inside": ("a=b\tc", "a=b\tc"),
    "unicode": ("naïve=☃", "naïve=☃"),
    "L20-version": ("a=1; Path=; Version=1; Comment=x", "a=1"),
    "unknown-attributes": ("a=1; ; =; Partitioned; Priority=High", "a=1"),
    "comma-is-no-end": ("a=1, b=2", "a=1, b=2"),
}


@pytest.mark.parametrize(("line", "sent"), LINES.values(), ids=LINES.keys())
def test_a_line_becomes_a_cookie(jar: Jar, line: str, sent: str) -> None:
    jar.receive("https://shop.example/", [line])

    assert jar.header("https://shop.example/") == sent


@pytest.mark.parametrize("line", ["", " ", "=", ";", "; Path=/", " = ; Secure"])
def test_a_line_without_name_and_value_sets_nothing(jar: Jar, line: str) -> None:
    assert jar.receive("https://shop.example/", [line]) == []


@pytest.mark.parametrize("code", [*range(0x00, 0x09), *range(0x0A, 0x20), 0x7F], ids="{:02x}".format)
@pytest.mark.parametrize("where", ["a{}=b", "a=b{}c", "a=b; Path=/{}", "a=b{}"], ids=["name", "value", "path", "end"])
def test_X14_B24_a_control_character_refuses_the_whole_line(jar: Jar, code: int, where: str) -> None:
    assert jar.receive("https://shop.example/", [where.format(chr(code)), "x=y"])[0].cookie.name == "x"
    assert len(jar) == 1


def test_B24_a_lone_carriage_return_adds_no_cookie(jar: Jar) -> None:
    jar.receive("https://shop.example/", ["x=1\rSet-Cookie: injected=1", "y=1\nSet-Cookie: injected=1"])

    assert jar.header("https://shop.example/") == ""


def test_other_bytes_than_utf8_go_back_as_they_came(jar: Jar) -> None:
    from crawler.sessions.cookies.rules import from_wire, to_wire

    raw = b"caf\xe9=\xff\xfe"
    jar.receive("https://shop.example/", [from_wire(raw), from_wire("snow=☃".encode().decode("latin-1"))])

    assert to_wire(jar.header("https://shop.example/")) == raw + "; snow=☃".encode()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://shop.example/",
        "http://",
        "https:///",
        "data:,x",
        "http://" + "a" * 100_000,
        "http://exa mple/",
        "http://[::1",
    ],
)
def test_Z6_a_url_without_a_host_has_no_cookies(jar: Jar, url: str) -> None:
    began = time.perf_counter()

    assert jar.receive(url, ["a=1"]) == []
    assert jar.header(url) == ""
    assert time.perf_counter() - began < 0.5


def test_one_line_given_as_text_is_one_line(jar: Jar) -> None:
    jar.receive("https://shop.example/", "abc=def")

    assert jar.header("https://shop.example/") == "abc=def"


def test_a_refused_cookie_is_reported_without_its_value(jar: Jar, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "crawler.sessions.cookies.jar"):
        jar.receive("https://a.co.uk/", ["sid=s3cret; Domain=co.uk", "s3cret"])

    assert "'sid': the domain is a public suffix" in caplog.text
    assert "s3cret" not in caplog.text
