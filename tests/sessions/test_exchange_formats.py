"""Sessions in and out of other programs: the formats, and that nothing is lost on the way."""

import json
from http.cookiejar import MozillaCookieJar
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.formats.exchange import read, write, write_private
from tests.sessions.exchanged import LINES, NOW, URL, jar, loaded

__all__ = ["jar"]  # a fixture


@pytest.mark.parametrize("form", ["json", "cookies.txt", "curl"])
def test_what_is_written_is_read_back_and_sends_the_same(jar: Jar, form: str) -> None:
    text = write(jar.dump(), form, url=URL)
    found = read(text, now=NOW)

    assert loaded(found.cookies).header(URL) == jar.header(URL)
    assert found.left_out == ()


def test_L15_json_loses_nothing(jar: Jar) -> None:
    text = write(jar.dump(), "json", user_agent="Test/1", headers={"X-Key": "k"})
    found = read(text.encode().decode(), now=0)

    assert found.cookies == jar.dump()
    assert (found.user_agent, found.headers) == ("Test/1", {"X-Key": "k"})


def test_L15_cookies_txt_keeps_all_that_decides_where_a_cookie_goes(jar: Jar) -> None:
    text = write(jar.dump(), "cookies.txt")
    found = read(text, now=NOW).cookies

    assert "www.shop.example\tFALSE\t/\tFALSE\t0\tsession\t1\n" in text
    assert "#HttpOnly_.shop.example\tTRUE\t/app\tTRUE\t1800000600\twide\t1\n" in text

    kept = ("name", "value", "domain", "host_only", "path", "secure", "http_only", "expires")
    assert [[cookie[field] for field in kept] for cookie in found] == [[c[field] for field in kept] for c in jar.dump()]


def test_L15_cookies_txt_can_be_read_by_others(jar: Jar, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    write_private(file, write(jar.dump(), "cookies.txt"))
    theirs = MozillaCookieJar(file)
    theirs.load(ignore_discard=True, ignore_expires=True)

    shown = {cookie.name: (cookie.value, cookie.domain, cookie.domain_specified) for cookie in theirs}
    assert shown["empty"] == ("", "www.shop.example", False)
    assert shown["wide"] == ("1", ".shop.example", True)
    assert "tab" not in shown
    assert len(shown) == len(LINES) - 2


def test_cookies_txt_of_others_is_read() -> None:
    text = (
        "\ufeff# Netscape HTTP Cookie File\r\n# a comment\r\n\r\n"
        ".shop.example\tTRUE\t/\tTRUE\t1900000000\twide\t1\r\n"
        "#HttpOnly_www.shop.example\tFALSE\t/app\tFALSE\t0\tsession\t2\r\n"
        "www.shop.example\tFALSE\t/\tFALSE\t0\tempty\r\n"
    )
    cookies = read(text, now=NOW).cookies

    assert [(c["name"], c["value"], c["domain"], c["host_only"]) for c in cookies] == [
        ("wide", "1", "shop.example", False),
        ("session", "2", "www.shop.example", True),
        ("empty", "", "www.shop.example", True),
    ]
    assert [(c["secure"], c["http_only"], c["expires"]) for c in cookies] == [
        (True, False, 1_900_000_000.0),
        (False, True, None),
        (False, False, None),
    ]
    assert all(cookie["created"] == NOW for cookie in cookies)


def test_storage_state_has_the_fields_that_playwright_wants(jar: Jar) -> None:
    state = json.loads(write(jar.dump(), "storage-state"))

    assert state["origins"] == []
    assert {cookie["name"]: cookie for cookie in state["cookies"]}["wide"] == {
        "name": "wide",
        "value": "1",
        "domain": ".shop.example",
        "path": "/app",
        "expires": NOW + 600,
        "httpOnly": True,
        "secure": True,
        "sameSite": "Strict",
    }
    assert {c["expires"] for c in state["cookies"] if c["name"] != "wide"} == {-1}
    assert {type(cookie[field]) for cookie in state["cookies"] for field in ("httpOnly", "secure")} == {bool}


def test_storage_state_is_read() -> None:
    state = {
        "cookies": [
            {"name": "sid", "value": "1", "domain": "shop.example", "path": "/", "expires": -1, "httpOnly": True}
            | {"secure": True, "sameSite": "Lax"},
            {"name": "wide", "value": "2", "domain": ".shop.example", "path": "/", "expires": 1_900_000_000.5}
            | {"httpOnly": False, "secure": False, "sameSite": "None"},
        ],
        "origins": [{"origin": "https://shop.example", "localStorage": [{"name": "x", "value": "y"}]}],
    }
    jar = loaded(read(json.dumps(state), now=NOW, form="storage-state").cookies)

    assert [(c.name, c.host_only, c.secure, c.http_only, c.same_site, c.expires) for c in jar.cookies()] == [
        ("sid", True, True, True, "Lax", None),
        ("wide", False, False, False, "None", 1_900_000_000.5),
    ]


def test_the_list_of_a_browser_extension_is_read() -> None:
    found = [
        {"name": "sid", "value": "1", "domain": "shop.example", "hostOnly": True, "session": True, "expirationDate": 5}
        | {"sameSite": "no_restriction", "secure": True, "storeId": "0"},
        {"name": "wide", "value": "2", "domain": ".shop.example", "hostOnly": False, "expirationDate": 1.9e9}
        | {"sameSite": "unspecified"},
        {"name": "odd"},
        "rubbish",
    ]
    imported = read(json.dumps(found), now=NOW)

    assert [(c["name"], c["host_only"], c["expires"], c["same_site"]) for c in imported.cookies] == [
        ("sid", True, None, "None"),
        ("wide", False, 1.9e9, None),
    ]
    assert len(imported.left_out) == 2


def test_names_and_values_alone_need_to_know_whose_they_are() -> None:
    with pytest.raises(UsageError, match="give the URL"):
        read('{"sid": "1"}', now=NOW)
    cookies = read('{"sid": "1"}', now=NOW, url=URL).cookies

    assert [(c["domain"], c["host_only"], c["secure"]) for c in cookies] == [("www.shop.example", True, True)]


values = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[*map(chr, range(9)), *map(chr, range(10, 32)), ";", "\x7f"]
    ),
    max_size=20,
)


@example([(0, "\x85")], "curl")
@given(
    st.lists(st.tuples(st.integers(0, 9), values), max_size=5),
    st.sampled_from(["json", "cookies.txt", "curl", "storage-state"]),
)
def test_any_value_survives_any_format(pairs: list[tuple[int, str]], form: str) -> None:
    jar = Jar(clock=lambda: NOW)
    jar.receive(URL, [f"c{number}={value}" for number, value in pairs])
    found = read(write(jar.dump(), form, url=URL), now=NOW)

    assert loaded(found.cookies).header(URL) == jar.header(URL)
