"""OAuth2: one renewal for all threads, before the end and on 401, and nothing lost when the service is in trouble."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from crawler.errors import BadAnswer, ConnectFailed, LoginFailed, Refused, StatusError, WrongPassword
from crawler.identity import Identity
from crawler.sessions.accounts import Account
from crawler.sessions.auth.oauth import OAuth2
from crawler.testing import PracticeSite
from crawler.testing.raw import READ
from crawler.testing.wire import Answer
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

TOKEN_URL = "https://auth.example/token"


class Service:
    """A token service in memory."""

    def __init__(self, **fixed: Any) -> None:
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, Any]] = []
        self.fixed = {"token_type": "Bearer", "expires_in": 3600, **fixed}
        self.gate: threading.Event | None = None
        self.entered = threading.Semaphore(0)

    def __call__(self, url: str, fields: dict[str, str], headers: dict[str, str]) -> requests.Response:
        self.asked.append(fields)
        self.headers.append(headers)
        self.entered.release()
        if self.gate is not None:
            assert self.gate.wait(10)
        number = len(self.asked)
        status, body = self.answers.pop(0) if self.answers else (200, {"access_token": f"token-{number}", **self.fixed})
        response = requests.Response()
        response.status_code = status
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return response


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Callable[..., OAuth2]:
    def auth(service: Service, **options: Any) -> OAuth2:
        options = {"client_id": "app", "client_secret": "s3cret", **options}
        return OAuth2(TOKEN_URL, send=service, ticks=clock, clock=clock, session="buyer", **options)

    return auth


def bearer(auth: OAuth2) -> str:
    return str(requests.Request("GET", "https://api.example/", auth=auth).prepare().headers["Authorization"])


# --- asking -----------------------------------------------------------------------------------------------------------


def test_client_credentials_are_sent_as_the_rfc_says(make: Callable[..., OAuth2]) -> None:
    service = Service()
    auth = make(service, client_id="a:b", client_secret="c d", scope="read", extra={"audience": "x"})

    assert bearer(auth) == "Bearer token-1"
    assert bearer(auth) == "Bearer token-1"
    assert service.asked == [{"grant_type": "client_credentials", "scope": "read", "audience": "x"}]
    assert service.headers[0]["Authorization"] == "Basic YSUzQWI6Yytk"  # a%3Ab:c+d


def test_the_client_may_show_itself_among_the_fields(make: Callable[..., OAuth2]) -> None:
    service = Service()
    bearer(make(service, client_auth="form"))

    assert service.asked == [{"grant_type": "client_credentials", "client_id": "app", "client_secret": "s3cret"}]
    assert "Authorization" not in service.headers[0]


def test_a_token_is_renewed_before_it_ends(make: Callable[..., OAuth2], clock: Clock) -> None:
    service = Service()
    auth = make(service)
    bearer(auth)
    clock.now += 3539
    assert bearer(auth) == "Bearer token-1"
    clock.now += 2
    assert bearer(auth) == "Bearer token-2"


def test_a_short_life_is_used_to_nine_tenths(make: Callable[..., OAuth2], clock: Clock) -> None:
    auth = make(Service(expires_in="10"))
    bearer(auth)
    clock.now += 8.9
    assert bearer(auth) == "Bearer token-1"
    clock.now += 0.2
    assert bearer(auth) == "Bearer token-2"


def test_a_token_without_an_end_is_kept(make: Callable[..., OAuth2], clock: Clock) -> None:
    auth = make(Service(expires_in=None))
    bearer(auth)
    clock.now += 1e9

    assert bearer(auth) == "Bearer token-1"


def test_a_refresh_token_is_replaced_by_the_one_that_comes_with_the_answer(make: Callable[..., OAuth2]) -> None:
    service = Service(refresh_token="refresh-2")
    auth = make(service, grant="refresh_token", refresh_token="refresh-1")
    auth.renew()
    auth.renew()

    assert [each["refresh_token"] for each in service.asked] == ["refresh-1", "refresh-2"]
    assert auth.changes == 2


def test_a_dead_refresh_token_falls_back_to_the_first_grant(make: Callable[..., OAuth2]) -> None:
    service = Service()
    service.answers = [(400, {"error": "invalid_grant"})]
    auth = make(service, grant="password", username="anna", password="pw", refresh_token="dead")

    assert bearer(auth) == "Bearer token-2"
    assert [each["grant_type"] for each in service.asked] == ["refresh_token", "password"]


# --- refusals and troubles --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "status", "body", "error"),
    [
        ({}, 401, {"error": "invalid_client"}, WrongPassword),
        ({"grant": "password"}, 400, {"error": "invalid_grant"}, WrongPassword),
        ({"grant": "refresh_token", "refresh_token": "r"}, 400, {"error": "invalid_grant"}, LoginFailed),
        ({"grant": "refresh_token"}, 200, {}, LoginFailed),
        ({}, 400, {"error": "invalid_scope\x1b"}, LoginFailed),
        ({}, 200, {"token_type": "Bearer"}, BadAnswer),
        ({}, 200, {"access_token": "a\r\nX: y"}, BadAnswer),
        ({}, 200, {"access_token": "abc", "token_type": "mac"}, BadAnswer),
        ({}, 200, b"<html>", BadAnswer),
        ({}, 503, b"", StatusError),
        ({}, 429, {}, StatusError),
        ({}, 302, b"", BadAnswer),
    ],
    ids=str,
)
def test_each_way_to_fail_has_its_error(
    make: Callable[..., OAuth2], options: dict[str, Any], status: int, body: Any, error: type[Exception]
) -> None:
    service = Service()
    service.answers = [(status, body)]

    with pytest.raises(error) as caught:
        bearer(make(service, **options))
    assert type(caught.value) is error
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_trouble_before_the_end_is_no_trouble(make: Callable[..., OAuth2], clock: Clock) -> None:
    service = Service()
    auth = make(service)
    bearer(auth)
    clock.now += 3550  # should be renewed, need not
    service.answers = [(503, b"")]

    assert [bearer(auth) for _ in range(5)] == ["Bearer token-1"] * 5
    assert len(service.asked) == 2  # not once a request
    clock.now += 11
    assert bearer(auth) == "Bearer token-3"


def test_a_service_that_cannot_be_reached_is_a_failed_connection() -> None:
    auth = OAuth2("http://127.0.0.1:9/token", client_id="app", client_secret="s3cret")

    with pytest.raises(ConnectFailed):
        auth.renew()


@pytest.mark.parametrize("url", ["http://auth.example/token", "http://8.8.8.8/token"])
def test_B19_client_secrets_do_not_go_over_http(url: str) -> None:
    with pytest.raises(Refused):
        OAuth2(url, client_id="app")


# --- threads ----------------------------------------------------------------------------------------------------------


def test_L8_one_renewal_for_all_threads(make: Callable[..., OAuth2]) -> None:
    service = Service()
    service.gate = threading.Event()
    auth = make(service)
    with ThreadPoolExecutor(16) as threads:
        waiting = [threads.submit(bearer, auth) for _ in range(16)]
        assert service.entered.acquire(timeout=10)
        service.gate.set()
        assert {each.result(10) for each in waiting} == {"Bearer token-1"}

    assert len(service.asked) == 1


def test_while_one_renews_early_the_others_go_on_with_the_old_token(make: Callable[..., OAuth2], clock: Clock) -> None:
    service = Service()
    auth = make(service)
    bearer(auth)
    service.entered.acquire()
    clock.now += 3550
    service.gate = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        renewing = threads.submit(bearer, auth)
        assert service.entered.acquire(timeout=10)
        assert bearer(auth) == "Bearer token-1"
        service.gate.set()
        assert renewing.result(10) == "Bearer token-2"


def wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_a_failed_renewal_fails_once_for_all_that_wait(make: Callable[..., OAuth2]) -> None:
    service = Service()
    service.gate = threading.Event()
    service.answers = [(401, {"error": "invalid_client"})]
    auth = make(service)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(auth.renew, "")
        assert service.entered.acquire(timeout=10)
        others = [threads.submit(auth.renew, "") for _ in range(3)]
        wait_until(lambda: auth._flight is not None and len(auth._flight.done._cond._waiters) == 3)  # type: ignore[attr-defined]
        service.gate.set()
        for each in (first, *others):
            with pytest.raises(WrongPassword):
                each.result(10)

    assert len(service.asked) == 1


# --- a real service ---------------------------------------------------------------------------------------------------


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", HTTPAdapter(pool_maxsize=16))
        yield session


def of_site(site: PracticeSite, grant: str = "client_credentials", **options: Any) -> OAuth2:
    account = site.accounts[0]
    return OAuth2(
        f"{site.url}/oauth/token",
        client_id=account.client_id,
        client_secret=account.client_secret,
        grant=grant,  # type: ignore[arg-type]
        **options,
    )


@pytest.mark.parametrize("grant", ["client_credentials", "password"])
def test_L8_a_revoked_token_is_renewed_once_and_no_page_is_lost(
    practice_site: PracticeSite, http: requests.Session, grant: str
) -> None:
    account = practice_site.accounts[0]
    options = {"username": account.username, "password": account.password} if grant == "password" else {}
    http.auth = auth = of_site(practice_site, grant, **options)
    url = practice_site.url
    assert http.get(f"{url}/api/me").json() == {"account": account.username}
    practice_site.revoke_all()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: http.get(f"{url}/api/book/{number}").status_code, range(1, 41)))

    assert answers == [200] * 40
    assert auth.changes == 2


def test_a_site_that_refuses_every_token_is_not_asked_for_ever(make_raw_server: Any, http: requests.Session) -> None:
    service = Service()
    auth = OAuth2(TOKEN_URL, client_id="app", client_secret="s", send=service)
    refusal = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
    server = make_raw_server([READ, refusal] * 8)
    http.auth = auth

    assert [http.get(f"{server.url}/").status_code for _ in range(4)] == [401] * 4
    assert len(service.asked) == 2  # the first, and one try to do better


def test_the_state_survives_a_restart(make: Callable[..., OAuth2], clock: Clock) -> None:
    service = Service(refresh_token="refresh-2")
    auth = make(service, scope="read")
    bearer(auth)
    saved = json.loads(json.dumps(auth.dump()))
    clock.now += 1800
    restored = OAuth2.restored(saved, send=service, ticks=clock, clock=clock)

    assert bearer(restored) == "Bearer token-1"
    assert len(service.asked) == 1
    clock.now += 1800
    assert bearer(restored) == "Bearer token-2"
    assert service.asked[1]["refresh_token"] == "refresh-2"


def test_tokens_of_another_client_are_not_taken_over(make: Callable[..., OAuth2]) -> None:
    other = make(Service(), client_id="other", access_token="foreign")
    auth = make(Service())
    auth.load(other.dump())

    assert bearer(auth) == "Bearer token-1"


def test_the_account_names_the_client(make: Callable[..., OAuth2]) -> None:
    environ = {
        "XDG_CONFIG_HOME": "/nonexistent",
        "CRAWL_BUYER_CLIENT_ID": "app",
        "CRAWL_BUYER_CLIENT_SECRET": "s3cret",
        "CRAWL_OTHER_USERNAME": "anna",
        "CRAWL_OTHER_PASSWORD": "hunter22",
    }
    service = Service()
    bearer(OAuth2.from_account(TOKEN_URL, Account("buyer", environ=environ), client_auth="form", send=service))
    bearer(OAuth2.from_account(TOKEN_URL, Account("other", environ=environ), grant="password", send=service))

    assert service.asked[0] == {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s3cret"}
    assert service.asked[1]["username"] == "anna"
    assert service.asked[1]["password"] == "hunter22"


# --- what is not sent again, and the way of its session ---------------------------------------------------------------


def test_a_refresh_token_that_was_refused_is_not_sent_again(make: Callable[..., OAuth2]) -> None:
    service = Service()
    service.answers = [(400, {"error": "invalid_grant"})]
    auth = make(service, grant="refresh_token", refresh_token="dead")

    for _ in range(2):
        with pytest.raises(LoginFailed):
            auth.renew()
    assert [each["refresh_token"] for each in service.asked] == ["dead"]
    auth.load({**auth.dump(), "refresh_token": "of another login"})
    assert auth.renew() == "token-2"


@pytest.mark.parametrize("grant", ["client_credentials", "password"])
def test_a_secret_that_was_refused_is_not_sent_again(make: Callable[..., OAuth2], grant: str) -> None:
    service = Service()
    service.answers = [(401, {"error": "invalid_client", "error_description": "account\nlocked"})]
    auth = make(service, grant=grant, username="ann", password="old")

    for _ in range(2):
        with pytest.raises(WrongPassword, match=r"says invalid_client to the grant .*account.*locked"):
            auth.renew()
    assert len(service.asked) == 1


def test_a_token_is_asked_for_by_the_way_of_the_session_unless_another_is_named(quick_net: Net) -> None:
    answer = Answer(body=b'{"access_token": "a", "token_type": "Bearer"}', content_type="application/json")
    proxy, other = quick_net.host({"*": answer}), quick_net.host({"*": answer})
    shop = Identity("default", user_agent="shop-robot/7")
    session = quick_net.session("http://127.0.0.1:1", identity=shop)
    session.go_through(proxy.url)
    session.verify = "own.pem"
    way = session.lends.way(TOKEN_URL)

    OAuth2.of(session, "http://127.0.0.1:1/token", client_id="a", client_secret="b").renew()
    OAuth2.of(
        session, "http://127.0.0.1:1/token", client_id="a", client_secret="b", proxies={"http": other.url}
    ).renew()

    assert (way.verify, way.timeout_s, way.cert) == ("own.pem", (5.0, 5.0), None)
    assert [len(each.calls) for each in (proxy, other)] == [1, 1]
    assert proxy.header("user-agent") == other.header("user-agent") == ["shop-robot/7"]
