"""URLs: joining, keys, fingerprints, hosts and sites, private addresses, and what may be shown."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import urls
from crawler.errors import InvalidURL

# --- absolute ---------------------------------------------------------------------------------------------------------

PAGE = "https://shop.example/a/b.html?x=1#top"


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        pytest.param("c.html", "https://shop.example/a/c.html", id="relative"),
        pytest.param("/c", "https://shop.example/c", id="from-the-root"),
        pytest.param("../../../c", "https://shop.example/c", id="above-the-root"),
        pytest.param("//cdn.example/c", "https://cdn.example/c", id="without-scheme"),
        pytest.param("?y=2", "https://shop.example/a/b.html?y=2", id="query-alone"),
        pytest.param("#end", "https://shop.example/a/b.html?x=1#end", id="fragment-alone"),
        pytest.param("", "https://shop.example/a/b.html?x=1", id="empty"),
        pytest.param(" \n/c\t ", "https://shop.example/c", id="white-space"),
        pytest.param("HTTPS://SHOP.example:443/c d", "https://shop.example/c%20d", id="normal-form"),
        pytest.param(r"\c", "https://shop.example/c", id="backslash"),
        pytest.param("https://bücher.example/", "https://xn--bcher-kva.example/", id="punycode"),
        pytest.param("/\ud800", "https://shop.example/%EF%BF%BD", id="half-a-character"),
        pytest.param("http://0x7f.1/", "http://127.0.0.1/", id="X8-odd-spelling-of-loopback"),
        pytest.param("http://2130706433/", "http://127.0.0.1/", id="X8-number-as-host"),
        pytest.param("/c\r\nX-Evil: 1", "https://shop.example/cX-Evil:%201", id="X14-line-ends-vanish"),
    ],
)
def test_a_link_is_resolved_as_a_browser_would(link: str, wanted: str) -> None:
    assert urls.absolute(PAGE, link) == wanted


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("http://[::bad/", id="U2-broken-address"),
        pytest.param("javascript:void(0)", id="U3-javascript"),
        pytest.param("mailto:a@b.example", id="U3-mailto"),
        pytest.param("file:///etc/passwd", id="U3-file"),
        pytest.param("data:text/html,x", id="U3-data"),
        pytest.param("ftp://a.example/", id="U3-ftp"),
        pytest.param("http://", id="no-host"),
        pytest.param("http://a b/", id="space-in-host"),
        pytest.param("http://a.example:99999/", id="port-out-of-range"),
        pytest.param("http://" + "ü" * 100_000 + "/", id="Z6-label-of-100-kB"),
        pytest.param("/" + "a" * 100_000, id="longer-than-any-link"),
        pytest.param("/" + "ü" * 20_000, id="longer-once-escaped"),
    ],
)
def test_what_cannot_be_fetched_is_an_invalid_url_and_nothing_else(link: str) -> None:
    started = time.perf_counter()
    with pytest.raises(InvalidURL) as raised:
        urls.absolute(PAGE, link)
    assert len(raised.value.url) <= 500
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("link", [b"/c", None, 5], ids=["bytes", "none", "number"])
def test_a_link_that_is_no_text_is_an_invalid_url(link: object) -> None:
    for call in (lambda: urls.absolute(PAGE, link), lambda: urls.canonical(link)):  # type: ignore[arg-type]
        with pytest.raises(InvalidURL):
            call()


@given(
    st.text(max_size=60), st.sampled_from(["", PAGE, "http://u:p@a.example:80/x", "mailto:x", "\ud800", "http://[x"])
)
def test_joining_any_text_gives_a_normal_url_or_an_invalid_url(link: str, base: str) -> None:
    try:
        joined = urls.absolute(base, link)
    except InvalidURL:
        return
    assert joined.startswith(("http://", "https://"))
    assert urls.absolute("", joined) == joined


PIECES = [
    "a",
    "B",
    "7",
    ".",
    "..",
    "-",
    "~",
    "%41",
    "%2f",
    "é",
    "'",
    "(",
    ";",
    ":",
    "@",
    "=",
    "+",
    ",",
    "!",
    "|",
    "%",
    "_",
]
paths = st.lists(st.sampled_from([*PIECES, "/", "/", "//"]), max_size=8).map("".join)
names = st.lists(st.sampled_from([*PIECES, "sid", "PHPSESSID", "cfid"]), max_size=3).map("".join)
queries = st.lists(st.tuples(names, st.sampled_from(["", "="]), names).map("".join), max_size=4).map("&".join)
hosts = st.sampled_from(
    [
        "a.example",
        "A.example",
        "localhost",
        "127.0.0.1",
        "127.1",
        "1.2",
        "a.0x7f",
        "256.1.1.1",
        "xn--bcher-kva.example",
        "a.xn--p1ai",
        "a.b.c.example",
        "a_b.example",
        "[::1]",
        "bücher.example",
        "a..b",
        "a-.example",
        "u:p@a.example",
    ]
)
ports = st.sampled_from(["", ":", ":80", ":443", ":8080", ":080", ":65535", ":65536", ":59999", ":1", ":801"])
addresses = st.builds(
    lambda scheme, host, port, path, query: f"{scheme}://{host}{port}{path}{query}",
    st.sampled_from(["http", "https", "HTTP"]),
    hosts,
    ports,
    paths.map(lambda path: f"/{path}" if path else ""),
    queries.map(lambda query: f"?{query}" if query else ""),
)


@given(addresses, paths, queries)
def test_the_quick_way_of_joining_agrees_with_the_full_way(base: str, path: str, query: str) -> None:
    def joined(link: str) -> str:
        try:
            return urls.absolute(base, link)
        except InvalidURL:
            return "invalid"

    link = f"/{path}?{query}" if query else f"/{path}"
    assert joined(link) == joined(" " + link)  # the space keeps it off the quick way and means nothing


# --- canonical --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "key"),
    [
        pytest.param("http://a.example", "http://a.example/", id="no-path"),
        pytest.param("http://a.example/x#y", "http://a.example/x", id="fragment"),
        pytest.param("http://a.example/?b=2&a=1", "http://a.example/?a=1&b=2", id="sorted-by-name"),
        pytest.param("http://a.example/?a=2&a=1&a-b=0", "http://a.example/?a=1&a=2&a-b=0", id="then-by-value"),
        pytest.param("http://a.example/?a&b=", "http://a.example/?a=&b=", id="empty-values-stay"),
        pytest.param("http://a.example/?&a=1&&", "http://a.example/?a=1", id="empty-arguments-go"),
        pytest.param("http://a.example/?", "http://a.example/", id="empty-query"),
        pytest.param("http://a.example/?q=a%20b+c", "http://a.example/?q=a+b+c", id="spaces"),
        pytest.param("http://a.example/%7ea%2fb%c3%a9", "http://a.example/~a%2Fb%C3%A9", id="escapes"),
        pytest.param("http://a.example/100%", "http://a.example/100%25", id="percent-that-escapes-nothing"),
        pytest.param("http://a.example/%%32f", "http://a.example/%252f", id="escape-that-only-looks-like-one"),
        pytest.param("http://a.example/x;jsessionid=1A?b=2", "http://a.example/x?b=2", id="U4-session-in-path"),
        pytest.param("http://a.example/x/.;jsessionid=1", "http://a.example/x/", id="U4-session-behind-a-dot"),
        pytest.param("http://a.example/x/%2e.;cfid=1/y", "http://a.example/y", id="U4-session-behind-two-dots"),
        pytest.param("http://a.example/x?PHPSESSID=ab&b=2", "http://a.example/x?b=2", id="U4-session-in-query"),
        pytest.param("http://a.example/x?sid=7", "http://a.example/x?sid=7", id="sid-may-be-an-article"),
        pytest.param("http://A.example:80/./b/../c", "http://a.example/c", id="host-port-dots"),
    ],
)
def test_a_key_has_one_spelling(url: str, key: str) -> None:
    assert urls.canonical(url) == key


@pytest.mark.parametrize("url", ["a?b=1", "/x", "sftp://a.example/", "about:blank", ""], ids=repr)
def test_only_a_url_that_can_be_fetched_has_a_key(url: str) -> None:
    with pytest.raises(InvalidURL):
        urls.canonical(url)


@given(addresses)
def test_the_quick_way_to_a_key_agrees_with_the_full_way(url: str) -> None:
    try:
        wanted = urls._canonical_slowly(url)
    except InvalidURL:
        with pytest.raises(InvalidURL):
            urls.canonical(url)
        return
    assert urls.canonical(url) == wanted


@given(addresses)
def test_the_key_of_a_key_is_the_key_and_both_spellings_share_it(url: str) -> None:
    try:
        joined = urls.absolute("", url)
    except InvalidURL:
        return
    key = urls.canonical(url)
    assert key == urls.canonical(joined) == urls.canonical(key)


# --- fingerprint ------------------------------------------------------------------------------------------------------


parts = st.tuples(
    st.text("GETPOS0:1", max_size=4), st.text("a0:1", max_size=4), st.binary(max_size=3), st.text(max_size=3)
)


@given(parts, parts)
def test_different_requests_have_different_fingerprints(a: tuple, b: tuple) -> None:  # type: ignore[type-arg]
    assert (urls.fingerprint(*a) == urls.fingerprint(*b)) == ((a[0].upper(), *a[1:]) == (b[0].upper(), *b[1:]))


def test_a_fingerprint_is_the_same_in_every_process_and_version() -> None:
    mark = urls.fingerprint("get", "https://a.example/", b"", "buyer")
    assert mark.hex() == "09d124ffe5879634ebf02f91beec5ddc"


# --- hosts, origins, sites --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        pytest.param("https://A.example/x", "a.example", "https://a.example:443", id="default-port"),
        pytest.param("http://a.example", "a.example", "http://a.example:80", id="no-path"),
        pytest.param("http://u:p@a.example:8080/", "a.example", "http://a.example:8080", id="user-and-port"),
        pytest.param("http://[2001:DB8::1]:8080/", "2001:db8::1", "http://[2001:db8::1]:8080", id="ipv6"),
        pytest.param("http://bücher.example/", "xn--bcher-kva.example", "http://xn--bcher-kva.example:80", id="idn"),
        pytest.param("http://0x7f.1/", "127.0.0.1", "http://127.0.0.1:80", id="odd-loopback"),
        pytest.param("http://a.example?x", "a.example", "http://a.example:80", id="query-without-path"),
        pytest.param("http://good.example\\@evil.example/", "good.example", "http://good.example:80", id="backslash"),
        pytest.param("http://a.example:65536", None, None, id="bad-port"),
    ],
)
def test_host_and_origin_are_those_that_a_browser_sees(url: str, host: str | None, origin: str | None) -> None:
    if host is None:
        with pytest.raises(InvalidURL):
            urls.host_of(url)
        return
    assert (urls.host_of(url), urls.origin_of(url)) == (host, origin)


@given(addresses)
def test_the_quick_way_to_an_origin_agrees_with_the_full_way(url: str) -> None:
    try:
        wanted = urls.origin_of(urls.absolute("", url))
    except InvalidURL:
        with pytest.raises(InvalidURL):
            urls.origin_of(url)
        return
    assert urls.origin_of(url) == wanted


@pytest.mark.parametrize(
    ("a", "b", "same", "upgrade"),
    [
        pytest.param("https://a.example/x", "https://a.example:443/y", True, False, id="B5-same"),
        pytest.param("http://a.example/", "https://a.example/", False, True, id="B5-the-one-upgrade"),
        pytest.param("https://a.example/", "http://a.example/", False, False, id="B5-downgrade"),
        pytest.param("http://a.example/", "http://a.example:8080/", False, False, id="B5-other-port"),
        pytest.param("http://a.example:8080/", "https://a.example/", False, False, id="B5-upgrade-from-other-port"),
        pytest.param("http://a.example/", "https://www.a.example/", False, False, id="B5-other-host"),
    ],
)
def test_an_origin_is_scheme_host_and_port(a: str, b: str, same: bool, upgrade: bool) -> None:
    assert (urls.same_origin(a, b), urls.is_upgrade(a, b)) == (same, upgrade)


@pytest.mark.parametrize(
    ("host", "site", "registrable"),
    [
        pytest.param("www.shop.co.uk", "shop.co.uk", "shop.co.uk", id="B2-suffix-of-two-labels"),
        pytest.param("WWW.Shop.Example.", "shop.example", "shop.example", id="case-and-dot"),
        pytest.param("me.github.io", "me.github.io", "me.github.io", id="B2-private-suffix"),
        pytest.param("github.io", "github.io", None, id="B2-suffix-itself"),
        pytest.param("co.uk", "co.uk", None, id="B2-co.uk"),
        pytest.param("localhost", "localhost", None, id="one-label"),
        pytest.param("127.0.0.1", "127.0.0.1", None, id="B2-ipv4"),
        pytest.param("[::1]", "::1", None, id="B2-ipv6"),
        pytest.param("", "", None, id="empty"),
        pytest.param("a..b.example", "a..b.example", None, id="empty-label"),
    ],
)
def test_a_site_is_the_registrable_domain_or_the_host(host: str, site: str, registrable: str | None) -> None:
    assert (urls.site_of(host), urls.registrable(host)) == (site, registrable)


# --- private addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::1",
        "[::1]",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:53aa:64c::1",
        "100::1",
        "2606:4700::5efe:7f00:1",
        "4000::1",
        "",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0",
        "1.2.3",
    ],
)
def test_X8_what_is_not_public_for_sure_is_private(address: str) -> None:
    assert urls.is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2606:4700:4700::1111",
        "[2606:4700:4700::1111]",
        "2606:4700::5efe:808:808",
    ],
)
def test_X8_public_addresses_are_public_also_inside_others(address: str) -> None:
    assert not urls.is_private(address)


# --- what may be shown ------------------------------------------------------------------------------------------------

SECRET = "hunter2-T0pSecret"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://bob:{}@a.example/x", id="userinfo"),
        pytest.param("GET https://{}:x@a.example/ failed", id="user-name"),
        pytest.param("https://bob:{}@more@a.example/", id="userinfo-with-at"),
        pytest.param("https://a.example/x?token={}&a=1", id="query"),
        pytest.param("https://a.example/x?a=1&user%5Bpassword%5D={}", id="escaped-name"),
        pytest.param("https://a.example/?user[password]={}", id="name-in-brackets"),
        pytest.param("https://a.example/?accessToken={}", id="camel-case"),
        pytest.param("https://a.example/?X-Amz-Signature={}", id="signed-url"),
        pytest.param("https://a.example/?api_key={}#x", id="api-key"),
        pytest.param("https://a.example/?password=a%26{}", id="escaped-ampersand-in-value"),
        pytest.param("https://a.example/?password=a,{}", id="comma-in-value"),
        pytest.param("https://a.example/?password=a;{}", id="semicolon-in-value"),
        pytest.param("https://a.example/x;jsessionid={}", id="session-in-path"),
        pytest.param("https://a.example/in?next=https%3A%2F%2Fb.example%2F%3Fsid%3D{}%26x%3D1", id="url-in-url"),
        pytest.param("r=https%253A%252F%252Fb%253Ftoken%253D{}%2526x", id="url-in-url-in-url"),
        pytest.param("POST body: user=bob&pass={}", id="form"),
        pytest.param("Authorization: Basic {}==", id="authorization"),
        pytest.param("authorization: Custom a b {}", id="authorization-of-own-kind"),
        pytest.param("Proxy-Authorization: Basic {}", id="proxy-authorization"),
        pytest.param("Cookie: a=1; b={}; c=3", id="cookie"),
        pytest.param("Set-Cookie: sid={}; Path=/; HttpOnly", id="set-cookie"),
        pytest.param("header: Set-Cookie: x={}; y=", id="set-cookie-after-a-word"),
        pytest.param("{'Cookie': 'a=\"q\"; b={}'}", id="repr-of-headers"),
        pytest.param('{"password": "a\\"b {}", "n": 3}', id="json"),
        pytest.param('"{\\"password\\": \\"{}\\"}"', id="json-in-json"),
        pytest.param("{'api_key': b'{}'}", id="repr-of-bytes"),
        pytest.param("[('password', '{}')]", id="list-of-pairs"),
        pytest.param("password: correct {} horse", id="words-after-a-colon"),
        pytest.param("password = {}", id="ini-file"),
        pytest.param("sent Bearer {} to a.example", id="bearer-in-a-sentence"),
        pytest.param("client_secret={}", id="client-secret"),
        pytest.param("otp={}", id="otp"),
    ],
)
def test_X9_a_secret_is_never_shown(text: str) -> None:
    shown = urls.redact(text.replace("{}", SECRET))

    assert SECRET not in shown
    assert "T0pSecret" not in shown
    assert urls.redact(shown) == shown


def test_X9_a_signed_token_is_hidden_wherever_it_stands() -> None:
    assert urls.redact("saw eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM there") == "saw *** there"


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example/x?page=2&author=bob&keyword=x",
        "503 from https://a.example/orders",
        "status code: 503, next try in 4 s",
        "KeyError: 'title' (spiders/orders.py, line 12)",
        "monkey=1 turkey=2 compass",
        "https://a.example/user@host",
        "",
    ],
    ids=repr,
)
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    assert urls.redact(text) == text


def test_the_rest_of_a_url_stays_readable() -> None:
    shown = urls.redact("https://u:p@a.example/in?page=2&token=abc&sort=up")
    assert shown == "https://a.example/in?page=2&token=***&sort=up"


@pytest.mark.parametrize(
    "piece", ["a.", "token=", "%25", "'", "=:", "eyJ", "://", "Basic ", "x \t", 'token="\\', "a@"], ids=repr
)
def test_hiding_takes_time_in_proportion(piece: str) -> None:
    started = time.perf_counter()
    urls.redact("password" + piece * (200_000 // len(piece)))
    assert time.perf_counter() - started < 1


def test_X12_control_characters_are_shown_and_one_text_stays_on_one_line() -> None:
    shown = urls.printable("a\x1b]0;title\x07\r\nERROR forged\u2028\u202egnp\x9b\ud800 é日本")

    assert shown == "a\\x1b]0;title\\x07\\x0d\\x0aERROR forged\\u2028\\u202egnp\\x9b\\ud800 é日本"
    assert len(shown.splitlines()) == 1
    shown.encode()


@given(st.text())
def test_X12_whatever_is_printed_is_one_line_that_can_be_encoded(text: str) -> None:
    shown = urls.printable(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode()


_pieces = st.sampled_from(
    [
        "a",
        "b.html",
        "/",
        "//",
        "..",
        ".",
        "?",
        "x=1",
        "#",
        "#top",
        " ",
        "\t",
        "%20",
        ":",
        "\\",
        "ä",
        "http:",
        ";",
        "\u2003",
    ]
)


@given(
    base=st.sampled_from(
        ["http://shop.test/a/b.html", "https://shop.test:8443/", "http://127.0.0.1:61234/c/d?e#f", "http://[::1]/x"]
    ),
    link=st.lists(_pieces, max_size=6).map("".join),
)
def test_links_of_a_page_lead_where_each_would_lead_by_itself(base: str, link: str) -> None:
    of_site, resolve = urls.resolver(base)
    found = of_site[link] if link[:1] == "/" else resolve(link)

    if link.strip()[:1] in ("", "#"):
        assert found == ""
    else:
        try:
            assert found == urls.absolute(base, link.strip()).partition("#")[0]
        except InvalidURL:
            assert found == ""


def test_what_is_remembered_of_links_is_bounded_however_many_sites_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "_TARGETS", 1_000)

    for site in range(100):
        of_site, resolve = urls.resolver(f"http://shop{site}.test/a/b.html")
        for number in range(50):
            assert of_site[f"/{number}"] == f"http://shop{site}.test/{number}"
            assert resolve(f"{number}.html") == f"http://shop{site}.test/a/{number}.html"

    kept = [each for each in gc.get_objects() if isinstance(each, urls._Targets)]
    assert sum(map(len, kept)) <= 1_100
