"""To requests and its helpers the jar is one of its own."""

import copy
import http.client
import io
import pickle
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import SimpleNamespace

import pytest
import requests
from requests.cookies import (
    RequestsCookieJar,
    cookiejar_from_dict,
    create_cookie,
    extract_cookies_to_jar,
    get_cookie_header,
    merge_cookies,
    remove_cookie_by_name,
)
from requests.utils import add_dict_to_cookiejar, dict_from_cookiejar

from crawler.sessions.cookies.jar import Jar
from tests.sessions.jars import NOW, URL


def answer(*lines: bytes) -> SimpleNamespace:
    raw = b"".join(b"Set-Cookie: " + line + b"\r\n" for line in lines) + b"\r\n"
    return SimpleNamespace(_original_response=SimpleNamespace(msg=http.client.parse_headers(io.BytesIO(raw))))


def prepared(url: str = URL) -> requests.PreparedRequest:
    return requests.Request("GET", url).prepare()


def test_the_helpers_of_requests_work(jar: Jar) -> None:
    add_dict_to_cookiejar(jar, {"a": "1", "b": "2"})
    assert cookiejar_from_dict({"a": "other", "c": "3"}, jar, overwrite=False) is jar
    assert dict_from_cookiejar(jar) == {"a": "1", "b": "2", "c": "3"}
    merge_cookies(jar, {"d": "4"})
    remove_cookie_by_name(jar, "b")
    assert dict_from_cookiejar(jar) == {"a": "1", "c": "3", "d": "4"}
    jar.update({"e": "5"})
    assert jar.header("https://other.example/") == ""
    assert jar.header(URL) == "a=1; c=3; d=4; e=5"


def test_cookies_of_a_plain_requests_jar_are_taken_over(jar: Jar) -> None:
    plain = RequestsCookieJar()
    request = prepared("http://localhost/x/y")
    extract_cookies_to_jar(plain, request, answer(b"host=1; Path=/", b"path=2"))
    extract_cookies_to_jar(
        plain, prepared("http://www.other.example/"), answer(b"wide=3; Domain=other.example; HttpOnly")
    )
    plain.set("by-hand", "4")
    jar.update(plain)

    assert jar.header("http://localhost/x/z") == "path=2; host=1"
    assert jar.header("http://other.example/") == "wide=3"
    assert jar.header(URL) == "by-hand=4"
    assert {cookie.name: cookie.http_only for cookie in jar.cookies()}["wide"] is True


def test_our_cookies_can_be_put_into_a_plain_jar(jar: Jar) -> None:
    jar.receive("https://www.shop.example/", ["wide=1; Domain=shop.example", "own=2"])
    plain = merge_cookies(RequestsCookieJar(), jar)

    assert get_cookie_header(plain, prepared("https://www.shop.example/")) == "wide=1; own=2"


def test_requests_own_calls_go_by_our_rules() -> None:
    jar = Jar()
    first = prepared("https://www.shop.example/")
    extract_cookies_to_jar(jar, first, answer("snow=☃".encode(), b"evil=1; Domain=example", b"a=1", b"a=2"))

    assert get_cookie_header(jar, first) == "snow=☃; a=2".encode().decode("latin-1")
    assert get_cookie_header(jar, prepared("https://sub.www.shop.example/")) is None
    assert [
        cookie.name
        for cookie in jar.make_cookies(
            SimpleNamespace(info=lambda: answer(b"x=1")._original_response.msg),
            SimpleNamespace(get_full_url=lambda: URL),
        )
    ] == ["x"]


def test_L1_requests_own_calls_keep_answers_in_order() -> None:
    jar = Jar()
    older, newer = prepared(), prepared()
    for request in (older, newer):
        get_cookie_header(jar, request)
    extract_cookies_to_jar(jar, newer, answer(b"sid=new"))
    extract_cookies_to_jar(jar, older, answer(b"sid=old"))

    assert jar.header(URL) == "sid=new"


def test_a_cookie_header_that_is_there_stays() -> None:
    jar = Jar(home=URL)
    jar["a"] = "1"
    request = requests.Request("GET", URL, headers={"Cookie": "mine=1"}).prepare()

    assert get_cookie_header(jar, request) is None


def test_a_whole_requests_session_may_use_it(jar: Jar) -> None:
    session = requests.Session()
    session.cookies = jar
    session.cookies.set("sid", "1")
    request = session.prepare_request(requests.Request("GET", URL, cookies={"extra": "2"}))
    session.close()

    assert sorted(request.headers["Cookie"].split("; ")) == ["extra=2", "sid=1"]
    assert "extra" not in jar


def test_set_cookie_if_ok_takes_only_cookies_of_the_request(jar: Jar) -> None:
    request = SimpleNamespace(get_full_url=lambda: "https://www.shop.example/")
    jar.set_cookie_if_ok(create_cookie("a", "1", domain=".shop.example"), request)
    jar.set_cookie_if_ok(create_cookie("b", "2", domain=".other.example"), request)

    assert jar.keys() == ["a"]


def test_another_policy_is_refused_and_not_ignored(jar: Jar) -> None:
    with pytest.raises(TypeError, match="RFC 6265bis"):
        jar.set_policy(DefaultCookiePolicy())
    assert isinstance(jar.get_policy(), DefaultCookiePolicy)


def test_there_is_no_second_store(jar: Jar) -> None:
    jar.receive("https://www.shop.example/x/", ["a=1; Domain=shop.example"])

    assert jar._cookies[".shop.example"]["/x"]["a"].value == "1"
    jar._cookies.clear()
    assert len(jar) == 1
    assert CookieJar.__len__(jar) == 1


def test_X3_a_jar_cannot_be_pickled(jar: Jar) -> None:
    jar["sid"] = "s3cret"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(jar, protocol)


@pytest.mark.parametrize("copied", [Jar.copy, copy.copy, copy.deepcopy], ids=["copy", "copy.copy", "deepcopy"])
def test_a_copy_is_a_jar_of_its_own(jar: Jar, copied) -> None:
    waiting = Jar()
    waiting["sid"] = "1"
    jar.receive(URL, ["a=1; Max-Age=60"])
    older = jar.ticket()
    twin = copied(jar)
    twin.receive(URL, ["a=2"])
    twin.receive(URL, ["a=3"], ticket=older)

    assert (type(twin), twin.home, twin.header(URL), jar.header(URL)) == (Jar, "shop.example", "a=2", "a=1")
    assert copied(waiting).header(URL) == "sid=1"


def test_updating_from_itself_changes_nothing(jar: Jar) -> None:
    jar.receive(URL, ["a=1; Max-Age=60; SameSite=Lax"])
    before, version = jar.dump(), jar.version
    jar.update(jar)
    merge_cookies(jar, jar)

    assert (jar.dump(), jar.version) == (before, version)


def test_updating_from_another_jar_loses_nothing(jar: Jar) -> None:
    other = Jar(clock=lambda: NOW)
    other.receive(
        "https://www.shop.example/x/", ["a=1; Max-Age=60; SameSite=Lax; HttpOnly; Domain=shop.example; Secure"]
    )
    jar.update(other)

    assert jar.dump() == other.dump()
