"""Rows B7, B11 and B20 through a whole crawl: what a login step does holds for that step, and no further.

Settings are those by default, but for the authority that the certificates of the test are issued by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import trustme

import crawler
from crawler import Request
from crawler.testing.raw import answer
from tests.engine.shop import opened
from tests.front_door.hosts import Peer, RowHost, tls

SECRET = "wordofpower"
OURS = b"<html><body><p>good</p><a href='/logout'>Log out</a></body></html>"


class Steps(crawler.Spider):
    """A session for each row; its name says what its login step does."""

    name = "steps"
    sessions = ("halfway", "loose", "astray")

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.allowed_domains = ("127.0.5.1", "127.0.5.2", "127.0.5.3", "127.0.5.6")

    def start(self) -> Iterator[Request]:
        for path in ("home", "go"):
            yield Request(f"{self.arguments['plain']}/{path}", session="halfway")
        yield Request(f"{self.arguments['loose']}/page", session="loose")
        yield Request(f"{self.arguments['own']}/page", session="astray")

    def login(self, session: crawler.Session) -> None:
        if session.name == "halfway":
            session.proxies = {"http": self.arguments["proxy"]}
        elif session.name == "loose":
            assert session.get(f"{self.arguments['loose']}/login", verify=False).ok
        else:
            page = session.get(f"{self.arguments['own']}/login")
            session.submit(page.form(), {"username": "ann", "password": SECRET})

    def parse(self, response: crawler.Response) -> Any:
        yield {"at": response.url}


@dataclass(slots=True)
class Stepped:
    """The hosts after the crawl whose login steps do what they should not, the errors, and what was logged."""

    summary: Any
    own: RowHost
    other: RowHost
    secure: RowHost
    plain: RowHost
    loose: RowHost
    proxy: RowHost
    errors: dict[str, str]
    events: str


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stepped]:
    folder, ours = tmp_path_factory.mktemp("steps"), trustme.CA()
    ours.cert_pem.write_to_path(str(folder / "authority.pem"))
    other = RowHost("127.0.5.4", lambda peer, visit, target: peer.send(answer(OURS)))
    form = (
        f"<form method=post action={other.url}/collect><input name=username><input type=password name=password></form>"
    )
    own = RowHost("127.0.5.1", lambda peer, visit, target: peer.send(answer(form.encode())))
    secure = RowHost("127.0.5.2", lambda peer, visit, target: peer.send(answer(OURS)), tls(ours, "127.0.5.2"))

    def move(peer: Peer, visit: int, target: str) -> None:
        peer.send(answer(b"", "302 Found", f"Location: {secure.url}/{target.rpartition('/')[2]}"))

    proxy = RowHost("127.0.5.5", move)
    loose = RowHost("127.0.5.3", lambda peer, visit, target: peer.send(answer(OURS)), tls(trustme.CA(), "127.0.5.3"))
    plain = RowHost("127.0.5.6", lambda peer, visit, target: peer.send(answer(OURS)))
    told: list[str] = []
    summary = crawler.run(
        Steps,
        arguments={"own": own.url, "plain": plain.url, "loose": loose.url, "proxy": proxy.url},
        settings={"store": str(folder / "crawl.db"), "verify": str(folder / "authority.pem")},
        observers=[lambda event: told.append(repr(event))],
    )
    with opened(folder) as database:
        errors = dict(database.execute("SELECT url, error FROM crawl_requests"))
    yield Stepped(summary, own, other, secure, plain, loose, proxy, errors, "\n".join(told))
    for each in (own, other, secure, plain, loose, proxy):
        each.close()


def test_B7_a_proxy_for_http_is_left_where_a_redirect_leads_to_https(stepped: Stepped) -> None:
    asked = [each.split(b" ")[1].decode() for each in stepped.proxy.asked]
    assert set(asked) == {f"{stepped.plain.url}/{path}" for path in ("home", "go", "robots.txt")}, "no CONNECT"
    assert len(stepped.secure.asked) == len(asked) - asked.count(f"{stepped.plain.url}/robots.txt")
    assert not [each for each in stepped.plain.asked if b"/go " in each], "http went through the proxy"
    for path in ("home", "go"):
        assert stepped.errors[f"{stepped.plain.url}/{path}"] is None


def test_B11_a_login_that_checked_no_certificate_loosens_nothing_for_the_pages(stepped: Stepped) -> None:
    assert [each.split(b" ")[1] for each in stepped.loose.asked] == [b"/login"]
    assert stepped.loose.robots == 0
    assert (stepped.errors[f"{stepped.loose.url}/page"] or "").startswith("TLSFailed: ")


def test_B20_a_login_form_that_posts_elsewhere_is_refused_and_both_hosts_are_named(stepped: Stepped) -> None:
    (told,) = stepped.summary.messages

    assert "session 'astray'" in told
    assert "127.0.5.1 to 127.0.5.4" in told
    assert stepped.other.asked == []
    assert [each.split(b" ")[1] for each in stepped.own.asked] == [b"/login"]
    assert SECRET not in stepped.events + told


def test_B_the_sessions_whose_login_is_well_go_on_beside_the_one_that_is_refused(stepped: Stepped) -> None:
    summary = stepped.summary

    assert (summary.ending, summary.logins, summary.pages, summary.failed, summary.parked) == (
        "login failed",
        2,
        2,
        1,
        1,
    )
