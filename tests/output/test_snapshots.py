"""Stored sessions: found by what a person calls them, judged, compared and brought back without showing a value."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.output.snapshots import brought_back, changes, choose, cookie_lines, judge, storage_lines

DAY_S = 86_400.0
NOW = 1_795_000_000.0


@dataclass
class Row:
    """A session's row."""

    key: str = "shop.example|account|anna"
    name: str = "buyer"
    state: str = "ready"
    epoch: int = 3
    readable: bool = True
    secret: str = "{}"
    proved_at: float | None = NOW - 60
    logged_in_at: float | None = NOW - 3600


def secret(*cookies: dict[str, Any], **rest: Any) -> str:
    return json.dumps({"cookies": list(cookies), **rest})


def cookie(name: str, value: str = "secret-value", **rest: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "domain": "shop.example", "path": "/", "host_only": True, **rest}


ROWS = [Row(), Row(key="shop.example|account|otto", name="auditor"), Row(key="other.example|session|buyer")]


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        ("auditor", "shop.example|account|otto"),
        ("anna", "shop.example|account|anna"),
        ("other.example", "other.example|session|buyer"),
        ("shop.example|account|anna", "shop.example|account|anna"),
    ],
    ids=["name", "account", "site", "key"],
)
def test_a_session_is_found_by_whatever_names_it_alone(wanted: str, key: str) -> None:
    assert choose(ROWS, wanted).key == key


@pytest.mark.parametrize(
    ("rows", "wanted", "said"),
    [
        (ROWS, "buyer", "2 sessions are called 'buyer': 'shop.example|account|anna', 'other.example|session|buyer'"),
        (ROWS, "nobody", "no session 'nobody'; there are: "),
        ([], "buyer", "no session is stored yet"),
    ],
    ids=["two", "none of these", "none at all"],
)
def test_what_names_no_session_or_several_is_refused_with_their_keys(rows: list[Row], wanted: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose(rows, wanted)

    assert str(caught.value).startswith(said)


def jwt(end: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).rstrip(b"=").decode()
    return f"e30.{claims}.signature"


def ending(at: float | None) -> str:
    return secret(cookie("sid", expires=at))


@pytest.mark.parametrize(
    ("row", "lives_s", "health", "ends_at"),
    [
        pytest.param(Row(), [], "good", None, id="nothing known but the proof"),
        pytest.param(Row(secret=ending(NOW + DAY_S)), [], "good", NOW + DAY_S, id="by its cookie"),
        pytest.param(Row(secret=ending(NOW + 10)), [], "ending", NOW + 10, id="last tenth"),
        pytest.param(Row(secret=ending(NOW - 1)), [], "over", NOW - 1, id="cookie over"),
        pytest.param(Row(secret=ending(NOW + 9 * DAY_S)), [7200.0] * 4, "good", NOW + 3600, id="by past logins"),
        pytest.param(Row(proved_at=None), [], "unproven", None, id="unproven"),
        pytest.param(Row(state="parked"), [], "waits for a person", None, id="parked"),
        pytest.param(Row(state="refused"), [], "refused", None, id="refused"),
        pytest.param(Row(state="expired", secret=ending(NOW + 99)), [], "over", None, id="known to be over"),
        pytest.param(Row(readable=False, secret=""), [], "unreadable", None, id="lost key"),
        pytest.param(Row(logged_in_at=None), [3600.0], "good", None, id="imported, never logged in"),
    ],
)
def test_the_state_of_a_session_goes_before_its_forecast(
    row: Row, lives_s: list[float], health: str, ends_at: float | None
) -> None:
    found = judge(row, lives_s, NOW)

    assert (found.health, found.ends_at) == (health, ends_at)
    assert found.why


APP = "https://app.example"
KEPT = {APP: {"local": {"auth": json.dumps({"access": jwt(NOW + 600), "refresh": jwt(NOW + DAY_S)}), "theme": "dark"}}}


@pytest.mark.parametrize(
    ("auth", "ends_at"),
    [
        ({"kind": "storage", "origin": APP, "at": ["auth", "access"], "refresh": None}, NOW + 600),
        (
            {"kind": "storage", "origin": APP, "at": ["auth", "access"], "refresh": {"at": ["auth", "refresh"]}},
            NOW + DAY_S,
        ),
        ({"kind": "storage", "origin": APP, "at": ["theme"], "refresh": None}, None),
        ({"kind": "storage", "origin": "no url", "at": ["auth"], "refresh": None}, None),
        ({"kind": "storage", "at": 7}, None),
    ],
    ids=["ends by itself", "is renewed", "no token", "no origin", "damaged"],
)
def test_a_token_that_an_app_keeps_in_the_storage_says_when_the_login_ends(
    auth: dict[str, Any], ends_at: float | None
) -> None:
    row = Row(secret=secret(auth={"kind": "storage", **auth}, storage=KEPT))

    assert judge(row, [], NOW).ends_at == ends_at


def test_what_scripts_keep_is_listed_by_origin_and_place_without_a_value() -> None:
    databases = [{"name": "vault", "stores": [{"name": "keys", "records": []}]}]
    text = secret(storage={APP: {**KEPT[APP], "session": {"tab": "secret-value"}, "databases": databases}})

    assert storage_lines(text) == [
        (APP, "localStorage", "auth, theme"),
        (APP, "sessionStorage", "tab"),
        (APP, "IndexedDB", "vault/keys"),
    ]
    assert storage_lines("{}") == storage_lines('{"storage": {"x": 7}}') == []


def test_changes_name_cookies_and_headers_and_never_show_a_value() -> None:
    before = secret(
        cookie("sid", "one"), cookie("gone"), cookie("same", created=1), headers={"User-Agent": "a", "X": "1"}
    )
    after = secret(
        cookie("sid", "two", expires=5), cookie("new"), cookie("same", created=2), headers={"User-Agent": "b", "X": "1"}
    )

    assert changes(before, after) == [
        "- cookie gone of shop.example/",
        "+ cookie new of shop.example/",
        "~ cookie sid of shop.example/: expires, value",
        "~ headers: User-Agent",
    ]


names = st.sampled_from(["a", "b", "c"])
cookies = st.builds(cookie, names, st.text(max_size=3), path=st.sampled_from(["/", "/x"]))
secrets = st.lists(cookies, unique_by=lambda each: (each["name"], each["path"])).map(lambda found: secret(*found))


@given(before=secrets, after=secrets)
def test_equal_states_have_no_changes_and_others_have_some(before: str, after: str) -> None:
    def sorted_cookies(text: str) -> list[str]:
        return sorted(json.dumps(each) for each in json.loads(text)["cookies"])

    assert (changes(before, after) == []) == (sorted_cookies(before) == sorted_cookies(after))
    assert len(changes(before, after)) == len(changes(after, before))


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"cookies": 3}', '{"cookies": [1]}'])
def test_a_stored_text_that_is_damaged_has_no_cookies_and_raises_nothing(text: str) -> None:
    assert cookie_lines(text) == []
    assert changes(text, text) == []


def test_cookie_lines_show_all_but_the_value() -> None:
    found = cookie_lines(
        secret(cookie("b", secure=True, same_site="Lax"), cookie("a", host_only=False, expires=7.0, http_only=True))
    )

    assert found == [
        ("a", ".shop.example", "/", 7.0, "http_only"),
        ("b", "shop.example", "/", None, "secure,same_site=Lax"),
    ]


def test_what_is_brought_back_is_unproven_and_newer_than_what_running_processes_have() -> None:
    old = secret(cookie("sid", expires=NOW + 5), cookie("other", expires=NOW + 9), cookie("session"))

    found = brought_back(Row(), old, url="restore of 12")

    assert (found.key, found.name, found.state, found.epoch) == ("shop.example|account|anna", "buyer", "unproven", 4)
    assert (found.secret, found.cookies, found.expires_at, found.proved_at) == (old, 3, NOW + 5, None)
    assert found.url == "restore of 12"
