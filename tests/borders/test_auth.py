"""Where the auth of a session goes, and where it never goes (rows B3 to B5 of the catalogue)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
import requests

from crawler import Request, Session
from crawler.sessions.auth.schemes import BearerAuth, DigestAuth, OriginBound, load_auth
from crawler.sessions.origins import Origins
from crawler.sessions.redirects import next_hop
from crawler.testing.wire import Answer
from tests.hosts import Certificates, Net

SECRET = "wordofpower"
SESSION_AUTHS = {
    "basic": lambda: ("alice", SECRET),
    "bearer": lambda: BearerAuth(SECRET),
    "requests-digest": lambda: requests.auth.HTTPDigestAuth("alice", SECRET),
    "digest": lambda: DigestAuth("alice", SECRET),
}
ASKING = Answer(401, b"who?", headers=[("WWW-Authenticate", 'Digest realm="r", nonce="n0nce", qop="auth"')])


def asking_first(call: Any) -> Answer:
    """A server with digest authentication that takes any answer for its own address."""
    given = call.headers.get("authorization", "")
    if not given:
        return Answer(401, b"who?", headers=list(ASKING.headers))
    right = f'uri="{call.path}"' in given or not given.startswith("Digest")
    return Answer(200 if right else 400, b"<p>in</p>")


@pytest.mark.parametrize("kind", SESSION_AUTHS)
def test_B3_auth_of_a_session_does_not_go_to_a_host_that_is_asked_directly(net: Net, kind: str) -> None:
    own, other = net.host({"*": asking_first}), net.host({"*": ASKING}, address="127.0.0.2")
    session = net.session(own.url)
    session.auth = SESSION_AUTHS[kind]()

    assert session.get(f"{own.url}/mine").status_code == 200
    assert session.get(f"{other.url}/theirs").status_code == 401
    assert session.send(session.prepare_link(Request(f"{other.url}/link"))).status_code == 401

    assert own.header("authorization")
    assert other.header("authorization") == []
    assert len(other.calls) == 2, "a 401 from elsewhere is not answered"


@pytest.mark.parametrize("kind", SESSION_AUTHS)
def test_B4_auth_is_dropped_on_a_redirect_to_another_host(net: Net, kind: str) -> None:
    other = net.host({"*": ASKING}, address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there"), "*": asking_first})
    session = net.session(own.url)
    session.auth = SESSION_AUTHS[kind]()
    session.get(f"{own.url}/mine")

    session.get(f"{own.url}/go")
    session.send(session.prepare_link(Request(f"{own.url}/go")))

    assert len(other.calls) == 2
    assert other.header("authorization") == []


def test_B4_auth_of_a_single_call_is_dropped_too(net: Net) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there")})
    session = net.session(own.url, other.url)

    session.get(f"{own.url}/go", auth=("alice", SECRET))
    session.get(f"{own.url}/go", headers={"Authorization": f"Token {SECRET}"})

    assert len(own.header("authorization")) == 2
    assert other.header("authorization") == []


def test_B4_auth_is_sent_again_when_a_redirect_chain_returns_to_its_host(net: Net) -> None:
    own = net.host()
    other = net.host({"*": Answer.redirect(f"{own.url}/back")}, address="127.0.0.2")
    own.routes["/go"] = Answer.redirect(f"{other.url}/there")
    session = net.session(own.url)
    session.auth = ("alice", SECRET)
    session.headers["X-Api-Key"] = SECRET

    session.get(f"{own.url}/go")

    assert other.header("authorization") == other.header("x-api-key") == []
    assert len(own.header("authorization", "/back")) == len(own.header("x-api-key", "/back")) == 1


def test_B5_another_port_is_another_origin(net: Net) -> None:
    port = net.host()
    own = net.host({"/go": Answer.redirect(f"{port.url}/there")})
    session = net.session(own.url)
    session.auth = ("alice", SECRET)

    session.get(f"{own.url}/go")
    session.get(f"{port.url}/direct")

    assert own.header("authorization")
    assert len(port.calls) == 2
    assert port.header("authorization") == []


def test_B5_https_to_http_on_one_host_drops_everything(net: Net, certificates: Certificates) -> None:
    plain = net.host()
    own = net.host({"/go": Answer.redirect(f"{plain.url}/there")}, tls=certificates.context("127.0.0.1"))
    session = net.session(own.url, verify=certificates.file)
    session.auth = ("alice", SECRET)
    session.headers["X-Api-Key"] = SECRET

    session.get(f"{own.url}/go", headers={"X-Call": SECRET})

    assert own.header("authorization", "/go")
    assert own.header("x-call", "/go") == [SECRET]
    assert len(plain.calls) == 1
    assert SECRET not in str(plain.calls[0].headers)
    assert plain.header("authorization") == []


def test_B5_the_one_upgrade_from_http_80_to_https_443_keeps_credentials() -> None:
    up = next_hop("http://shop.test/a", "GET", False, 301, "https://shop.test/a")
    down = next_hop("https://shop.test/a", "GET", False, 301, "http://shop.test/a")
    odd = next_hop("http://shop.test:8080/a", "GET", False, 301, "https://shop.test/a")

    assert up.keeps_headers
    assert not down.keeps_headers
    assert not odd.keeps_headers
    assert Origins(["http://shop.test/"]).covers("https://shop.test/x")
    assert not Origins(["https://shop.test/"]).covers("http://shop.test/x")


def test_a_digest_is_computed_anew_for_each_redirect(net: Net) -> None:
    own = net.host(
        {
            "/go": lambda call: (
                asking_first(call) if "authorization" not in call.headers else Answer.redirect("/there")
            ),
            "*": asking_first,
        }
    )
    session = net.session(own.url)
    session.auth = DigestAuth("alice", SECRET)
    session.get(f"{own.url}/go")
    before = len(own.calls)

    assert session.get(f"{own.url}/go").status_code == 200
    assert [call.path for call in own.calls[before:]] == ["/go", "/there"]


def test_hooks_of_an_auth_do_not_pile_up_on_the_session(net: Net) -> None:
    seen: list[str] = []
    own = net.host()
    session = net.session(own.url)
    session.hooks["response"].append(lambda answer, **kwargs: seen.append(answer.url))
    session.auth = requests.auth.HTTPDigestAuth("alice", SECRET)

    for _ in range(3):
        session.send(session.prepare_link(Request(f"{own.url}/page")))

    assert len(session.hooks["response"]) == 1
    assert len(seen) == 3


@pytest.mark.parametrize(
    "pair",
    [("m\u00fcller", "pa\u00df"), ("user", "\u20ac-\u043f\u0430\u0440\u043e\u043b\u044c")],
    ids=["latin-1", "beyond"],
)
def test_a_password_in_any_script_can_be_sent(net: Net, pair: tuple[str, str]) -> None:
    own = net.host()
    session = net.session(own.url)
    session.auth = pair

    session.get(f"{own.url}/a")
    session.send(session.prepare_link(Request(f"{own.url}/b")))
    net.session(own.url).get(f"{own.url}/c", auth=pair)

    encoded = base64.b64encode(":".join(pair).encode()).decode()
    assert own.header("authorization") == [f"Basic {encoded}"] * 3


ACCENTS = ("andr\u00e9", "m\u00fcller")
WAYS: dict[str, Callable[[Session, str], Any]] = {
    "auth of a call": lambda session, url: session.get(url, auth=ACCENTS),
    "HTTPBasicAuth": lambda session, url: session.get(url, auth=requests.auth.HTTPBasicAuth(*ACCENTS)),
    "bound": lambda session, url: session.get(url, auth=OriginBound(ACCENTS, [url])),
    "bound HTTPBasicAuth": lambda session, url: session.get(
        url, auth=OriginBound(requests.auth.HTTPBasicAuth(*ACCENTS), [url])
    ),
    "URL": lambda session, url: session.get(url.replace("//", "//andr%C3%A9:m%C3%BCller@")),
    "raw URL": lambda session, url: session.get(url.replace("//", "//andr\u00e9:m\u00fcller@")),
    "stored": lambda session, url: session.get(
        url, auth=load_auth({"kind": "basic", "username": ACCENTS[0], "password": ACCENTS[1]})
    ),
    "after a redirect": lambda session, url: session.get(url.replace("/page", "/go")),
}


@pytest.mark.parametrize("way", WAYS)
def test_basic_auth_is_utf_8_whichever_way_it_is_given(net: Net, way: str) -> None:
    own = net.host({"/go": Answer.redirect("/page")})
    session = net.session(own.url)
    if way == "after a redirect":
        session.auth = ACCENTS

    WAYS[way](session, f"{own.url}/page")

    encoded = base64.b64encode(":".join(ACCENTS).encode()).decode()
    assert own.header("authorization", "/page") == [f"Basic {encoded}"]
