"""Two processes change one session: what each of them changed is there afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.merging import merge, news, with_cookies_of


def secret(cookies: dict[str, str] | None = None, **more: Any) -> str:
    listed = [
        {"name": name, "value": value, "domain": "shop.example", "path": "/", "last_used": 1.0}
        for name, value in (cookies or {}).items()
    ]
    return json.dumps({"cookies": listed, **more})


def merged(base: str, mine: str, theirs: str) -> dict[str, Any]:
    found = merge(base, mine, theirs)
    assert found is not None
    made: dict[str, Any] = json.loads(found.secret)
    assert found.cookies == len(made["cookies"])
    return made


def values(made: dict[str, Any]) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in made["cookies"]}


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "both"),
    [
        pytest.param({"s": "1"}, {"s": "1", "a": "1"}, {"s": "1", "b": "1"}, {"s": "1", "a": "1", "b": "1"}, id="set"),
        pytest.param(
            {"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "1", "b": "2"}, {"a": "2", "b": "2"}, id="rotated"
        ),
        pytest.param({"a": "1", "b": "1"}, {"b": "1"}, {"a": "1"}, {}, id="each deleted another one"),
        pytest.param({"a": "1"}, {}, {"a": "1", "b": "1"}, {"b": "1"}, id="deleted and set"),
        pytest.param({"a": "1"}, {}, {"a": "2"}, {"a": "2"}, id="I deleted what they changed"),
        pytest.param({"a": "1"}, {"a": "2"}, {}, {"a": "2"}, id="they deleted what I changed"),
        pytest.param({"a": "1"}, {"a": "1"}, {}, {}, id="they deleted what I left alone"),
        pytest.param({"a": "1"}, {"a": "2"}, {"a": "3"}, {"a": "2"}, id="both changed: the last writer's"),
        pytest.param({}, {"a": "1"}, {"b": "1"}, {"a": "1", "b": "1"}, id="both began with nothing"),
        pytest.param({"a": "1"}, {"a": "1"}, {"a": "1"}, {"a": "1"}, id="nobody changed anything"),
    ],
)
def test_cookies_of_both_are_kept(
    base: dict[str, str], mine: dict[str, str], theirs: dict[str, str], both: dict[str, str]
) -> None:
    assert values(merged(secret(base), secret(mine), secret(theirs))) == both


@pytest.mark.parametrize("change", [{"path": "/b"}, {"domain": "www.shop.example"}, {"host_only": False}])
def test_cookies_of_one_name_in_different_places_are_different_ones(change: dict[str, Any]) -> None:
    base, mine, theirs = json.loads(secret({})), json.loads(secret({"a": "1"})), json.loads(secret({"a": "2"}))
    theirs["cookies"][0] |= change

    made = merged(json.dumps(base), json.dumps(mine), json.dumps(theirs))

    assert sorted(cookie["value"] for cookie in made["cookies"]) == ["1", "2"]


def test_sending_a_cookie_does_not_change_it_and_the_later_time_is_kept() -> None:
    base, mine, theirs = (json.loads(secret({"a": "1"})) for _ in range(3))
    mine["cookies"][0]["last_used"] = 9.0
    theirs["cookies"][0] |= {"value": "2", "last_used": 5.0}

    made = merged(json.dumps(base), json.dumps(mine), json.dumps(theirs))

    assert (made["cookies"][0]["value"], made["cookies"][0]["last_used"]) == ("2", 9.0)


@pytest.mark.parametrize("field", ["headers", "params", "note", "given", "storage"])
def test_entries_that_two_have_changed_are_joined(field: str) -> None:
    made = merged(
        secret(**{field: {"both": "1", "gone": "1", "deep": {"x": 1, "y": 1}}}),
        secret(**{field: {"both": "1", "mine": "1", "deep": {"x": 2, "y": 1}}}),
        secret(**{field: {"both": "2", "gone": "1", "theirs": "1", "deep": {"x": 1, "y": 2}}}),
    )

    assert made[field] == {"both": "2", "theirs": "1", "mine": "1", "deep": {"x": 2, "y": 2}}


def test_an_auth_is_never_made_of_two_halves() -> None:
    made = merged(
        secret(auth={"kind": "oauth", "access": "0", "refresh": "0"}),
        secret(auth={"kind": "oauth", "access": "0", "refresh": "mine"}),
        secret(auth={"kind": "oauth", "access": "theirs", "refresh": "0"}),
    )

    assert made["auth"] == {"kind": "oauth", "access": "0", "refresh": "mine"}


def test_a_token_that_only_they_renewed_stays() -> None:
    kept = {"access": "new", "refresh": "new"}

    made = merged(secret({"a": "1"}, auth={"access": "0"}), secret({"a": "2"}, auth={"access": "0"}), secret(auth=kept))

    assert (made["auth"], values(made)) == (kept, {"a": "2"})


def test_login_pages_that_either_has_met_are_known() -> None:
    made = merged(secret(login_urls=["/in"]), secret(login_urls=["/in", "/a"]), secret(login_urls=["/b", "/in"]))

    assert made["login_urls"] == ["/a", "/b", "/in"]


@pytest.mark.parametrize("field", ["proxies", "fitted"])
def test_sessions_that_go_different_ways_are_not_joined(field: str) -> None:
    assert merge(secret({}), secret({"a": "1"}, **{field: {"x": 1}}), secret({"b": "1"}, **{field: {"x": 2}})) is None


@pytest.mark.parametrize("text", ["no json", "[]", "[" * 100_000])
def test_an_invalid_snapshot_is_not_merged(text: str) -> None:
    good = secret({"a": "1"})

    assert merge(good, text, good) is None
    assert merge(good, good, text) is None
    assert merge(text, good, good) is None


def test_the_repr_shows_no_cookie() -> None:
    found = merge("", secret({"a": "TOPSECRET"}), secret({}))

    assert "TOPSECRET" not in repr(found)


jars = st.dictionaries(st.sampled_from("abcde"), st.sampled_from("123"), max_size=5)


@given(base=jars, mine=jars, theirs=jars)
def test_no_change_of_either_is_lost_but_to_a_change_of_the_same_cookie(
    base: dict[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    made = values(merged(secret(base), secret(mine), secret(theirs)))

    for name in "abcde":
        before, own, others = base.get(name), mine.get(name), theirs.get(name)
        if own == before:
            assert made.get(name) == others
        elif others == before or own is not None:
            assert made.get(name) == own
        else:
            assert made.get(name) == others
    assert values(merged(secret(base), secret(mine), secret(base))) == mine  # nobody else has written


@given(base=jars, mine=jars, theirs=jars)
def test_bringing_the_same_changes_twice_is_bringing_them_once(
    base: dict[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    once = merge(secret(base), secret(mine), secret(theirs))
    assert once is not None

    again = merge(secret(base), secret(mine), once.secret)

    assert again is not None
    assert values(json.loads(again.secret)) == values(json.loads(once.secret))


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "given", "gone"),
    [
        pytest.param({"s": "1"}, {"s": "1"}, {"s": "1", "b": "1"}, {"b": "1"}, set(), id="set there"),
        pytest.param({"s": "1"}, {"s": "1"}, {"s": "2"}, {"s": "2"}, set(), id="changed there"),
        pytest.param({"s": "1", "b": "1"}, {"s": "1", "b": "1"}, {"s": "1"}, {}, {"b"}, id="removed there"),
        pytest.param({"s": "1"}, {"s": "2"}, {"s": "1"}, {}, set(), id="changed here"),
        pytest.param({"s": "1"}, {"s": "2"}, {"s": "3"}, {}, set(), id="changed here and there"),
        pytest.param({"s": "1"}, {}, {"s": "2"}, {"s": "2"}, set(), id="removed here, changed there"),
        pytest.param({"s": "1"}, {"s": "2"}, {}, {}, set(), id="changed here, removed there"),
        pytest.param({}, {"a": "1"}, {"a": "2"}, {}, set(), id="set here and there"),
        pytest.param({"s": "1"}, {"s": "1"}, {"s": "1"}, {}, set(), id="nothing"),
    ],
)
def test_what_others_were_given_is_news_unless_it_was_touched_here(
    base: dict[str, str], mine: dict[str, str], theirs: dict[str, str], given: dict[str, str], gone: set[str]
) -> None:
    found = news(secret(base), secret(mine), secret(theirs))

    assert {each["name"]: each["value"] for each in found.given} == given
    assert {key[1] for key in found.gone} == gone
    assert all(value not in repr(found) for value in ("shop.example", "theirs"))


cookies = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), max_size=4)


@given(base=cookies, mine=cookies, theirs=cookies)
def test_taking_the_news_and_bringing_own_changes_gives_what_merging_stores(
    base: dict[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    found = news(secret(base), secret(mine), secret(theirs))
    after = {name: value for name, value in mine.items() if name not in {key[1] for key in found.gone}}
    after |= {each["name"]: each["value"] for each in found.given}

    stored_now = merged(secret(base), secret(mine), secret(theirs))
    in_step = with_cookies_of(secret(base, headers={"X": "1"}), secret(theirs, headers={"X": "2"}))

    assert after.items() <= {**values(stored_now)}.items()
    assert json.loads(in_step)["headers"] == {"X": "1"}, "of anything else it has not heard"
    assert values(merged(in_step, secret(after), secret(theirs))) == values(stored_now)
