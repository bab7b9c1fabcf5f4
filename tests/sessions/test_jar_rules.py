"""Which cookies the jar takes from whom, and to whom it gives them."""

import pytest

from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.scope import domain_match
from tests.sessions.jars import jar_without_home

__all__ = ["jar_without_home"]  # fixtures


def kept(jar: Jar) -> list[tuple[str, str, str, bool]]:
    return [(cookie.name, cookie.value, cookie.domain, cookie.host_only) for cookie in jar.cookies()]


# --- domains ----------------------------------------------------------------------------------------------------------
def test_B21_a_host_only_cookie_does_not_go_to_subdomains(jar: Jar) -> None:
    jar.receive("https://shop.example/", ["sid=1"])

    assert jar.header("https://shop.example/any") == "sid=1"
    assert jar.header("https://www.shop.example/") == ""
    assert jar.header("https://example/") == ""


def test_a_domain_cookie_goes_to_the_domain_and_below(jar: Jar) -> None:
    jar.receive("https://www.shop.example/", ["sid=1; Domain=.Shop.Example"])

    assert [jar.header(f"https://{host}/") for host in ("shop.example", "a.b.shop.example", "myshop.example")] == [
        "sid=1",
        "sid=1",
        "",
    ]


SUFFIXES = {
    "two-labels": ("https://a.co.uk/", "co.uk", "https://b.co.uk/"),
    "top": ("https://a.com/", "com", "https://b.com/"),
    "private": ("https://a.github.io/", "github.io", "https://b.github.io/"),
    "wildcard": ("https://a.foo.ck/", "foo.ck", "https://b.foo.ck/"),
    "trailing-dot": ("https://a.co.uk./", "co.uk.", "https://b.co.uk./"),
    "unknown-top": ("https://a.intranet/", "intranet", "https://b.intranet/"),
    "part-of-an-address": ("http://127.0.0.1/", "0.0.1", "http://127.1.0.0.1/"),
    "punycode": ("https://a.xn--55qx5d.cn/", "xn--55qx5d.cn", "https://b.xn--55qx5d.cn/"),
}


@pytest.mark.parametrize(("url", "domain", "victim"), SUFFIXES.values(), ids=SUFFIXES.keys())
def test_B2_a_cookie_for_a_public_suffix_is_refused(jar: Jar, url: str, domain: str, victim: str) -> None:
    assert jar.receive(url, [f"sid=x; Domain={domain}", f"sid=x; Domain=.{domain}"]) == []
    assert jar.header(victim) == jar.header(url) == ""


@pytest.mark.parametrize("host", ["github.io", "localhost", "127.0.0.1", "[::1]"])
def test_B2_a_host_that_is_a_suffix_or_an_address_may_keep_its_own_cookie(jar: Jar, host: str) -> None:
    jar.receive(f"http://{host}/", [f"sid=1; Domain={host.strip('[]')}"])

    assert jar.header(f"http://{host}/") == "sid=1"
    assert [cookie.host_only for cookie in jar.cookies()] == [True]
    assert jar.header("http://sub.github.io/") == ""


@pytest.mark.parametrize(
    "domain", ["other.example", "a.www.shop.example", "hop.example", "shop.example.", "..shop.example", "shöp.example"]
)
def test_a_foreign_domain_is_refused(jar: Jar, domain: str) -> None:
    assert jar.receive("https://www.shop.example/", [f"sid=x; Domain={domain}"]) == []
    assert len(jar) == 0


def test_a_domain_beyond_a_suffix_in_between_is_refused(jar: Jar) -> None:
    # amazonaws.com is a registrable domain, *.compute.amazonaws.com a suffix: its customers are not one site
    assert jar.receive("https://x.y.compute.amazonaws.com/", ["sid=x; Domain=amazonaws.com"]) == []


def test_the_last_domain_counts_even_when_empty(jar: Jar) -> None:
    jar.receive(
        "https://www.shop.example/",
        ["a=1; Domain=shop.example; Domain=", "b=2; Domain=evil.example; Domain=shop.example"],
    )

    assert kept(jar) == [("a", "1", "www.shop.example", True), ("b", "2", "shop.example", False)]


def test_spellings_of_one_host_share_their_cookies(jar: Jar) -> None:
    jar.receive("HTTPS://Bücher.Example:8443/", ["sid=1"])

    assert jar.header("https://xn--bcher-kva.example/") == "sid=1"
    assert jar.header("https://user:secret@BÜCHER.example:1/?q=/x") == "sid=1"


def test_B9_a_cookie_belongs_to_the_host_that_answered(jar: Jar) -> None:
    jar.receive("https://first.example/redirect", ["sid=evil"])

    assert jar.header("https://second.example/") == ""
    assert jar.header("https://first.example/") == "sid=evil"


def test_B1_no_cookie_of_one_site_goes_to_another(jar: Jar) -> None:
    for site in ("one.example", "two.example", "10.0.0.1", "localhost"):
        jar.receive(f"http://{site}/", [f"from={site}"])

    for site in ("one.example", "two.example", "10.0.0.1", "localhost"):
        assert jar.header(f"http://{site}/") == f"from={site}"
    assert jar.header("http://10.0.0.2/") == ""


def test_B18_two_jars_share_nothing() -> None:
    one, two = Jar(), Jar()
    one.receive("https://shop.example/", ["sid=one"])
    two.receive("https://shop.example/", ["sid=two"])

    assert (one.header("https://shop.example/"), two.header("https://shop.example/")) == ("sid=one", "sid=two")


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("a.b.example", "b.example", True),
        ("b.example", "b.example", True),
        ("ab.example", "b.example", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.1", False),
    ],
)
def test_an_address_has_no_parent_domain(host: str, domain: str, matches: bool) -> None:
    assert domain_match(host, domain) is matches


# --- Secure and prefixes ----------------------------------------------------------------------------------------------
BROKEN_PROMISES = {
    "secure-over-http": ("http://shop.example/", "a=1; Secure"),
    "host-over-http": ("http://shop.example/", "__Host-a=1; Secure; Path=/"),
    "host-without-secure": ("https://shop.example/", "__Host-a=1; Path=/"),
    "host-without-path": ("https://shop.example/", "__Host-a=1; Secure"),
    "host-with-other-path": ("https://shop.example/", "__Host-a=1; Secure; Path=/x"),
    "host-with-domain": ("https://shop.example/", "__Host-a=1; Secure; Path=/; Domain=shop.example"),
    "secure-prefix-without-secure": ("https://shop.example/", "__Secure-a=1"),
    "any-case": ("https://shop.example/", "__hOsT-a=1; Path=/"),
    "nameless-host": ("https://shop.example/", "=__Host-a=1; Secure; Path=/"),
    "nameless-secure": ("https://shop.example/", "__Secure-a; Secure; Path=/"),
    "not-https": ("http://shop.example/", "a=1; Secure"),
    "looks-like-loopback": ("http://127.0.0.1.example/", "a=1; Secure"),
    "ends-like-localhost": ("http://notlocalhost/", "a=1; Secure"),
    "private-is-not-loopback": ("http://10.0.0.1/", "a=1; Secure"),
    "none-without-secure": ("https://shop.example/", "a=1; SameSite=None"),
}


@pytest.mark.parametrize(("url", "line"), BROKEN_PROMISES.values(), ids=BROKEN_PROMISES.keys())
def test_B25_a_cookie_that_breaks_a_promise_is_refused(jar: Jar, url: str, line: str) -> None:
    assert jar.receive(url, [line]) == []
    assert jar.header(url) == ""


def test_B25_a_cookie_that_keeps_its_promise_is_taken(jar: Jar) -> None:
    jar.receive("https://shop.example/x/y", ["__Host-a=1; Secure; Path=/", "__Secure-b=2; secure; Domain=shop.example"])

    assert jar.header("https://shop.example/x/z") == "__Secure-b=2; __Host-a=1"
    assert jar.header("http://shop.example/x/z") == ""


LOOPBACK = ["localhost", "LOCALHOST", "app.localhost", "localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]:8080"]


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("line", ["a=1; Secure", "__Host-a=1; Secure; Path=/", "a=1; SameSite=None; Secure"])
def test_B25_this_machine_is_as_secure_as_https(jar: Jar, host: str, line: str) -> None:
    assert jar.receive(f"http://{host}/x", [line])
    assert jar.header(f"http://{host}/y").endswith("a=1")


def test_B25_http_cannot_touch_what_https_has_set(jar: Jar) -> None:
    jar.receive("https://www.shop.example/", ["sid=good; Secure; Domain=shop.example"])
    for url, line in [
        ("http://www.shop.example/", "sid=evil"),
        ("http://shop.example/", "sid=evil; Domain=shop.example"),
        ("http://shop.example/", "sid=; Max-Age=0; Domain=shop.example"),
        ("http://www.shop.example/deep/er", "sid=evil"),
    ]:
        assert jar.receive(url, [line]) == []

    assert jar.header("https://www.shop.example/deep/er") == "sid=good"


def test_B25_http_may_set_another_name_or_a_wider_path(jar: Jar) -> None:
    jar.receive("https://shop.example/app/x", ["sid=good; Secure; Path=/app"])
    jar.receive("http://shop.example/", ["lang=de", "sid=plain; Path=/"])

    assert jar.header("http://shop.example/app") == "lang=de; sid=plain"
    assert jar.header("https://shop.example/app") == "sid=good; lang=de; sid=plain"


def test_secure_counts_with_any_value_and_only_over_https(jar: Jar) -> None:
    jar.receive("https://shop.example/", ["a=1; SECURE=no"])

    assert jar.header("https://shop.example/") == "a=1"
    assert jar.header("http://shop.example/") == ""


def test_same_site_and_http_only_are_kept(jar: Jar) -> None:
    lines = ["a=1; HttpOnly; SameSite=STRICT", "b=2; SameSite=lax; SameSite=odd", "c=3; Secure; SameSite=None"]
    jar.receive("https://shop.example/", lines)

    assert [(c.http_only, c.same_site) for c in jar.cookies()] == [(True, "Strict"), (False, None), (False, "None")]


# --- paths ------------------------------------------------------------------------------------------------------------
PATHS = {
    "L20-app-matches-below": ("/", "/app", "/app/x", True),
    "L20-app-matches-itself": ("/", "/app", "/app", True),
    "L20-app-is-not-apple": ("/", "/app", "/apple", False),
    "slash-matches-below": ("/", "/app/", "/app/x", True),
    "slash-does-not-match-without": ("/", "/app/", "/app", False),
    "L20-empty-is-the-default": ("/dir/page", "", "/dir/other", True),
    "L20-empty-is-not-the-root": ("/dir/page", "", "/", False),
    "relative-is-the-default": ("/dir/page", "x", "/dir/other", True),
    "as-sent": ("/", "/foo", "/f%6Fo", False),
    "query-is-no-path": ("/", "/app", "/app?next=/x", True),
    "slash-in-the-query": ("/", "/app", "/?next=/app", False),
    "fragment-is-no-path": ("/", "/app", "/app#/x", True),
}


@pytest.mark.parametrize(("page", "path", "wanted", "sent"), PATHS.values(), ids=PATHS.keys())
def test_a_path_says_where_a_cookie_goes(jar: Jar, page: str, path: str, wanted: str, sent: bool) -> None:
    jar.receive(f"https://shop.example{page}", [f"a=1; Path={path}"])
    jar.receive(f"https://shop.example{page}", ["deep=1; Path=/other/deep/path"])  # the answer does not depend on it

    assert jar.header(f"https://shop.example{wanted}") == ("a=1" if sent else "")


def test_a_url_without_a_path_means_the_root(jar: Jar) -> None:
    jar.receive("https://shop.example?x=/a/b", ["root=1", "app=1; Path=/a"])

    assert jar.header("https://shop.example") == jar.header("https://shop.example?y=/a/b") == "root=1"


def test_longer_paths_come_first_then_earlier_cookies(jar: Jar) -> None:
    jar.receive(
        "https://shop.example/", ["b=1; Path=/", "a=2; Path=/", "c=3; Path=/x", "d=4; Path=/x/y", "e=5; Path=/x"]
    )
    jar.receive("https://shop.example/", ["b=new; Path=/"])  # keeps its place

    assert jar.header("https://shop.example/x/y") == "d=4; c=3; e=5; b=new; a=2"
    assert jar.header("https://shop.example/x/z") == "c=3; e=5; b=new; a=2"
    assert jar.header("https://shop.example/z") == "b=new; a=2"


def test_a_deleted_cookie_loses_its_place(jar: Jar) -> None:
    jar.receive("https://shop.example/", ["a=1", "b=2", "a=; Max-Age=0", "a=3"])

    assert jar.header("https://shop.example/") == "b=2; a=3"
