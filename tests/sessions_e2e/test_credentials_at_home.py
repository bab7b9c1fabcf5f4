"""Credentials are bound to the session's own sites: robots.txt, sitemaps and redirects included (rows B3, B13, B23)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, Response, Session, SitemapSpider, Spider
from crawler.testing.wire import Answer
from tests.engine.shop import crawl
from tests.hosts import Host

ROBOTS = Answer.text("User-agent: *\nDisallow: /nothing\n")
SECRETS = ("authorization", "x-api-key", "x-plain", "cookie")


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    running = [Host({}, address, None) for address in ("127.0.0.1", "127.0.0.2")]
    yield running
    for each in running:
        each.close()


def page(text: str) -> Answer:
    return Answer(200, f"<html><body>{text} <a href='/logout'>Log out</a></body></html>".encode())


def xml(*locations: str) -> Answer:
    urls = "".join(f"<url><loc>{each}</loc></url>" for each in locations)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return Answer(200, f'<urlset xmlns="{space}">{urls}</urlset>'.encode(), "application/xml")


def told(host: Host) -> set[str]:
    """Which headers that may hold a secret came to a host, robots.txt apart."""
    calls = [call for call in host.calls if call.path != "/robots.txt"]
    assert calls, "the host must have been asked"
    return {name for call in calls for name in SECRETS if name in call.headers}


class Keyed(Spider):
    """A session with every kind of credential; its pages lead to another host."""

    name = "keyed"
    custom_settings = {"allow_private": True}
    sessions = (
        Identity(
            "default",
            auth=("anna", "pass-of-anna"),
            headers={"X-Api-Key": "key-of-anna", "X-Plain": "odd", "Accept-Language": "de-anna"},
            secret_headers=("X-Api-Key", "Accept-Language"),
        ),
    )

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/start"]
        self.login_url = f"{arguments['site']}/login"

    def login(self, session: Session) -> None:
        session.get(self.login_url or "")

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"url": response.url}
        yield from response.follow_all(css="a.on")


def test_B3_robots_txt_is_asked_for_without_anybodys_credentials(hosts: list[Host], tmp_path: Path) -> None:
    home, _ = hosts
    home.routes = {
        "/robots.txt": ROBOTS,
        "/login": Answer(200, b"in", headers=[("Set-Cookie", "sid=1; Path=/")]),
        "/start": page("hello"),
    }

    summary = crawl(Keyed, home.url, tmp_path)

    assert summary.ending == "finished", summary
    asked = home.seen("/robots.txt")
    assert len(asked) == 1
    assert [name for name in SECRETS if name in asked[0].headers] == []
    assert told(home) == set(SECRETS)
    assert asked[0].headers.get("accept-language") != "de-anna"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_B13_a_redirect_to_another_host_carries_nothing_of_the_session(
    status: int, hosts: list[Host], tmp_path: Path
) -> None:
    home, other = hosts

    home.routes = {
        "/robots.txt": ROBOTS,
        "/login": Answer(200, b"in", headers=[("Set-Cookie", "sid=1; Path=/")]),
        "/start": page('<a class="on" href="/away">away</a>'),
        "/away": lambda call: Answer.redirect(f"{other.url}/elsewhere", status),
    }
    other.routes = {"/robots.txt": ROBOTS}

    crawl(Keyed, home.url, tmp_path)

    assert told(home) == set(SECRETS)
    assert told(other) == set()
    assert other.header("accept-language") == []


def test_B3_a_sitemap_and_its_pages_on_another_host_are_fetched_without_credentials(
    hosts: list[Host], tmp_path: Path
) -> None:
    home, other = hosts

    class Mapped(SitemapSpider):
        name = "mapped"
        sessions = Keyed.sessions
        custom_settings = {"allow_private": True}

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/start"]
            self.sitemap_urls = [f"{arguments['site']}/sitemap.xml"]

        def parse(self, response: Response) -> Iterator[Any]:
            yield {"url": response.url}

    home.routes = {
        "/robots.txt": ROBOTS,
        "/start": page("hello"),
        "/sitemap.xml": Answer.redirect(f"{other.url}/sitemap.xml"),
    }
    other.routes = {"/robots.txt": ROBOTS, "/sitemap.xml": xml(f"{home.url}/one", f"{other.url}/two")}

    crawl(Mapped, home.url, tmp_path)

    assert told(home) == {"authorization", "x-api-key", "x-plain"}
    assert told(other) == set()


def test_a_named_origin_is_given_the_credentials_too(hosts: list[Host], tmp_path: Path) -> None:
    home, other = hosts

    class Wide(Keyed):
        name = "wide"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.allowed_domains = ("127.0.0.1", "127.0.0.2")
            own = Keyed.sessions[0]
            self.sessions = (Identity("default", auth=own.auth, headers=own.headers, origins=(other.url,)),)

    home.routes = {"/robots.txt": ROBOTS, "/start": page(f'<a class="on" href="{other.url}/api">api</a>')}
    other.routes = {"/robots.txt": ROBOTS}

    summary = crawl(Wide, home.url, tmp_path)

    assert summary.ending == "finished", summary
    assert told(other) == {"authorization", "x-api-key", "x-plain"}


def test_a_host_that_may_be_crawled_is_not_given_the_credentials_of_the_port_next_door(
    hosts: list[Host], tmp_path: Path
) -> None:
    """Another port is another origin: allowed_domains lets it be crawled, and no more."""
    home, _ = hosts
    neighbour = Host({"/robots.txt": ROBOTS}, "127.0.0.1", None)
    home.routes = {"/robots.txt": ROBOTS, "/start": page(f'<a class="on" href="{neighbour.url}/x">x</a>')}

    try:
        crawl(Keyed, home.url, tmp_path)
        assert told(neighbour) <= {"cookie"}, "cookies know no ports (RFC 6265); everything else does"
    finally:
        neighbour.close()
