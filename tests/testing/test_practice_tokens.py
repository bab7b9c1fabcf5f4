"""The ways into the practice site that use the Authorization header."""

from __future__ import annotations

import pytest
import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from crawler.testing import FakeClock
from crawler.testing import token_logins as tokens_module


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_basic_opens_its_area(practice_site, visit, text) -> None:
    visitor = visit(practice_site)
    visitor.auth = HTTPBasicAuth("bob", visitor.password_of("bob"))

    assert text(visitor.see("/basic/3"), "account") == "bob"
    assert practice_site.record.granted == {"bob": 1}


@pytest.mark.parametrize("header", [None, "Basic !!!", "Basic Ym9i", "Bearer x"])
def test_basic_asks_guests_for_credentials(practice_site, visit, header) -> None:
    answer = visit(practice_site).see("/basic/3", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="practice"')


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_opens_its_area_once_for_each_count(practice_site, visit, text, algorithm) -> None:
    visitor = visit(practice_site)
    visitor.auth = HTTPDigestAuth("alice", visitor.password_of("alice"))
    pages = [visitor.see(f"/digest/{number}?algorithm={algorithm}") for number in (1, 2, 3)]

    assert [text(page, "account") for page in pages] == ["alice"] * 3
    assert practice_site.record.statuses == {401: 1, 200: 3}  # asked once, then counted on
    replayed = requests.get(
        pages[2].url, headers={"Authorization": pages[2].request.headers["Authorization"]}, timeout=10
    )
    assert replayed.status_code == 401
    assert "stale=true" in replayed.headers["WWW-Authenticate"]


def test_digest_refuses_a_wrong_password(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.auth = HTTPDigestAuth("alice", "guessed")

    assert visitor.see("/digest/1").status_code == 401
    assert practice_site.record.failed_logins == {"alice": 1}


@pytest.mark.parametrize(("area", "kind"), [("basic", HTTPBasicAuth), ("digest", HTTPDigestAuth)])
def test_L14_http_auth_once_gives_a_cookie_that_carries_on(practice_site, visit, text, area, kind) -> None:
    visitor = visit(practice_site)

    visitor.see(f"/{area}/login", auth=kind("carol", visitor.password_of("carol")))
    page = visitor.see("/members/book/1")

    assert text(page, "account") == "carol"
    assert "Authorization" not in page.request.headers
    assert practice_site.record.logins == {"carol": 1}


def test_a_json_login_gives_a_token_for_the_account(practice_site, visit) -> None:
    visitor = visit(practice_site)
    login = {"username": "bob", "password": visitor.password_of("bob")}

    given = visitor.post(f"{practice_site.url}/api/login", json=login, timeout=10).json()
    items, path = [], "/api/books?page=1"
    while path:
        listing = visitor.see(path, headers=bearer(given["access_token"])).json()
        items += [visitor.see(link, headers=bearer(given["access_token"])).json() for link in listing["books"]]
        path = listing["next"]

    assert given["token_type"] == "Bearer"
    assert given["expires_in"] == 3600
    assert items == practice_site.truth.member_items("bob")
    assert practice_site.record.logins == {"bob": 1}
    assert practice_site.record.tokens == {"json-login": 1}


def test_a_json_login_with_a_wrong_password_is_401(practice_site, visit) -> None:
    login = {"username": "bob", "password": "guessed"}
    url = f"{practice_site.url}/api/login"

    assert visit(practice_site).post(url, json=login, timeout=10).status_code == 401
    assert visit(practice_site).post(url, data="no json", timeout=10).status_code == 400
    assert practice_site.record.failed_logins == {"bob": 1}


def test_the_api_says_what_is_wrong_with_a_token(practice_site, visit) -> None:
    visitor = visit(practice_site)

    without, wrong = visitor.see("/api/me"), visitor.see("/api/me", headers=bearer("made-up"))

    assert (without.status_code, without.headers["WWW-Authenticate"]) == (401, 'Bearer realm="practice"')
    assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_token"})
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


def ask_token(visitor, form, *, by_header=True, username="alice") -> requests.Response:
    account = next(one for one in visitor.site.accounts if one.username == username)
    if by_header:
        auth = HTTPBasicAuth(account.client_id, account.client_secret)
        return visitor.post(f"{visitor.site.url}/oauth/token", data=form, auth=auth, timeout=10)
    body = form | {"client_id": account.client_id, "client_secret": account.client_secret}
    return visitor.post(f"{visitor.site.url}/oauth/token", data=body, timeout=10)


@pytest.mark.parametrize("by_header", [True, False], ids=["basic", "body"])
def test_oauth_client_credentials_give_an_access_token_and_no_refresh_token(practice_site, visit, by_header) -> None:
    visitor = visit(practice_site)

    given = ask_token(visitor, {"grant_type": "client_credentials"}, by_header=by_header).json()

    assert visitor.see("/api/me", headers=bearer(given["access_token"])).json() == {"account": "alice"}
    assert "refresh_token" not in given


def test_a_refresh_token_is_good_once_and_for_its_client_only(practice_site, visit) -> None:
    visitor = visit(practice_site)
    form = {"grant_type": "password", "username": "alice", "password": visitor.password_of("alice")}
    first = ask_token(visitor, form).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

    stolen = ask_token(visitor, refresh, username="bob")
    second = ask_token(visitor, refresh).json()
    again = ask_token(visitor, refresh)

    assert (stolen.status_code, stolen.json()) == (400, {"error": "invalid_grant"})
    assert second["refresh_token"] != first["refresh_token"]
    assert visitor.see("/api/me", headers=bearer(second["access_token"])).json() == {"account": "alice"}
    assert again.json() == {"error": "invalid_grant"}
    assert practice_site.record.tokens == {"password": 1, "refresh_token": 1}


def test_an_access_token_ends_when_its_time_is_up(make_practice_site, visit, monkeypatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(tokens_module.time, "monotonic", clock.monotonic)
    visitor = visit(make_practice_site(token_expires_s=60))
    token = ask_token(visitor, {"grant_type": "client_credentials"}).json()["access_token"]

    clock.advance(59)
    before = visitor.see("/api/me", headers=bearer(token)).status_code
    clock.advance(1)

    assert (before, visitor.see("/api/me", headers=bearer(token)).status_code) == (200, 401)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        pytest.param({"grant_type": "magic"}, "unsupported_grant_type", id="grant"),
        pytest.param({"grant_type": "refresh_token"}, "invalid_grant", id="no-refresh-token"),
        pytest.param({"grant_type": "password", "username": "alice"}, "invalid_grant", id="no-password"),
    ],
)
def test_oauth_names_what_is_wrong(practice_site, visit, form, error) -> None:
    answer = ask_token(visit(practice_site), form)

    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_oauth_refuses_an_unknown_client(practice_site, visit) -> None:
    answer = visit(practice_site).post(
        f"{practice_site.url}/oauth/token", data={"grant_type": "client_credentials", "client_id": "x"}, timeout=10
    )

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_revoke_all_ends_tokens_too_and_revoke_leaves_them(practice_site, visit) -> None:
    visitor = visit(practice_site)
    headers = bearer(ask_token(visitor, {"grant_type": "client_credentials"}).json()["access_token"])

    practice_site.revoke()
    kept = visitor.see("/api/me", headers=headers).status_code
    practice_site.revoke_all()

    assert (kept, visitor.see("/api/me", headers=headers).status_code) == (200, 401)
