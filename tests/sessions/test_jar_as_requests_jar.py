"""To requests and its users the jar is what they know."""

import copy
import http.client
import io
import pickle
from http.cookiejar import Cookie as HttpCookie
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from types import SimpleNamespace

import pytest
import requests
from requests.cookies import (
    CookieConflictError,
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

NOW = 1_800_000_000.0
URL = "https://shop.example/"


@pytest.fixture
def jar() -> Jar:
    return Jar(clock=lambda: NOW, home=URL)


def answer(*lines: bytes) -> SimpleNamespace:
    raw = b"".join(b"Set-Cookie: " + line + b"\r\n" for line in lines) + b"\r\n"
    return SimpleNamespace(_original_response=SimpleNamespace(msg=http.client.parse_headers(io.BytesIO(raw))))


def prepared(url: str = URL) -> requests.PreparedRequest:
    return requests.Request("GET", url).prepare()


# --- a mapping --------------------------------------------------------------------------------------------------------


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


# --- whose cookies are set --------------------------------------------------------------------------------------------


def test_B22_a_cookie_without_a_domain_goes_to_the_first_host_only() -> None:
    jar = Jar()
    jar.set("sid", "1")
    jar["lang"] = "de"
    assert (len(jar), jar["sid"]) == (2, "1")

    assert jar.header("https://first.example/") == "sid=1; lang=de"
    assert jar.header("https://second.example/") == ""
    assert jar.header("https://www.first.example/") == ""
    jar.set("later", "3")
    assert jar.header("https://second.example/") == ""
    assert jar.header("https://first.example/") == "sid=1; lang=de; later=3"


def test_B22_bind_says_whose_they_are() -> None:
    jar = Jar()
    jar["sid"] = "1"
    jar.bind("shop.example")
    jar["more"] = "2"

    assert jar.header("https://other.example/") == ""
    assert jar.header(URL) == "sid=1; more=2"
    assert jar.home == "shop.example"
    jar.bind("https://second.example/start")
    jar["third"] = "3"
    assert jar.header("https://second.example/") == "third=3"


def test_B22_an_answer_makes_a_home_too() -> None:
    jar = Jar()
    jar["sid"] = "1"
    jar.receive("https://first.example/", ["x=1"])

    assert jar.header("https://second.example/") == ""
    assert jar.header("https://first.example/") == "sid=1; x=1"


@pytest.mark.parametrize("place", ["", "ftp://x.example/", "a b", "https://"])
def test_bind_refuses_what_is_no_host(place: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        Jar().bind(place)


@pytest.mark.parametrize("line", ["sid=old", "sid=old; Domain=shop.example"], ids=["host-only", "domain"])
@pytest.mark.parametrize("domain", [{}, {"domain": "shop.example"}], ids=["no-domain", "domain"])
def test_a_value_set_by_hand_replaces_the_one_of_the_server(jar: Jar, line: str, domain: dict[str, str]) -> None:
    jar.receive(URL, [line])
    wide = not jar.cookies()[0].host_only
    jar.set("sid", "new", **domain)

    assert jar.header(URL) == "sid=new"
    assert jar["sid"] == "new"
    assert jar.header("https://www.shop.example/") == ("sid=new" if wide else "")


def test_a_domain_given_by_hand_means_the_subdomains_too(jar: Jar) -> None:
    jar.set("a", "1", domain="shop.example")
    jar.set("b", "2", domain=".Shop.example")
    jar.set("ip", "3", domain="127.0.0.1")
    jar.set("suffix", "4", domain="co.uk")

    assert jar.header("https://www.shop.example/") == "a=1; b=2"
    assert jar.header("http://127.0.0.1/") == "ip=3"
    assert jar.header("https://a.co.uk/") == ""


def test_B25_a_prefix_set_by_hand_keeps_its_promise(jar: Jar) -> None:
    jar.set("__Host-sid", "1", domain="shop.example", path="/x")
    jar.set("__Secure-a", "2", domain="shop.example")

    assert jar.header("http://shop.example/") == ""
    assert jar.header("https://www.shop.example/") == "__Secure-a=2"
    assert jar.header(URL) == "__Host-sid=1; __Secure-a=2"


BAD = {
    "crlf": ("a", "1\r\nX: y"),
    "nul": ("a", "\x00"),
    "semicolon": ("a", "1; b=2"),
    "name-with-equals": ("a=b", "1"),
    "name-with-newline": ("a\n", "1"),
    "nothing": ("", ""),
    "too-long": ("a", "x" * 4096),
    "lone-surrogate": ("a", "\ud800"),
    "nameless-prefix": ("", "__Host-x"),
}


@pytest.mark.parametrize(("name", "value"), BAD.values(), ids=BAD.keys())
def test_X14_what_could_not_be_sent_as_it_is_cannot_be_set(jar: Jar, name: str, value: str) -> None:
    with pytest.raises(ValueError) as caught:
        jar.set(name, value)
    assert len(jar) == 0
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("domain", ["a b", "x/y", "http://x", "x:80", ".", "a@b"])
def test_an_impossible_domain_cannot_be_set(jar: Jar, domain: str) -> None:
    with pytest.raises(ValueError, match="not a host"):
        jar.set("a", "1", domain=domain)


def test_other_types_than_text_cannot_be_set(jar: Jar) -> None:
    with pytest.raises(TypeError, match="bytes"):
        jar.set("a", b"1")
    with pytest.raises(TypeError, match="unexpected"):
        jar.set("a", "1", colour="red")


def test_a_morsel_can_be_set(jar: Jar) -> None:
    morsels = SimpleCookie("a=1; Path=/x; Secure; HttpOnly; Domain=shop.example")
    jar.set("a", morsels["a"])

    assert jar.header(URL + "x") == "a=1"
    assert (jar.cookies()[0].secure, jar.cookies()[0].http_only) == (True, True)


# --- the helpers of requests ------------------------------------------------------------------------------------------


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
        with pytest.raises(TypeError, match="not pickled"):
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
