"""Cookies as other programs really write them: encodings, columns, ends, and the JSON of many producers."""

# ruff: noqa: E501 - lines as other programs write them

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.sessions.formats.exchange import Imported, read
from crawler.sessions.formats.reading import Unreadable, decoded, end_of
from tests.sessions.exchanged import NOW

LATER = 1_900_000_000.0
LINE = "www.shop.example\tFALSE\t/\tTRUE\t1900000000\tsid\tabc"


def taken(text: str, **more: Any) -> Imported:
    return read(text, now=NOW, **more)


def only(text: str, **more: Any) -> dict[str, Any]:
    found = taken(text, **more)
    assert found.left_out == ()
    (cookie,) = found.cookies
    return cookie


# --- cookies.txt ------------------------------------------------------------------------------------------------------

TEXT = f"# Netscape HTTP Cookie File\n{LINE}\tü"[:-2] + "ü\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(TEXT.encode(), id="UTF-8"),
        pytest.param(TEXT.encode("utf-8-sig"), id="UTF-8 with a BOM (Notepad)"),
        pytest.param(TEXT.encode("utf-16"), id="UTF-16 with a BOM (PowerShell)"),
        pytest.param(b"\xfe\xff" + TEXT.encode("utf-16-be"), id="UTF-16 BE with a BOM"),
        pytest.param(TEXT.encode("utf-16-le"), id="UTF-16 LE without a BOM"),
        pytest.param(TEXT.encode("utf-16-be"), id="UTF-16 BE without a BOM"),
        pytest.param(TEXT.encode("utf-32"), id="UTF-32"),
        pytest.param(TEXT.replace("\n", "\r\n").encode("utf-16"), id="UTF-16 with CR LF"),
        pytest.param(TEXT.replace("\n", "\r").encode(), id="CR alone"),
        pytest.param(TEXT.replace("\n", "\n\n\n").encode(), id="empty lines between"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_its_program_wrote(data: bytes) -> None:
    cookie = only(decoded(data, "c.txt"))

    assert (cookie["name"], cookie["value"], cookie["domain"]) == ("sid", "abcü", "www.shop.example")


@pytest.mark.parametrize("data", [TEXT.encode("latin-1"), b"\xff\xfe\x00", b"sid=\x80\x81"])
def test_a_file_in_no_encoding_of_unicode_is_named_with_what_to_do(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"c\.txt is not UTF-(8|16): save it as UTF-8"):
        decoded(data, "c.txt")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_text_or_one_error(data: bytes) -> None:
    try:
        assert isinstance(decoded(data, "c.txt"), str)
    except UsageError:
        pass


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("127.0.0.1:8080\tFALSE\t/\tFALSE\t0\tsid\tv", {"domain": "127.0.0.1"}, id="wget: host and port"),
        pytest.param("shop.example:8443\tFALSE\t/\tFALSE\t0\tsid\tv", {"domain": "shop.example"}, id="name and port"),
        pytest.param("[::1]:8080\tFALSE\t/\tFALSE\t0\tsid\tv", {"domain": "::1"}, id="IPv6 and port"),
        pytest.param(
            ".shop.example\tTRUE\t/\tFALSE\t0\tsid\tv", {"domain": "shop.example", "host_only": False}, id="dot"
        ),
        pytest.param("shop.example\tTRUE\t/\tFALSE\t0\tsid\tv", {"host_only": False}, id="wide without a dot"),
        pytest.param("SHOP.example\tFALSE\t/\tFALSE\t0\tsid\tv", {"domain": "shop.example"}, id="capitals"),
        pytest.param("#HttpOnly_shop.example\tFALSE\t/\tFALSE\t0\tsid\tv", {"http_only": True}, id="HttpOnly"),
        pytest.param("#httponly_shop.example\tFALSE\t/\tFALSE\t0\tsid\tv", {"http_only": True}, id="httponly"),
        pytest.param(
            "shop.example\tfalse\t/\ttrue\t0\tsid\tv", {"secure": True, "host_only": True}, id="small letters"
        ),
        pytest.param("shop.example FALSE / TRUE 1900000000 sid v", {"value": "v", "expires": LATER}, id="blanks"),
        pytest.param("shop.example  FALSE  /  TRUE  0  sid  a b", {"value": "a b"}, id="blanks, also in the value"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t0\tsid\t", {"value": ""}, id="empty value"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t0\tsid", {"value": ""}, id="empty value, TAB lost"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t0\tsid\ta=b, c", {"value": "a=b, c"}, id="signs in the value"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t0\tsid\tv", {"expires": None}, id="no end: 0"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t-1\tsid\tv", {"expires": None}, id="no end: -1"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t\tsid\tv", {"expires": None}, id="no end: nothing"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\tSession\tsid\tv", {"expires": None}, id="no end: Session"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t1900000000.5\tsid\tv", {"expires": LATER + 0.5}, id="a fraction"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t1900000000000\tsid\tv", {"expires": LATER}, id="milliseconds"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t1.9e12\tsid\tv", {"expires": LATER}, id="with an exponent"),
        pytest.param(
            "shop.example\tFALSE\t/\tTRUE\t13544473600000000\tsid\tv", {"expires": LATER}, id="Chromium's own"
        ),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t1900000000000000\tsid\tv", {"expires": LATER}, id="microseconds"),
        pytest.param("shop.example\tFALSE\t/\tTRUE\t2030-03-17T17:46:40Z\tsid\tv", {"expires": LATER}, id="a date"),
        pytest.param("shop.example\tFALSE\t\tTRUE\t0\tsid\tv", {"path": "/"}, id="no path"),
    ],
)
def test_a_line_of_another_program_is_read(line: str, expected: dict[str, Any]) -> None:
    cookie = only(f"# HTTP cookie file.\n# Generated by Wget on 2026-11-28 03:00:00.\n\n{line}\n")

    assert {name: cookie[name] for name in expected} == expected
    assert cookie["name"] == "sid"


@pytest.mark.parametrize(
    "head", ["# HTTP Cookie File", "#  netscape http cookie file", "# Netscape HTTP Cookie File", ""]
)
def test_a_file_is_known_by_its_first_line_or_by_its_columns(head: str) -> None:
    assert only(f"{head}\n{LINE}")["name"] == "sid"
    assert only(f"{head}\nshop.example FALSE / TRUE 0 sid v")["name"] == "sid"


def test_lines_that_cannot_be_read_are_named_and_the_others_are_taken() -> None:
    found = taken(
        f"# Netscape HTTP Cookie File\n{LINE}\nshop.example\tTRUE\t/\ns3cret\nshop.example\tMAYBE\t/\tTRUE\t0\ta\ts3cret\n"
        f"shop.example\tFALSE\t/\tTRUE\tsoon\tb\ts3cret\n{LINE.replace('sid', 'two')}\ta\tb\n{LINE.replace('sid', 'ok')}"
    )

    assert [cookie["name"] for cookie in found.cookies] == ["sid", "ok"]
    assert len(found.left_out) == 5
    assert [why.split()[1] for why in found.left_out] == ["3", "4", "5", "6", "7"]
    assert "s3cret" not in "".join(found.left_out)


def test_a_file_without_a_readable_line_is_refused_and_the_lines_are_counted() -> None:
    with pytest.raises(UsageError, match=r"line 2 of the cookies\.txt file has 2 columns.*so are 2 more lines"):
        taken("# Netscape HTTP Cookie File\na\tb\na\tb\na\tb")


# --- ends -------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 253_402_300_799))
def test_seconds_stay_seconds(seconds: int) -> None:
    assert end_of(seconds) == end_of(str(seconds)) == float(seconds)


@given(st.integers(300_000_000, 4_000_000_000))
def test_the_same_moment_in_smaller_units_is_the_same_moment(seconds: int) -> None:
    assert end_of(seconds * 1_000) == seconds
    assert end_of(seconds * 1_000_000) == seconds
    assert end_of((seconds + 11_644_473_600) * 1_000_000) == seconds


@given(st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.booleans(), st.lists(st.integers())))
def test_any_value_is_an_end_none_or_unreadable(value: Any) -> None:
    try:
        end = end_of(value)
    except Unreadable:
        return
    assert end is None or 0 < end < 253_402_300_801


# --- JSON of many producers -------------------------------------------------------------------------------------------

CHROME_EXTENSION = {
    "domain": ".shop.example", "expirationDate": 1900000000.25, "hostOnly": False, "httpOnly": True, "name": "sid",
    "path": "/", "sameSite": "no_restriction", "secure": True, "session": False, "storeId": "0", "value": "v", "id": 1,
}  # fmt: skip
QUICK_MANAGER = {
    "Host raw": "https://.shop.example/", "Name raw": "sid", "Path raw": "/", "Content raw": "v",
    "Expires": "17-03-2030 18:46:40", "Expires raw": "1900000000", "Send for": "Encrypted connections only",
    "Send for raw": "true", "HTTP only raw": "true", "SameSite raw": "no_restriction", "This domain only": "Valid for subdomains",
    "This domain only raw": "false", "Store raw": "firefox-default",
}  # fmt: skip
SELENIUM = {
    "domain": ".shop.example", "expiry": 1900000000, "httpOnly": True, "name": "sid", "path": "/", "sameSite": "None",
    "secure": True, "value": "v",
}  # fmt: skip
PUPPETEER = {
    "name": "sid", "value": "v", "domain": ".shop.example", "path": "/", "expires": 1900000000.5, "size": 4,
    "httpOnly": True, "secure": True, "session": False, "sameSite": "None", "sameParty": False, "sourceScheme": "Secure",
    "sourcePort": 443,
}  # fmt: skip
PLAYWRIGHT = {
    "name": "sid", "value": "v", "domain": ".shop.example", "path": "/", "expires": 1900000000.5, "httpOnly": True,
    "secure": True, "sameSite": "None",
}  # fmt: skip
FIREFOX_EXTENSION = {
    "name": "sid", "value": "v", "domain": ".shop.example", "hostOnly": False, "path": "/", "secure": True,
    "httpOnly": True, "sameSite": "no_restriction", "session": False, "firstPartyDomain": "", "partitionKey": None,
    "expirationDate": 1900000000, "storeId": "firefox-default",
}  # fmt: skip
TEXTS_ONLY = {
    "host": ".shop.example:443", "name": "sid", "value": "v", "path": "/", "expiry": "1900000000000", "isSecure": "true",
    "isHttpOnly": 1, "sameSite": "none",
}  # fmt: skip

PRODUCERS = {
    "EditThisCookie": [CHROME_EXTENSION],
    "Cookie-Editor, Chrome": [{**CHROME_EXTENSION, "sameSite": "no_restriction", "storeId": None}],
    "Cookie-Editor, Firefox": [FIREFOX_EXTENSION],
    "Cookie Quick Manager": [QUICK_MANAGER],
    "Selenium get_cookies": [SELENIUM],
    "Puppeteer page.cookies": [PUPPETEER],
    "Playwright storage_state": {"cookies": [PLAYWRIGHT], "origins": []},
    "DevTools Network.getAllCookies": {"id": 1, "result": {"cookies": [PUPPETEER]}},
    "a database as JSON": [TEXTS_ONLY],
    "an object with cookies": {"url": "https://shop.example", "cookies": [CHROME_EXTENSION]},
}


@pytest.mark.parametrize("made", PRODUCERS.values(), ids=PRODUCERS.keys())
def test_the_json_of_a_producer_gives_the_same_cookie(made: Any) -> None:
    cookie = only(json.dumps(made))

    fields = ("name", "value", "domain", "host_only", "path", "secure", "http_only", "same_site")
    assert [cookie[field] for field in fields] == ["sid", "v", "shop.example", False, "/", True, True, "None"]
    assert cookie["expires"] == pytest.approx(LATER, abs=1)


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"session": True, "expirationDate": 1}, None),
        ({"expirationDate": None, "session": True}, None),
        ({"expirationDate": -1}, None),
        ({"expirationDate": 0}, None),
        ({"expirationDate": "Session"}, None),
        ({"expirationDate": "Sun, 17 Mar 2030 17:46:40 GMT"}, LATER),
        ({"expirationDate": "2030-03-17T17:46:40.000Z"}, LATER),
        ({"expirationDate": "2030-03-17T18:46:40+01:00"}, LATER),
        ({"expirationDate": 1900000000000}, LATER),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_end_of_a_cookie_in_all_its_forms(changes: dict[str, Any], end: float | None) -> None:
    assert only(json.dumps([{**CHROME_EXTENSION, **changes}]))["expires"] == end


@pytest.mark.parametrize(
    ("cookie", "why"),
    [
        ({"value": "s3cret"}, "a cookie without a name"),
        ({**SELENIUM, "value": None}, "cookie 'sid' has no text as its value"),
        ({**SELENIUM, "value": {"s3cret": 1}}, "cookie 'sid' has no text as its value"),
        ({**SELENIUM, "expiry": "s3cret"}, "cookie 'sid' has an expiry that is not a time"),
        ("s3cret", "a cookie is an object with a name and a value"),
        ({**SELENIUM, "domain": ""}, None),
        ({**SELENIUM, "value": "a\r\nb"}, "cookie 'sid': control characters cannot be sent"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_cookie_that_cannot_be_read_is_named_and_the_others_are_taken(cookie: Any, why: str | None) -> None:
    found = taken(json.dumps([cookie, {**PLAYWRIGHT, "name": "good"}]))

    assert [each["name"] for each in found.cookies if each["name"] == "good"] == ["good"]
    assert len(found.left_out) == (0 if found.cookies[0]["name"] != "good" else 1)
    assert why is None or found.left_out == (why,)
    assert "s3cret" not in "".join(found.left_out)


def test_what_scripts_have_kept_comes_with_a_storage_state() -> None:
    kept = [{"name": "token", "value": "s3cret-of-a-script"}, {"value": "nameless"}]
    origins = [{"origin": "https://shop.example", "localStorage": kept}, {"origin": "none"}, "no object"]

    found = taken(json.dumps({"cookies": [PLAYWRIGHT], "origins": origins}))

    assert len(found.cookies) == 1
    shop = found.more["storage"]["https://shop.example"]
    assert shop == {"local": {"token": "s3cret-of-a-script"}, "session": {}, "databases": []}
    assert found.left_out == ("the storage of something that is not an origin",)


# --- HAR --------------------------------------------------------------------------------------------------------------


def har(entry: dict[str, Any], *, creator: str = "", **log: Any) -> str:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": creator}, "entries": [entry], **log}})


SENT = [{"name": "Host", "value": "shop.example"}, {"name": "User-Agent", "value": "Mozilla/5.0"}]
SET = "sid=v; Path=/; HttpOnly; Secure; Domain=shop.example"
LISTED = {"name": "sid", "value": "v", "path": "/", "domain": "shop.example", "expires": "2030-03-17T17:46:40Z"}

RECORDINGS = {
    "Chrome": {
        "startedDateTime": "2027-01-15T08:00:00.000Z",
        "request": {"method": "GET", "url": "https://shop.example/", "headers": SENT, "cookies": []},
        "response": {"status": 200, "headers": [{"name": "set-cookie", "value": SET}], "cookies": [LISTED]},
        "_initiator": {"type": "other"},
    },
    "Firefox": {
        "startedDateTime": "2027-01-15T09:00:00.000+01:00",
        "request": {"url": "https://shop.example/", "headers": SENT, "cookies": []},
        "response": {"headers": [{"name": "Set-Cookie", "value": f"{SET}\nlang=de"}], "cookies": []},
    },
    "Safari": {
        "startedDateTime": "2027-01-15T08:00:00.000Z",
        "request": {"url": "https://shop.example/", "headers": SENT, "cookies": []},
        "response": {"headers": [{"name": "Content-Type", "value": "text/html"}], "cookies": [LISTED]},
    },
    "Charles": {
        "startedDateTime": "2027-01-15T08:00:00.000+00:00",
        "request": {"url": "https://shop.example:443/", "headers": SENT, "cookies": [{"name": "sid", "value": "v"}]},
        "response": {"_charlesStatus": "COMPLETE", "headers": [], "cookies": []},
    },
    "Fiddler": {
        "startedDateTime": "2027-01-15T09:00:00.0000000+01:00",
        "request": {"url": "https://shop.example/", "headers": [*SENT, {"name": "Cookie", "value": "sid=v"}]},
        "response": {"headers": [{"name": "Set-Cookie", "value": "lang=de"}]},
    },
    "mitmproxy": {
        "startedDateTime": "2027-01-15T08:00:00.123456+00:00",
        "request": {
            "url": "https://shop.example/",
            "headers": [{"name": "cookie", "value": "sid=v; lang=de"}],
            "cookies": [{"name": "sid", "value": "v"}, {"name": "lang", "value": "de"}],
        },
        "response": {"headers": [], "cookies": []},
    },
    "an object of headers": {
        "request": {"url": "https://shop.example/", "headers": {"Cookie": "sid=v"}},
        "response": {"headers": {"Set-Cookie": "lang=de"}},
    },
    "no answer": {"request": {"url": "https://shop.example/", "headers": [{"name": "Cookie", "value": "sid=v"}]}},
}


@pytest.mark.parametrize(("creator", "entry"), RECORDINGS.items(), ids=RECORDINGS.keys())
def test_the_recording_of_a_producer_gives_the_session(creator: str, entry: dict[str, Any]) -> None:
    found = taken(har(entry, creator=creator))

    assert {cookie["name"]: cookie["value"] for cookie in found.cookies}["sid"] == "v"
    assert {cookie["domain"] for cookie in found.cookies} == {"shop.example"}
    assert found.left_out == ()


def test_entries_of_a_recording_without_a_request_are_counted() -> None:
    good = RECORDINGS["Chrome"]
    text = json.dumps({"log": {"entries": [good, {"request": None}, "s3cret", {}]}})

    found = taken(text)

    assert len(found.cookies) == 1
    assert found.left_out == ("3 entries of the HAR file that hold no request",)


def test_cookies_of_an_answer_that_cannot_be_read_are_named() -> None:
    entry = {**RECORDINGS["Safari"], "response": {"cookies": [LISTED, {"name": "odd", "value": None}]}}

    assert taken(har(entry)).left_out == ("cookie 'odd' has no text as its value",)
