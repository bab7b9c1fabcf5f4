"""Authentication of requests: who gets credentials and who does not, and that threads share one digest state."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from crawler.sessions.accounts import Account
from crawler.sessions.auth.digest import Challenge, Digested, answer, strongest
from crawler.sessions.auth.oauth import OAuth2
from crawler.sessions.auth.schemes import BearerAuth, DigestAuth, OriginBound, dump_auth, load_auth
from crawler.testing import PracticeSite
from crawler.testing.raw import READ
from crawler.testing.raw import answer as answer_bytes


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", HTTPAdapter(pool_maxsize=16))
        yield session


def prepared(url: str, auth: Any) -> requests.PreparedRequest:
    return requests.Request("GET", url, auth=auth).prepare()


def digest_of(site: PracticeSite, password: str | None = None) -> DigestAuth:
    account = site.accounts[0]
    return DigestAuth(account.username, account.password if password is None else password)


def statuses(site: PracticeSite) -> list[int]:
    return [each.status for each in site.log if "/digest/" in each.url]


# --- digest -----------------------------------------------------------------------------------------------------------


RFC_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"


def test_the_answer_is_that_of_the_rfc() -> None:
    """RFC 7616 section 3.9.1."""
    for algorithm, expected in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        header = answer(
            Challenge(
                "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm, "auth", "FQhe"
            ),
            Digested(
                username="Mufasa",
                password="Circle of Life",
                method="GET",
                url="http://www.example.org/dir/index.html",
                client_nonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            ),
        )
        assert f'response="{expected}"' in header
        assert 'uri="/dir/index.html"' in header
        assert "nc=00000001" in header


def test_a_user_name_outside_ascii_is_hashed_or_escaped_as_the_server_asks() -> None:
    """RFC 7616 section 3.9.2."""
    challenge = Challenge(
        "api@example.org",
        "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        "SHA-512-256",
        "auth",
        utf8=True,
        hashes_names=True,
    )
    arguments: dict[str, Any] = {
        "username": "J\xe4s\xf8n Doe",
        "password": "Secret, or not?",
        "method": "GET",
        "url": "http://api.example.org/doe.json",
        "client_nonce": "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
    }
    name = hashlib.new("sha512_256", "J\xe4s\xf8n Doe:api@example.org".encode()).hexdigest()
    assert f'username="{name}"' in answer(challenge, Digested(**arguments))
    challenge.hashes_names = False
    assert "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe" in answer(challenge, Digested(**arguments))


def test_servers_without_qop_get_the_old_answer() -> None:
    """RFC 2069 section 2.4, with the correction of its errata."""
    header = answer(
        Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093"),
        Digested(username="Mufasa", password="CircleOfLife", method="GET", url="http://host.com/dir/index.html"),
    )
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in header
    assert "nc=" not in header


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Digest realm="a", nonce="n1", qop="auth"', ("MD5", "n1")),
        ('Basic realm="x, y", Digest realm="a", nonce="n1", qop="auth,auth-int", algorithm=SHA-256', ("SHA-256", "n1")),
        (
            'Digest realm="a", nonce="m", algorithm=MD5, Digest realm="a", nonce="s", algorithm=SHA-256',
            ("SHA-256", "s"),
        ),
        ('Digest algorithm="MD5-sess", realm="q\\"uote", nonce="n\\\\1"', ("MD5-sess", "n\\1")),
        ('digest NONCE="n1",REALM="r"', ("MD5", "n1")),
        ('Basic realm="x"', None),
        ('Digest realm="a"', None),
        ('Digest realm="a", nonce="n", algorithm=ROT13', None),
        ('Digest realm="a", nonce="n", qop="token"', None),
        ("Digest", None),
        ("", None),
    ],
)
def test_the_strongest_challenge_that_is_understood_is_taken(header: str, expected: tuple[str, str] | None) -> None:
    found = strongest(header)

    assert (None if found is None else (found.algorithm, found.nonce)) == expected


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_L14_one_nonce_serves_all_later_requests(
    practice_site: PracticeSite, http: requests.Session, algorithm: str
) -> None:
    http.auth = digest_of(practice_site)
    for number in range(1, 6):
        assert http.get(f"{practice_site.url}/digest/{number}?algorithm={algorithm}").status_code == 200

    assert statuses(practice_site) == [401, 200, 200, 200, 200, 200]


def test_L14_eight_threads_share_one_state(practice_site: PracticeSite, http: requests.Session) -> None:
    http.auth = digest_of(practice_site)
    assert http.get(f"{practice_site.url}/digest/1").status_code == 200
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda number: http.get(f"{practice_site.url}/digest/{number}").status_code, range(1, 81))
        )

    assert answers == [200] * 80
    assert statuses(practice_site).count(401) == 1  # the first; requests' own class asks once a thread


def test_L14_a_stale_nonce_is_renewed_without_a_failed_page(
    practice_site: PracticeSite, http: requests.Session
) -> None:
    http.auth = digest_of(practice_site)
    assert http.get(f"{practice_site.url}/digest/1").status_code == 200
    practice_site.revoke_all()  # its nonces too
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda number: http.get(f"{practice_site.url}/digest/{number}").status_code, range(1, 41))
        )

    assert answers == [200] * 40


def test_L11_a_wrong_password_is_sent_once_and_not_with_every_page(
    practice_site: PracticeSite, http: requests.Session
) -> None:
    http.auth = digest_of(practice_site, "wrong")
    for number in range(1, 6):
        assert http.get(f"{practice_site.url}/digest/{number}").status_code == 401

    assert practice_site.record.failed_logins == {practice_site.accounts[0].username: 1}


def test_a_body_is_sent_again_with_the_answer(make_raw_server: Any, http: requests.Session) -> None:
    challenge = b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth-int"\r\nSet-Cookie: tie=1; Path=/\r\n'
    refusal = b"HTTP/1.1 401 No\r\n" + challenge + b"Content-Length: 2\r\n\r\nno"
    server = make_raw_server([READ, refusal, READ, answer_bytes(b"ok")])
    response = http.post(f"{server.url}/x", data=b"a=1", auth=DigestAuth("u", "p"), headers={"Cookie": "own=1; tie=0"})

    assert response.text == "ok"
    first, second = server.requests
    assert first.endswith(b"\r\n\r\na=1")
    assert second.endswith(b"\r\n\r\na=1")
    assert b"qop=auth-int" in second
    assert b"Cookie: own=1; tie=1\r\n" in second


# --- bearer and the fence ---------------------------------------------------------------------------------------------


def test_a_bearer_token_may_change_while_the_crawl_runs() -> None:
    tokens = iter(["first1", "second2"])
    auth = BearerAuth(lambda: next(tokens))

    assert prepared("https://a.example/", auth).headers["Authorization"] == "Bearer first1"
    assert prepared("https://a.example/", auth).headers["Authorization"] == "Bearer second2"
    assert prepared("https://a.example/", BearerAuth("t0ken", scheme="Token")).headers["Authorization"] == "Token t0ken"


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://a.example/x", True),
        ("https://A.example:443/", True),
        ("https://a.example:8443/", False),
        ("http://a.example/", False),
        ("https://b.a.example/", False),
        ("https://evil.example/?a.example", False),
        ("https://a.example@evil.example/", False),
        ("http://up.example/", True),
        ("https://up.example/", True),
        ("https://up.example:8443/", False),
    ],
)
def test_B3_B5_credentials_are_for_their_origins_only(url: str, covered: bool) -> None:
    for auth in (("u", "p4ssw0rd"), BearerAuth("t0ken")):
        fenced = OriginBound(auth, ["https://a.example/login", "http://up.example"])
        assert ("Authorization" in prepared(url, fenced).headers) is covered


@pytest.mark.parametrize("make", [HTTPDigestAuth, DigestAuth], ids=["requests", "ours"])
def test_B4_a_401_from_elsewhere_is_not_answered_after_a_redirect(
    make: Any, make_practice_site: Any, make_raw_server: Any, http: requests.Session
) -> None:
    elsewhere = make_practice_site(hosts=("127.0.0.2",))
    location = f"Location: {elsewhere.url}/digest/1\r\n".encode()
    here = make_raw_server([READ, b"HTTP/1.1 302 Found\r\n" + location + b"Content-Length: 0\r\n\r\n"])
    account = elsewhere.accounts[0]
    http.auth = OriginBound(make(account.username, account.password), [here.url])

    assert http.get(f"{here.url}/").status_code == 401
    assert [request.headers.get("authorization") for request in elsewhere.log] == [None]


def test_X3_X9_auths_show_and_pickle_nothing() -> None:
    for auth in (
        BearerAuth("s3cretvalue"),
        DigestAuth("anna", "s3cretvalue"),
        OriginBound(("anna", "s3cretvalue"), ["https://a.example"]),
        OAuth2("https://a.example/token", client_id="c", client_secret="s3cretvalue", access_token="s3cretvalue"),
    ):
        assert "s3cretvalue" not in repr(auth) + str(vars(auth))
        with pytest.raises(TypeError):
            pickle.dumps(auth)


# --- keeping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "auth",
    [
        ("anna", "pässword"),
        HTTPBasicAuth("anna", "pässword"),
        HTTPDigestAuth("anna", "pässword"),
        DigestAuth("anna", "pässword"),
        BearerAuth("t0ken", scheme="Token"),
        OAuth2("https://a.example/token", client_id="c", client_secret="s", access_token="t0ken", refresh_token="r"),
        OriginBound(BearerAuth("t0ken"), ["https://a.example"]),
    ],
    ids=lambda auth: type(auth).__name__,
)
def test_an_auth_survives_being_saved(auth: Any) -> None:
    import json

    saved = json.loads(json.dumps(dump_auth(auth)))
    restored = load_auth(saved)

    assert dump_auth(restored) == saved
    if not isinstance(auth, HTTPDigestAuth | DigestAuth):
        sent = [prepared("https://a.example/", each).headers.get("Authorization") for each in (auth, restored)]
        assert sent[0] == sent[1] is not None


def test_a_password_of_the_account_is_not_saved_but_looked_up_again() -> None:
    environ = {"XDG_CONFIG_HOME": "/nonexistent", "CRAWL_BUYER_USERNAME": "anna", "CRAWL_BUYER_PASSWORD": "old-pass"}
    account = Account("buyer", environ=environ)
    saved = dump_auth(DigestAuth("anna", "old-pass"), account)
    environ["CRAWL_BUYER_PASSWORD"] = "new-pass"

    assert "old-pass" not in str(saved)
    restored = load_auth(saved, Account("buyer", environ=environ))
    assert isinstance(restored, DigestAuth)
    assert restored.password == "new-pass"
    assert load_auth(saved) is None


@pytest.mark.parametrize("saved", [None, 1, "x", [], {}, {"kind": "pickle"}, {"kind": "bound", "auth": {}}], ids=repr)
def test_X3_unknown_states_give_no_auth(saved: Any) -> None:
    assert load_auth(saved) is None


def test_auths_of_others_are_not_saved() -> None:
    class Own(requests.auth.AuthBase):
        pass

    assert dump_auth(Own()) is None
    assert dump_auth(None) is None
