"""Cookies set by hand: whose they are, what they replace, and which cannot be set."""

from http.cookies import SimpleCookie

import pytest

from crawler.sessions.cookies.jar import Jar
from tests.sessions.jars import URL


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
def test_bind_refuses_what_is_not_a_host(place: str) -> None:
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
