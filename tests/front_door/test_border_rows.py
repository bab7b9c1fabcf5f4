"""Rows B through a whole crawl with default settings: what of a session's secrets came to which host.

Two hosts that the spider may crawl; the first is its own, the second is only allowed. Each row is a way that leads from
the first to the second (or to another port of the first), asked with every kind of secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import crawler
from crawler import Identity, Request
from crawler.testing import Account
from crawler.testing.raw import answer
from tests.engine.shop import credentials, opened
from tests.front_door.hosts import Peer, RowHost

SECRET = "wordofpower55"
PAGE = b"<html><body><p>good</p><a href='/logout'>Log out</a></body></html>"
FORM = (
    b"<form method=post action=/login><input name=username><input type=password name=password><input type=file name=f "
    b"value=/etc/passwd><button>Go</button></form>"
)
LEADS = {
    "B1-cookies-of-a-request": 302,
    "B4-redirect": 302,
    "B5-other-port": 302,
    "B8-redirect-301": 301,
    "B9-cookie-set-by-the-redirect": 302,
    "B13-redirect-303": 303,
    "B13-redirect-307": 307,
    "B23-secret-header-308": 308,
}


class Keyed(crawler.Spider):
    """Every kind of secret, and links as well as redirects to the other host."""

    name = "keyed"
    sessions = (
        Identity(
            "default",
            auth=("ann", SECRET),
            headers={"X-Api-Key": SECRET, "X-Plain": SECRET},
            secret_headers=("X-Api-Key",),
            params={"key": SECRET},
        ),
    )

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['own']}/start"]
        self.allowed_domains = ["127.0.3.1", "127.0.3.2"]

    def login(self, session: crawler.Session) -> None:
        page = session.get(f"{self.arguments['own']}/login")
        session.cookies.set("byhand", SECRET)  # B22: without a domain
        answer = session.get(f"{self.arguments['own']}/B16", allow_redirects=False)
        assert answer.status_code == 302
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response: crawler.Response) -> Any:
        own, other = self.arguments["own"], self.arguments["other"]
        for row in LEADS:
            yield Request(
                f"{own}/{row}",
                headers={"X-Of-Request": SECRET, "Cookie": f"raw={SECRET}"},
                cookies={"given": SECRET},
                callback=self.page,
            )
        yield Request(f"{other}/B3-link", callback=self.page)
        yield Request(f"{own}/home", callback=self.page)

    def page(self, response: crawler.Response) -> Any:
        yield {"at": response.url, "said": response.css("p::text").get()}


def header(request: bytes, name: str) -> list[str]:
    return [each.decode("latin-1") for each in re.findall(rb"(?im)^" + name.encode() + rb": ([^\r]*)", request)]


@dataclass(slots=True)
class Ran:
    """The hosts after the crawl, and all that is in the store as text."""

    summary: Any
    own: RowHost
    other: RowHost
    port: RowHost
    store: str
    raw: bytes

    def came(self, row: str) -> list[bytes]:
        """The requests of a row that came to somebody else."""
        return [each for host in (self.other, self.port) for each in host.asked if f"/{row}".encode() in each]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("borders")
    places: dict[str, str] = {}

    def first(peer: Peer, visit: int, target: str) -> None:
        path = target.partition("?")[0].lstrip("/")
        posted = own.asked[-1].startswith(b"POST")
        lines = ["Set-Cookie: evil=1; Path=/"] if path.startswith("B9") else []
        if path in LEADS:
            place = places["port" if path == "B5-other-port" else "other"]
            peer.send(answer(b"", f"{LEADS[path]} Moved", f"Location: {place}/{path}", *lines))
        elif path == "B16":
            peer.send(answer(b"", "302 Found", f"Location: {places['other']}/B16"))
        elif path == "login":
            cookies = [f"Set-Cookie: sid={SECRET}; Path=/", f"Set-Cookie: sup={SECRET}; Domain=0.3.1"]
            peer.send(answer(PAGE, "200 OK", *cookies) if posted else answer(FORM))
        else:
            peer.send(answer(PAGE))

    def second(peer: Peer, visit: int, target: str) -> None:
        peer.send(answer(PAGE))

    own, other, port = RowHost("127.0.3.1", first), RowHost("127.0.3.2", second), RowHost("127.0.3.1", second)
    places.update(other=other.url, port=port.url)
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch, default=Account("ann", f"{SECRET}pw"))
        home = tmp_path_factory.mktemp("home")
        (home / ".netrc").write_text(f"default login a password {SECRET}\n")  # B12
        patch.setenv("HOME", str(home))
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        summary = crawler.run(
            Keyed, arguments={"own": own.url, "other": other.url}, settings={"store": str(folder / "crawl.db")}
        )
    with opened(folder) as database:
        store = "\n".join(database.iterdump())
    raw = b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())
    yield Ran(summary, own, other, port, store, raw)
    for each in (own, other, port):
        each.close()


def test_B12_the_crawl_is_whole_whatever_netrc_and_proxy_variables_say(ran: Ran) -> None:
    assert (ran.summary.ending, ran.summary.failed, ran.summary.logins) == ("finished", 0, 1), ran.summary
    assert ran.summary.pages == len(LEADS) + 3


@pytest.mark.parametrize("row", [*LEADS, "B3-link"])
def test_B_nothing_secret_comes_to_another_origin(ran: Ran, row: str) -> None:
    (request,) = ran.came(row)
    if row == "B5-other-port":  # cookies know no ports (RFC 6265, section 8.5); those of the call alone stay away
        (cookie,) = header(request, "cookie")
        assert {each.partition("=")[0] for each in cookie.split("; ")} <= {"byhand", "sid", "evil"}
        request = re.sub(rb"\r\nCookie: [^\r]*", b"", request)

    assert SECRET.encode() not in request
    assert b"evil" not in request
    names = {line.partition(b":")[0].lower() for line in request.split(b"\r\n")[1:]}
    assert names <= {b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language"}


@pytest.mark.parametrize("row", [row for row in LEADS if not row.startswith("B9")])
def test_B_the_own_host_gets_its_secrets(ran: Ran, row: str) -> None:
    (request,) = [each for each in ran.own.asked if f"/{row}".encode() in each]

    assert header(request, "authorization")
    assert header(request, "x-api-key") == header(request, "x-of-request") == [SECRET]
    (cookie,) = header(request, "cookie")
    assert {f"{name}={SECRET}" for name in ("sid", "byhand", "raw", "given")} <= set(cookie.split("; "))


def test_B1_cookies_of_a_request_are_in_no_other_request(ran: Ran) -> None:
    (home,) = [each for each in ran.own.asked if b"/home" in each]

    assert b"given=" not in home
    assert b"raw=" not in home
    assert f"sid={SECRET}".encode() in home


def test_B2_an_address_has_no_cookies_for_more_than_itself(ran: Ran) -> None:
    assert not [each for host in (ran.own, ran.other, ran.port) for each in host.asked if b"sup=" in each]


def test_B9_a_cookie_of_a_redirect_stays_with_the_host_that_set_it(ran: Ran) -> None:
    assert not [each for each in ran.other.asked if b"evil" in each]


def test_B3_robots_txt_of_both_hosts_is_requested_without_secrets(ran: Ran) -> None:
    assert ran.own.robots
    assert ran.other.robots


def test_B15_B17_the_login_is_posted_once_to_its_own_host_and_without_a_file(ran: Ran) -> None:
    posts = [each for host in (ran.own, ran.other, ran.port) for each in host.asked if each.startswith(b"POST")]

    assert len(posts) == 1
    assert posts[0] in ran.own.asked
    assert b"root:" not in posts[0]


def test_B16_a_redirect_that_nobody_wanted_to_follow_was_not_followed(ran: Ran) -> None:
    assert not ran.came("B16")


def test_X11_no_secret_is_in_the_store(ran: Ran) -> None:
    assert SECRET not in ran.store
    assert SECRET.encode() not in ran.raw
