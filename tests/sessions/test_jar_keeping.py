"""What is kept of a jar, and that nothing of it is lost or let in."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.rules import to_wire

NOW = 1_800_000_000.0
URL = "https://shop.example/"


@pytest.fixture
def jar() -> Jar:
    return Jar(clock=lambda: NOW)


def again(jar: Jar, now: float = NOW) -> Jar:
    twin = Jar(clock=lambda: now)
    twin.load(json.loads(json.dumps(jar.dump(), ensure_ascii=False).encode()))
    return twin


def test_L15_a_dump_loses_nothing(jar: Jar) -> None:
    jar.receive(
        "https://www.shop.example/a/b",
        [
            "session=1",
            "tab=a\tb",
            "unicode=☃",
            "empty=",
            "nameless",
            "wide=1; Domain=shop.example; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure",
            "bytes=caf\udce9 \udcff",
        ],
    )
    jar.header("https://www.shop.example/a/b")
    twin = again(jar)

    assert twin.dump() == jar.dump()
    assert twin.cookies()[-2].last_used == NOW
    assert to_wire(twin.header("https://www.shop.example/a/x")) == to_wire(jar.header("https://www.shop.example/a/x"))
    assert "unicode=☃; empty=; nameless" in twin.header("https://www.shop.example/a/x")


def test_L15_the_order_of_creation_survives(jar: Jar) -> None:
    jar.receive(URL, [f"c{number}=1" for number in (3, 1, 2)])
    jar.receive(URL, ["c3=2"])

    assert again(again(jar)).header(URL) == "c3=2; c1=1; c2=1"


def test_what_waits_for_its_host_is_kept_waiting(jar: Jar) -> None:
    jar["sid"] = "1"
    twin = again(jar)

    assert twin.header("https://first.example/") == "sid=1"
    assert twin.header("https://second.example/") == ""


def test_L16_what_has_expired_is_dropped_on_loading(jar: Jar) -> None:
    jar.receive(URL, ["brief=1; Max-Age=60", "long=1; Max-Age=600", "session=1"])
    twin = Jar(clock=lambda: NOW + 60)

    assert twin.load(jar.dump()) == (2, 1, 0)
    assert twin.header(URL) == "long=1; session=1"
    assert Jar().load(jar.dump(), now=NOW + 600) == (1, 2, 0)


GOOD = {"name": "a", "value": "1", "domain": "shop.example"}
INVALID: dict[str, Any] = {
    "no-object": "a=1",
    "nothing": {},
    "no-value": {"name": "a", "domain": "shop.example"},
    "value-no-text": GOOD | {"value": 1},
    "value-null": GOOD | {"value": None},
    "crlf-in-value": GOOD | {"value": "1\r\nX-Evil: 1"},
    "nul-in-name": GOOD | {"name": "a\x00"},
    "newline-in-path": GOOD | {"path": "/\n"},
    "semicolon": GOOD | {"value": "1; b=2"},
    "too-long": GOOD | {"value": "x" * 5000},
    "no-host": GOOD | {"domain": "a b"},
    "secure-no-flag": GOOD | {"secure": "yes"},
    "host-only-no-flag": GOOD | {"host_only": 1},
    "same-site-odd": GOOD | {"same_site": "lax"},
    "expires-text": GOOD | {"expires": "tomorrow"},
    "expires-nan": GOOD | {"expires": float("nan")},
    "expires-huge": GOOD | {"expires": 1e300},
    "expires-flag": GOOD | {"expires": True},
    "lone-surrogate": GOOD | {"value": "\ud800"},
    "code": GOOD | {"value": ["__import__('os').system('x')"]},
}


@pytest.mark.parametrize("record", INVALID.values(), ids=INVALID.keys())
def test_X14_X2_an_invalid_record_is_left_out_and_the_others_stay(jar: Jar, record: Any) -> None:
    assert jar.load([record, GOOD]) == (1, 0, 1)
    assert jar.header(URL) == "a=1"


def test_a_short_record_means_the_narrowest_cookie(jar: Jar) -> None:
    jar.load([GOOD])

    assert jar.header("https://www.shop.example/") == ""
    assert jar.header("http://shop.example/") == "a=1"


def test_B2_a_stored_supercookie_stays_with_its_host(jar: Jar) -> None:
    jar.load([GOOD | {"domain": "co.uk", "host_only": False}, GOOD | {"domain": "127.0.0.1", "host_only": False}])

    assert jar.header("https://a.co.uk/") == ""
    assert jar.header("http://127.0.0.1/") == "a=1"


def test_the_last_use_is_when_it_was_sent_or_set() -> None:
    now = [NOW]
    jar = Jar(clock=lambda: now[0])

    def uses() -> list[tuple[float, float]]:
        return [(cookie.created - NOW, cookie.last_used - NOW) for cookie in jar.cookies()]

    jar.receive(URL, ["a=1"])
    now[0] += 10
    jar.header(URL)
    assert uses() == [(0, 10)]
    now[0] += 10
    jar.receive(URL, ["a=2"])
    assert uses() == [(0, 20)]
    jar.receive(URL, ["a=; Max-Age=0"])
    now[0] += 10
    jar.receive(URL, ["a=3"])
    assert uses() == [(30, 30)]


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_change_raises_the_version_and_nothing_else_does(jar: Jar) -> None:
    version = jar.version

    def changed() -> bool:
        nonlocal version
        dirty, version = jar.version != version, jar.version
        return dirty

    jar.receive(URL, ["a=1; Max-Age=60"])
    assert changed()
    jar.receive(URL, ["a=1; Max-Age=60"])
    jar.receive(URL, [])
    jar.receive(URL, ["bad=1; Domain=com", "unknown=; Max-Age=0"])
    jar.header(URL)
    jar.dump()
    jar.copy()
    assert not changed()
    for line in ["a=2; Max-Age=60", "a=2; Max-Age=90", "a=2; Max-Age=90; HttpOnly", "a=; Max-Age=0", "b=1"]:
        jar.receive(URL, [line])
        assert changed(), line
    jar["c"] = "1"
    assert changed()
    del jar["c"]
    assert changed()
    del jar["c"]
    assert not changed()
    jar.clear()
    assert changed()


def test_a_sliding_expiry_is_stored_but_not_reported_each_time() -> None:
    now = [NOW]
    jar = Jar(clock=lambda: now[0])
    told = []
    for _ in range(1_000):
        told += jar.receive(URL, ["sid=1; Max-Age=1000"])
        now[0] += 1
        assert jar.header(URL) == "sid=1"

    assert jar.cookies()[0].expires == NOW + 999 + 1000
    assert 50 < len(told) < 130


def test_an_expiry_that_moves_nearer_is_reported_and_stored() -> None:
    now = [NOW]
    jar = Jar(clock=lambda: now[0])
    jar.receive(URL, ["sid=1; Max-Age=1000"])
    jar.header(URL)
    now[0] += 5
    jar.receive(URL, ["sid=1; Max-Age=1000"])
    assert len(jar.receive(URL, ["sid=1; Max-Age=998"])) == 1
    jar.header(URL)
    now[0] += 998

    assert jar.header(URL) == ""


def test_changes_say_what_happened(jar: Jar) -> None:
    changes = jar.receive(URL, ["a=1", "b=2", "a=; Max-Age=0"])

    assert [(change.kind, change.cookie.name) for change in changes] == [("set", "a"), ("set", "b"), ("deleted", "a")]


# --- properties -------------------------------------------------------------------------------------------------------

hosts = st.sampled_from(["shop.example", "www.shop.example", "other.example", "127.0.0.1", "localhost", "a.co.uk"])
urls = st.builds(
    "{}://{}{}".format, st.sampled_from(["http", "https"]), hosts, st.sampled_from(["/", "/a", "/a/b", ""])
)
ATTRIBUTES = """Path=/|Path=/a|Path|Domain=shop.example|Domain=co.uk|Domain|Secure|HttpOnly|SameSite=Lax|Max-Age=0|
Max-Age=100|Expires=Fri, 01 Jan 2100 00:00:00 GMT|x|=|"""
attributes = st.sampled_from(ATTRIBUTES.replace("\n", "").split("|"))
names = st.sampled_from(["", "a", "b", "__Host-c", "__Secure-d", "é"]) | st.text(max_size=8)
lines = st.builds(
    lambda name, value, rest: "; ".join([f"{name}={value}", *rest]),
    names,
    st.text(max_size=12),
    st.lists(attributes, max_size=5),
)
answers = st.lists(st.tuples(urls, st.lists(lines | st.text(), max_size=4)), max_size=8)


@given(answers)
def test_any_lines_from_anywhere_are_taken_or_refused_and_round_trip(found: list[tuple[str, list[str]]]) -> None:
    jar = Jar(clock=lambda: NOW)
    for url, received in found:
        jar.receive(url, received)
        header = to_wire(jar.header(url))
        assert len(header) <= 65_536
        assert not any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in header)
    twin = again(jar)

    assert twin.dump() == jar.dump()
    for url, _ in found:
        assert to_wire(twin.header(url)) == to_wire(jar.header(url))


@given(st.lists(st.tuples(urls, st.lists(lines, max_size=3), st.sampled_from([0, 0, 40, 100])), max_size=10))
@settings(max_examples=60)
def test_the_memory_of_headers_never_shows(found: list[tuple[str, list[str], int]]) -> None:
    now = [NOW]
    remembering = Jar(clock=lambda: now[0])
    asked = {url for url, _, _ in found}
    for url, received, passed_s in found:
        now[0] += passed_s
        remembering.receive(url, received)
        forgetful = again(remembering, now[0])
        for each in asked if len(remembering) % 2 else {url}:
            assert remembering.header(each) == forgetful.header(each)


@given(st.text(), st.lists(st.text(), max_size=3), st.text())
def test_no_url_and_no_date_raises(url: str, received: list[str], date: str) -> None:
    jar = Jar()
    jar.receive(url, received, date=date)
    jar.header(url)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner)
)
records = st.dictionaries(
    st.sampled_from([*GOOD, "path", "host_only", "secure", "expires", "same_site", "latin1"]), json_values
)


@settings(max_examples=40)
@given(st.lists(json_values | records | records.map(lambda extra: GOOD | extra)))
def test_no_stored_text_raises(stored: list[Any]) -> None:
    jar = Jar(clock=lambda: NOW)
    kept, expired, invalid = jar.load(stored)

    assert kept + expired + invalid == len(stored)
    assert again(jar).dump() == jar.dump()
