"""To its users the jar is the mapping that they know from requests."""

import copy
from http.cookiejar import Cookie as HttpCookie

import pytest
from requests.cookies import (
    CookieConflictError,
    RequestsCookieJar,
)

from crawler.sessions.cookies.jar import Jar
from tests.sessions.jars import NOW, URL


def test_it_is_a_mapping_of_names_and_values(jar: Jar) -> None:
    assert not jar
    jar["a"] = "1"
    jar.set("b", "2", path="/x")
    jar.set("n", 7)

    assert (jar["a"], jar.get("b"), jar.get("missing"), jar.get("missing", "x")) == ("1", "2", None, "x")
    assert ("a" in jar, "missing" in jar, len(jar), bool(jar)) == (True, False, 3, True)
    assert dict(jar) == {"a": "1", "b": "2", "n": "7"} == dict(jar.items()) == jar.get_dict()
    assert (jar.keys(), jar.values()) == (["a", "b", "n"], ["1", "2", "7"])
    assert (list(jar.iterkeys()), list(jar.itervalues())) == (["a", "b", "n"], ["1", "2", "7"])
    assert jar.list_domains() == ["shop.example"]
    assert jar.list_paths() == ["/", "/x"]
    del jar["a"]
    jar["b"] = None
    assert jar.keys() == ["n"]
    with pytest.raises(KeyError):
        jar["a"]
    assert jar.pop("n") == "7"
    assert jar.setdefault("m", "8") == "8"
    assert isinstance(jar, RequestsCookieJar)


def test_a_name_that_is_there_twice_needs_more_words(jar: Jar) -> None:
    jar.set("a", "1", domain="one.example")
    jar.set("a", "2", domain="two.example", path="/x")

    with pytest.raises(CookieConflictError, match="2 cookies"):
        jar["a"]
    assert "a" in jar
    assert jar.multiple_domains() is False
    assert jar.get("a", domain="one.example") == jar.get("a", domain=".one.example") == "1"
    assert jar.get("a", path="/x") == "2"
    assert jar.get_dict(domain=".one.example") == {"a": "1"}


@pytest.mark.parametrize("domain", ["example.com", ".example.com"], ids=["plain", "with a dot"])
def test_a_part_of_it_is_a_dict_whatever_way_the_domain_is_written(jar: Jar, domain: str) -> None:
    jar.set("sid", "1", domain="example.com", path="/a")
    jar.set("sid", "2", domain="shop.example", path="/a")

    assert jar.get_dict(domain) == jar.get_dict(domain, "/a") == {"sid": "1"}
    assert jar.get_dict(domain, "/b") == {}


def test_iteration_gives_cookies_of_http_cookiejar(jar: Jar) -> None:
    jar.receive(
        "https://www.shop.example/",
        ["wide=1; Domain=shop.example; Max-Age=60; HttpOnly; SameSite=Lax", "own=2; Secure"],
    )
    wide, own = list(jar)

    assert isinstance(wide, HttpCookie)
    assert (wide.domain, wide.domain_specified, wide.domain_initial_dot) == (".shop.example", True, True)
    assert (wide.expires, wide.discard, wide.is_expired(NOW + 61)) == (1_800_000_060, False, True)
    assert (wide.has_nonstandard_attr("HttpOnly"), wide.get_nonstandard_attr("SameSite")) == (True, "Lax")
    assert (own.domain, own.domain_specified, own.secure, own.expires, own.discard) == (
        "www.shop.example",
        False,
        True,
        None,
        True,
    )


def test_X10_neither_the_jar_nor_its_cookies_show_values(jar: Jar) -> None:
    jar["sid"] = "s3cret"

    for shown in (
        repr(jar),
        str(jar),
        repr(list(jar)),
        str(next(iter(jar))),
        repr(jar.cookies()),
        repr(jar.receive(URL, ["x=s3cret"])),
    ):
        assert "s3cret" not in shown
    assert repr(jar) == "<Jar: 2 cookies of 1 sites>"


def test_clear_removes_all_a_domain_a_path_or_one(jar: Jar) -> None:
    def fill() -> None:
        jar.clear()
        for domain in ("one.example", "two.example"):
            for path in ("/", "/x"):
                jar.set("a", "1", domain=domain, path=path)
                jar.set("b", "1", domain=domain, path=path)

    fill()
    jar.clear("one.example")
    assert len(jar) == 4
    jar.clear("two.example", "/x")
    assert len(jar) == 2
    jar.clear("two.example", "/", "a")
    assert jar.keys() == ["b"]
    for parts in [("one.example",), ("two.example", "/x"), ("two.example", "/", "a")]:
        with pytest.raises(KeyError):
            jar.clear(*parts)
    for parts in [(None, "/"), (None, None, "a"), ("two.example", None, "b")]:
        with pytest.raises(ValueError):
            jar.clear(*parts)
    jar.clear()
    assert len(jar) == 0


def test_each_cookie_that_iteration_shows_can_be_cleared_and_set_again(jar: Jar) -> None:
    jar.receive(URL, ["a=wide; Domain=shop.example", "a=own", "lonely"])
    before = jar.dump()
    shown = list(jar)
    for cookie in shown:
        jar.clear(cookie.domain, cookie.path, cookie.name)
    assert len(jar) == 0
    for cookie in shown:
        jar.set_cookie(copy.copy(cookie))
    assert jar.dump() == before


def test_session_cookies_can_be_cleared_alone(jar: Jar) -> None:
    jar.receive(URL, ["a=1", "b=2; Max-Age=60"])
    jar.clear_session_cookies()
    jar.clear_expired_cookies()

    assert jar.keys() == ["b"]
