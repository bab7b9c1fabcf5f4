"""Auths on the project's own sessions and transports: they see the 401 and may answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from crawler.fetching.transport import limits_of, make_transport
from crawler.response import Request
from crawler.sessions.accounts import Account
from crawler.sessions.auth.oauth import OAuth2
from crawler.sessions.auth.schemes import BearerAuth, DigestAuth
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.settings import Settings
from crawler.spider import Identity
from crawler.testing import PracticeSite


@pytest.fixture(params=["curl", "urllib3"])
def make_session(request: pytest.FixtureRequest) -> Iterator[Callable[..., Session]]:
    settings = Settings(transport=request.param)
    transport = make_transport(settings, {"127.0.0.1", "127.0.0.2"})

    def make(site: PracticeSite, *, serial: bool = False) -> Session:
        return Session(
            Identity("default", serial=serial),
            account=Account("default", environ={}),
            origins=Origins([site.url]),
            transport=transport,
            limits=limits_of(settings),
        )

    yield make
    transport.close()


def test_L14_digest_asks_once_and_hooks_do_not_pile_up(
    practice_site: PracticeSite, make_session: Callable[..., Session]
) -> None:
    account = practice_site.accounts[0]
    session = make_session(practice_site)
    session.auth = DigestAuth(account.username, account.password)
    session.hooks["response"].append(lambda response, **_: None)
    for number in range(1, 6):
        request = session.prepare_link(Request(f"{practice_site.url}/digest/{number}"))
        assert session.send(request).status_code == 200

    assert [each.status for each in practice_site.log] == [401, 200, 200, 200, 200, 200]
    assert len(session.hooks["response"]) == 1


def test_L14_digest_at_the_login_page_leaves_a_cookie(
    practice_site: PracticeSite, make_session: Callable[..., Session]
) -> None:
    account = practice_site.accounts[0]
    session = make_session(practice_site)
    session.auth = DigestAuth(account.username, account.password)
    session.get(f"{practice_site.url}/digest/login")
    session.auth = None

    assert session.get(f"{practice_site.url}/members/?page=1", allow_redirects=False).status_code == 200


@pytest.mark.parametrize("serial", [False, True], ids=["threads", "serial"])
def test_L8_a_revoked_token_costs_no_page(
    practice_site: PracticeSite, make_session: Callable[..., Session], serial: bool
) -> None:
    account = practice_site.accounts[0]
    session = make_session(practice_site, serial=serial)
    session.auth = auth = OAuth2(
        f"{practice_site.url}/oauth/token", client_id=account.client_id, client_secret=account.client_secret
    )
    assert session.get(f"{practice_site.url}/api/me").json() == {"account": account.username}
    practice_site.revoke_all()
    urls = [f"{practice_site.url}/api/book/{number}" for number in range(1, 25)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda url: session.get(url).status_code, urls)) == [200] * 24

    assert auth.changes == 2


def test_B3_no_auth_leaves_for_another_origin(
    make_practice_site: Callable[..., PracticeSite], make_session: Callable[..., Session]
) -> None:
    home, elsewhere = make_practice_site(), make_practice_site(hosts=("127.0.0.2",))
    account = home.accounts[0]
    session = make_session(home)
    for auth in (BearerAuth("t0ken-value"), DigestAuth(account.username, account.password), ("u", "p4ssw0rd")):
        session.auth = auth
        assert session.get(f"{elsewhere.url}/digest/1").status_code == 401

    assert {each.headers.get("authorization") for each in elsewhere.log} == {None}
