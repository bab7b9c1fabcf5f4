"""Whose cookies go where, over real sockets (rows B of the catalogue)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from crawler import Identity, Request
from crawler.errors import BadAnswer
from crawler.testing.raw import READ, RawServer, answer
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Certificates, Net, cookie_page


def test_B1_cookies_of_a_request_do_not_follow_a_redirect_to_another_host(net: Net) -> None:
    other = net.host({"/set": cookie_page("theirs=1")}, address="127.0.0.2")
    own = net.host({"/set": cookie_page("jar=1"), "/go": Answer.redirect(f"{other.url}/there")})
    session = net.session(own.url, other.url)
    session.get(f"{own.url}/set")
    session.get(f"{other.url}/set")

    session.get(f"{own.url}/go", cookies={"given": "2"}, headers={"Cookie": "raw=3"})
    session.send(session.prepare_link(Request(f"{own.url}/go", cookies={"given": "2"}, headers={"Cookie": "raw=3"})))

    assert own.header("cookie", "/go") == ["jar=1; raw=3; given=2"] * 2
    assert other.header("cookie", "/there") == ["theirs=1"] * 2


def test_B1_cookies_of_a_request_are_for_that_request_alone(net: Net) -> None:
    own = net.host({"/go": Answer.redirect("/there")})
    session = net.session(own.url)

    session.get(f"{own.url}/go", cookies={"given": "2"})
    session.get(f"{own.url}/later")

    assert own.header("cookie", "/go") == ["given=2"]
    assert own.header("cookie", "/there") == own.header("cookie", "/later") == []


def test_cookies_of_a_request_are_sent_by_a_serial_session_too(net: Net) -> None:
    own = net.host({"/set": cookie_page("jar=1")})
    session = net.session(own.url, identity=Identity("default", serial=True))
    session.get(f"{own.url}/set")

    session.get(f"{own.url}/page", cookies={"given": "2"})

    assert own.header("cookie", "/page") == ["jar=1; given=2"]


SUFFIXES = {
    "co.uk": ("one.co.uk", "two.co.uk"),
    "github.io": ("alice.github.io", "bob.github.io"),
    "kawasaki.jp": ("a.x.kawasaki.jp", "b.x.kawasaki.jp"),
    "0.0.1": ("127.0.0.1", "127.0.0.2"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_B2_a_cookie_for_a_public_suffix_reaches_no_other_customer_of_it(net: Net, suffix: str) -> None:
    first, second = SUFFIXES[suffix]
    domain = "x.kawasaki.jp" if suffix == "kawasaki.jp" else suffix
    here = net.host({"/set": cookie_page(f"sid=evil; Domain={domain}", "mine=1")})
    there = net.host(address="127.0.0.2")
    session = net.session(here.url, names={first: "127.0.0.1", second: "127.0.0.2"})

    session.get(here.named(first, "/set"))
    session.get(here.named(first, "/again"))
    session.get(there.named(second, "/page"))

    assert here.header("cookie", "/again") == ["mine=1"]
    assert there.header("cookie") == []


def test_B2_a_host_that_is_itself_a_suffix_keeps_its_cookie_for_itself(net: Net) -> None:
    host = net.host({"/set": cookie_page("sid=1; Domain=github.io")})
    session = net.session(host.url, names={"github.io": "127.0.0.1", "alice.github.io": "127.0.0.1"})

    session.get(host.named("github.io", "/set"))
    session.get(host.named("github.io", "/own"))
    session.get(host.named("alice.github.io", "/below"))

    assert host.header("cookie", "/own") == ["sid=1"]
    assert host.header("cookie", "/below") == []


def test_B9_a_cookie_set_by_a_redirect_belongs_to_the_host_that_set_it(net: Net) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/go": cookie_page("sid=evil", location=f"{other.url}/there")})
    session = net.session(own.url, other.url)

    session.get(f"{own.url}/go")
    session.get(f"{other.url}/again")
    session.get(f"{own.url}/home")

    assert other.header("cookie") == []
    assert own.header("cookie", "/home") == ["sid=evil"]


def test_B18_two_sessions_on_one_pool_send_their_own_cookies_on_every_hop(net: Net) -> None:
    def login(call: WireRequest) -> Answer:
        return cookie_page(f"sid={call.query()['who']}", location="/hop")

    own = net.host({"/login": login, "/hop": Answer.redirect("/end"), "/page": Answer.redirect("/hop")})
    adapter = net.adapter(connections=4)
    sessions = {who: net.session(own.url, adapter=adapter) for who in ("alice", "bob", "guest")}
    for who in ("alice", "bob"):
        sessions[who].get(f"{own.url}/login?who={who}")
    own.calls.clear()

    def visit(number: int) -> tuple[str, str]:
        who = ("alice", "bob", "guest")[number % 3]
        answer = sessions[who].get(f"{own.url}/page?who={who}&n={number}")
        hops = [each.request.headers.get("Cookie") for each in (*answer.history, answer)]
        return who, " ".join(str(hop) for hop in hops)

    with ThreadPoolExecutor(8) as threads:
        visited = list(threads.map(visit, range(60)))

    expected = {who: " ".join([f"sid={who}"] * 3) for who in ("alice", "bob")} | {"guest": "None None None"}
    assert [(who, expected[who]) for who, _ in visited] == visited
    assert len(own.calls) == 180
    for call in own.seen("/page"):
        who = call.query()["who"]
        assert call.headers.get("cookie") == (None if who == "guest" else f"sid={who}")


def test_B21_a_cookie_without_a_domain_does_not_go_to_a_subdomain(net: Net) -> None:
    host = net.host({"/set": cookie_page("only=1", "wide=2; Domain=shop.test")})
    session = net.session(host.url, names={"shop.test": "127.0.0.1", "sub.shop.test": "127.0.0.1"})

    session.get(host.named("shop.test", "/set"))
    session.get(host.named("sub.shop.test", "/below"))
    session.get(host.named("shop.test", "/same"))

    assert host.header("cookie", "/below") == ["wide=2"]
    assert host.header("cookie", "/same") == ["only=1; wide=2"]


def test_B22_a_cookie_set_by_hand_without_a_host_goes_to_the_sessions_own_site_only(net: Net) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there")})
    session = net.session(own.url)
    session.cookies.set("sid", "1")

    session.get(f"{other.url}/first")
    session.get(f"{own.url}/page")
    session.get(f"{own.url}/go")

    assert own.header("cookie") == ["sid=1", "sid=1"]
    assert len(other.calls) == 2
    assert other.header("cookie") == []


def test_B24_a_bare_carriage_return_in_a_header_sets_no_cookie(net: Net) -> None:
    own = net.host()
    evil = answer(b"ok", "200 OK", "X-A: a\rSet-Cookie: injected=1")
    with RawServer([READ, evil, READ, evil]) as server:
        session = net.session(server.url, own.url)

        with pytest.raises(BadAnswer):
            session.get(f"{server.url}/")

        assert session.cookies.header(server.url + "/") in ("", None)
        assert session.cookies.dump() == []


PROMISES = ["__Host-sid=1; Path=/", "__Host-sid=1; Secure; Path=/deep", "__Secure-sid=1", "plain=1; Secure"]


@pytest.mark.parametrize("line", PROMISES)
def test_B25_a_broken_promise_sets_no_cookie_over_http(net: Net, line: str) -> None:
    own = net.host({"/deep/set": cookie_page(line)})
    session = net.session(own.named("shop.test"), names={"shop.test": "127.0.0.1"})  # loopback itself is secure

    session.get(own.named("shop.test", "/deep/set"))
    session.get(own.named("shop.test", "/deep/again"))

    assert own.header("cookie") == []
    assert session.cookies.dump() == []


def test_B25_http_cannot_overwrite_what_https_has_set(net: Net, certificates: Certificates) -> None:
    secure = net.host({"/set": cookie_page("sid=right; Secure")}, tls=certificates.context("shop.test"))
    plain = net.host({"/set": cookie_page("sid=wrong")})
    session = net.session(
        secure.named("shop.test"),
        plain.named("shop.test"),
        verify=certificates.file,
        names={"shop.test": "127.0.0.1"},
    )

    session.get(secure.named("shop.test", "/set"))
    session.get(plain.named("shop.test", "/set"))
    session.get(secure.named("shop.test", "/again"))
    session.get(plain.named("shop.test", "/again"))

    assert secure.header("cookie", "/again") == ["sid=right"]
    assert plain.header("cookie") == []


def test_a_page_that_leads_to_itself_with_a_new_cookie_or_another_method_is_not_a_loop(net: Net) -> None:
    def once(call: WireRequest) -> Answer:
        return Answer(body=b"<p>in</p>") if "cookie" in call.headers else cookie_page("seen=1", location="/door")

    def form(call: WireRequest) -> Answer:
        return Answer.redirect("/form") if call.method == "POST" else Answer(body=b"<p>thanks</p>")

    own = net.host({"/door": once, "/form": form})
    session = net.session(own.url)

    assert session.get(f"{own.url}/door").text == "<p>in</p>"
    assert session.post(f"{own.url}/form", data={"a": "1"}).text == "<p>thanks</p>"
