"""Which cookies the jar takes from whom, and to whom it gives them."""

import time

import pytest

from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.scope import domain_match

NOW = 1_800_000_000.0


@pytest.fixture
def jar() -> Jar:
    return Jar(clock=lambda: NOW)


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


# --- time -------------------------------------------------------------------------------------------------------------


def test_L18_max_age_wins_over_expires_whatever_comes_last(jar: Jar) -> None:
    past, future = "Thu, 01 Jan 1970 00:00:01 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    jar.receive("https://shop.example/", [f"a=1; Max-Age=60; Expires={past}", f"b=2; Expires={future}; Max-Age=0"])

    assert [(cookie.name, cookie.expires) for cookie in jar.cookies()] == [("a", NOW + 60)]


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_L18_expires_is_corrected_by_the_clock_of_the_server(jar: Jar, hours: int) -> None:
    server_now = NOW + hours * 3600
    lines = [f"sid=1; Expires={http_date(server_now + 3600)}", f"gone=1; Expires={http_date(server_now - 1)}"]
    jar.receive("https://shop.example/", lines, date=http_date(server_now))

    assert [(cookie.name, cookie.expires) for cookie in jar.cookies()] == [("sid", NOW + 3600)]


@pytest.mark.parametrize("date", ["", "yesterday", "0"])
def test_L18_an_unreadable_date_of_the_server_changes_nothing(jar: Jar, date: str) -> None:
    jar.receive("https://shop.example/", [f"sid=1; Expires={http_date(NOW + 60)}"], date=date)

    assert jar.cookies()[0].expires == NOW + 60


AGES = {
    "plain": ("60", NOW + 60),
    "zero-padded": ("0060", NOW + 60),
    "huge": ("9" * 1000, 253_402_300_799.0),
    "not-a-number": ("6x", None),
    "fraction": ("2.63", None),
    "plus": ("+60", None),
    "empty": ("", None),
    "other-digits": ("٦", None),
}


@pytest.mark.parametrize(("age", "expires"), AGES.values(), ids=AGES.keys())
def test_a_max_age_that_is_no_number_is_ignored(jar: Jar, age: str, expires: float | None) -> None:
    jar.receive("https://shop.example/", [f"a=1; Max-Age={age}"])

    assert jar.cookies()[0].expires == expires


def test_a_cookie_ends_at_its_moment_and_not_before() -> None:
    now = [NOW]
    jar = Jar(clock=lambda: now[0])
    jar.receive("https://shop.example/", ["a=1; Max-Age=60", "b=2"])

    now[0] = NOW + 59.9
    assert jar.header("https://shop.example/") == "a=1; b=2"
    now[0] = NOW + 60
    assert jar.header("https://shop.example/") == "b=2"
    assert jar.keys() == ["b"]
    now[0] = NOW - 1000  # the clock goes back: what has been seen to end stays away
    assert jar.header("https://shop.example/") == "b=2"


def test_a_cookie_that_has_ended_can_be_set_again() -> None:
    now = [NOW]
    jar = Jar(clock=lambda: now[0])
    jar.receive("https://shop.example/", ["a=1; Max-Age=60"])
    now[0] += 60
    jar.receive("https://shop.example/", ["a=2; Max-Age=60"])

    assert jar.header("https://shop.example/") == "a=2"
    assert [cookie.created for cookie in jar.cookies()] == [now[0]]


def test_a_cookie_set_and_deleted_in_one_answer_is_gone(jar: Jar) -> None:
    jar.receive("https://shop.example/", ["a=1; Max-Age=60", "a=; Max-Age=0", "b=1", f"b=; Expires={http_date(0)}"])

    assert jar.header("https://shop.example/") == ""


def http_date(moment: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(moment))


# --- lines ------------------------------------------------------------------------------------------------------------

LINES = {
    "empty-value": ("a=", "a="),
    "spaces": ("  a  =  b c  ; Path=/", "a=b c"),
    "quotes-stay": ('a="b c"', 'a="b c"'),
    "equals-in-value": ("a=b=c", "a=b=c"),
    "nameless": ("lonely", "lonely"),
    "nameless-with-equals": ("=lonely", "lonely"),
    "tab-inside": ("a=b\tc", "a=b\tc"),
    "unicode": ("naïve=☃", "naïve=☃"),
    "L20-version": ("a=1; Path=; Version=1; Comment=x", "a=1"),
    "unknown-attributes": ("a=1; ; =; Partitioned; Priority=High", "a=1"),
    "comma-is-no-end": ("a=1, b=2", "a=1, b=2"),
}


@pytest.mark.parametrize(("line", "sent"), LINES.values(), ids=LINES.keys())
def test_a_line_becomes_a_cookie(jar: Jar, line: str, sent: str) -> None:
    jar.receive("https://shop.example/", [line])

    assert jar.header("https://shop.example/") == sent


@pytest.mark.parametrize("line", ["", " ", "=", ";", "; Path=/", " = ; Secure"])
def test_a_line_without_name_and_value_sets_nothing(jar: Jar, line: str) -> None:
    assert jar.receive("https://shop.example/", [line]) == []


@pytest.mark.parametrize("code", [*range(0x00, 0x09), *range(0x0A, 0x20), 0x7F], ids="{:02x}".format)
@pytest.mark.parametrize("where", ["a{}=b", "a=b{}c", "a=b; Path=/{}", "a=b{}"], ids=["name", "value", "path", "end"])
def test_X14_B24_a_control_character_refuses_the_whole_line(jar: Jar, code: int, where: str) -> None:
    assert jar.receive("https://shop.example/", [where.format(chr(code)), "x=y"])[0].cookie.name == "x"
    assert len(jar) == 1


def test_B24_a_lone_carriage_return_adds_no_cookie(jar: Jar) -> None:
    jar.receive("https://shop.example/", ["x=1\rSet-Cookie: injected=1", "y=1\nSet-Cookie: injected=1"])

    assert jar.header("https://shop.example/") == ""


def test_other_bytes_than_utf8_go_back_as_they_came(jar: Jar) -> None:
    from crawler.sessions.cookies.rules import from_wire, to_wire

    raw = b"caf\xe9=\xff\xfe"
    jar.receive("https://shop.example/", [from_wire(raw), from_wire("snow=☃".encode().decode("latin-1"))])

    assert to_wire(jar.header("https://shop.example/")) == raw + "; snow=☃".encode()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://shop.example/",
        "http://",
        "https:///",
        "data:,x",
        "http://" + "a" * 100_000,
        "http://exa mple/",
        "http://[::1",
    ],
)
def test_Z6_a_url_without_a_host_has_no_cookies(jar: Jar, url: str) -> None:
    began = time.perf_counter()

    assert jar.receive(url, ["a=1"]) == []
    assert jar.header(url) == ""
    assert time.perf_counter() - began < 0.5


def test_one_line_given_as_text_is_one_line(jar: Jar) -> None:
    jar.receive("https://shop.example/", "abc=def")

    assert jar.header("https://shop.example/") == "abc=def"


def test_what_was_refused_is_told_without_its_value(jar: Jar, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "crawler.sessions.cookies.jar"):
        jar.receive("https://a.co.uk/", ["sid=s3cret; Domain=co.uk", "s3cret"])

    assert "'sid': the domain is a public suffix" in caplog.text
    assert "s3cret" not in caplog.text
