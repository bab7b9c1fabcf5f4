"""Sessions that send tokens of OAuth2: asked for once, renewed in time, kept for the next run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, OAuth2, Response, Session, Spider
from crawler.testing import PracticeSite
from tests.engine.shop import crawl, credentials
from tests.sessions_e2e.api_logins import Api, complete

from .conftest import MakeSite


class Service(Api):
    """The same as an application of its own (OAuth2), without a login step."""

    name = "service"
    grant: Any = "client_credentials"

    def login(self, session: Session) -> None:
        session.auth = OAuth2.of(session, f"{self.arguments['site']}/oauth/token", grant=self.grant)


class AsUser(Service):
    """With a password grant, which brings a refresh token."""

    name = "asuser"
    grant = "password"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts what an OAuth2 client needs where the session looks for it."""

    def put(site: PracticeSite) -> None:
        alice = site.accounts[0]
        credentials(monkeypatch, default=alice)
        monkeypatch.setenv("CRAWL_DEFAULT_CLIENT_ID", alice.client_id)
        monkeypatch.setenv("CRAWL_DEFAULT_CLIENT_SECRET", alice.client_secret)

    return put


def test_client_credentials_are_asked_for_a_token_once_and_a_second_run_goes_on_with_it(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    site = make_practice_site(books=30)
    client(site)

    first = crawl(Service, site.url, tmp_path, workers=8, max_pages=10)
    second = crawl(Service, site.url, tmp_path, workers=8)

    assert (first.logins, second.logins, second.restored, second.ending) == (1, 0, 1, "finished")
    assert complete(site, tmp_path)
    assert site.record.tokens == {"client_credentials": 1}


def test_a_token_that_is_about_to_end_is_renewed_before_with_the_refresh_token(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    site = make_practice_site(books=60, token_expires_s=2.0, latency_s=0.02)
    client(site)

    summary = crawl(AsUser, site.url, tmp_path, workers=2, delay=0.08)

    assert (summary.ending, summary.logins) == ("finished", 1)
    assert complete(site, tmp_path)
    tokens = site.record.tokens
    assert tokens["password"] == 1
    assert tokens["refresh_token"] >= 2
    assert site.record.refused["token"] == 0, "no page met an old token"


def test_L8_revoked_tokens_are_renewed_on_401_once_for_all_workers(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    site = make_practice_site(books=60, latency_s=0.01)
    client(site)

    class Revoked(Service):
        name = "revoked"
        pages = 0

        def parse_book(self, response: Response) -> Iterator[Any]:
            Revoked.pages += 1
            if Revoked.pages in (10, 30):
                site.expire_now()
            yield from super().parse_book(response)

    summary = crawl(Revoked, site.url, tmp_path, workers=8)

    assert (summary.ending, summary.failed, summary.retried) == ("finished", 0, 0)
    assert complete(site, tmp_path)
    assert site.record.tokens == {"client_credentials": 3}
    assert site.record.refused["token"] >= 2


def test_the_newest_refresh_token_is_what_the_next_run_has(
    make_practice_site: MakeSite, tmp_path: Path, client: Any
) -> None:
    """It is good once: had the run kept the first one, the next run would have to log in."""
    site = make_practice_site(books=30, latency_s=0.01)
    client(site)

    class Renewing(AsUser):
        name = "renewing"
        pages = 0

        def parse_book(self, response: Response) -> Iterator[Any]:
            Renewing.pages += 1
            if Renewing.pages == 5:
                assert isinstance(self.auth, OAuth2)
                self.auth.renew()
            yield from super().parse_book(response)

        def login(self, session: Session) -> None:
            super().login(session)
            self.auth = session.auth

    crawl(Renewing, site.url, tmp_path, workers=1, max_pages=20)
    assert site.record.tokens == {"password": 1, "refresh_token": 1}
    site.change(token_expires_s=3600.0)

    rest = crawl(AsUser, site.url, tmp_path)

    assert (rest.logins, rest.restored) == (0, 1)
    assert site.record.tokens == {"password": 1, "refresh_token": 1}


def test_an_identity_may_bring_its_oauth2_without_any_login_step(make_practice_site: MakeSite, tmp_path: Path) -> None:
    site = make_practice_site(books=20)
    alice = site.accounts[0]

    class Machine(Api):
        name = "machine"
        login = Spider.login
        sessions = ("default",)

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            auth = OAuth2(
                f"{arguments['site']}/oauth/token", client_id=alice.client_id, client_secret=alice.client_secret
            )
            self.sessions = (Identity("default", auth=auth),)

    crawl(Machine, site.url, tmp_path, max_pages=4, workers=4)
    rest = crawl(Machine, site.url, tmp_path, workers=4)

    assert rest.ending == "finished", rest
    assert complete(site, tmp_path)
    assert site.record.tokens == {"client_credentials": 1}


def test_a_refused_client_is_a_wrong_password(
    make_practice_site: MakeSite, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_practice_site(books=5)
    client(site)
    monkeypatch.setenv("CRAWL_DEFAULT_CLIENT_SECRET", "client-of-nobody")

    runs = [crawl(Service, site.url, tmp_path) for _ in range(2)]

    assert [run.exit_code for run in runs] == [3, 3]
    assert "says invalid_client to the grant client_credentials" in runs[0].messages[0]
    assert "the site refused these credentials on" in runs[1].messages[0]
    assert site.record.failed_logins == {"client-alice": 1}
