"""Where headers and parameters of a session go, and where they never go (rows B8, B13 and B23)."""

from __future__ import annotations

import pytest
import requests

from crawler import Identity, Request
from crawler.sessions.origins import SURVIVES_ORIGIN
from crawler.sessions.redirects import next_hop, surviving_headers
from crawler.testing.wire import Answer
from tests.hosts import Certificates, Net

SECRET = "wordofpower"
CUSTOM = {
    "Authorization": SECRET,
    "Proxy-Authorization": SECRET,
    "Cookie": SECRET,
    "X-Api-Key": SECRET,
    "X-CSRF-Token": SECRET,
    "Referer": f"http://shop.test/?token={SECRET}",
    "Origin": "http://shop.test",
    "Content-Type": "text/x",
    "Anything-Else": SECRET,
}


@pytest.mark.parametrize("downgrade", [False, True], ids=["other-host", "https-to-http"])
def test_B8_the_authorization_goes_neither_to_another_host_nor_to_a_downgrade(
    net: Net, certificates: Certificates, downgrade: bool
) -> None:
    target = net.host(address="127.0.0.1" if downgrade else "127.0.0.2")
    tls = certificates.context("127.0.0.1") if downgrade else None
    own = net.host({"/go": Answer.redirect(f"{target.url}/there")}, tls=tls)
    session = net.session(own.url, verify=certificates.file)

    session.get(f"{own.url}/go", headers={"Authorization": f"Bearer {SECRET}"})

    assert own.header("authorization") == [f"Bearer {SECRET}"]
    assert target.header("authorization") == []


def test_B13_a_redirect_to_another_origin_carries_no_custom_header(net: Net) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there")})
    session = net.session(own.url)

    session.get(f"{own.url}/go", headers={**CUSTOM, "Accept-Language": "de", "Range": "bytes=0-1"})
    session.send(session.prepare_link(Request(f"{own.url}/go", headers=CUSTOM)))

    assert own.header("x-api-key") == [SECRET] * 2
    net.session().get(f"{other.url}/bare")  # what the transport says by itself, where it looks like a browser
    by_itself = set(other.seen("/bare")[0].headers)
    for call in other.seen("/there"):
        assert set(call.headers) <= SURVIVES_ORIGIN | {"host"} | by_itself
    assert other.calls[0].headers["accept-language"] == "de"
    assert other.calls[0].headers["range"] == "bytes=0-1"


def test_B13_headers_that_survive_are_one_list_and_none_can_be_a_credential() -> None:
    hop = next_hop("http://a.test/", "GET", False, 302, "http://b.test/")
    kept = surviving_headers(requests.structures.CaseInsensitiveDict({**CUSTOM, "User-Agent": "x", "Accept": "y"}), hop)

    assert set(kept) == {"User-Agent", "Accept"}
    assert not {
        name for name in SURVIVES_ORIGIN if any(part in name for part in ("auth", "cookie", "key", "token", "x-"))
    }


def test_B23_secret_headers_of_a_session_go_to_its_own_sites_only(net: Net) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there")})
    session = net.session(own.url, identity=Identity("default", headers={"X-Api-Key": SECRET}))

    session.get(f"{own.url}/page")
    session.get(f"{other.url}/asked")
    session.get(f"{own.url}/go")
    session.send(session.prepare_link(Request(f"{other.url}/link")))

    assert own.header("x-api-key") == [SECRET, SECRET]
    assert len(other.calls) == 3
    assert other.header("x-api-key") == []
    assert other.header("user-agent") == ["tester/1"] * 3


def test_parameters_of_a_session_go_to_its_own_sites_only(net: Net) -> None:
    own, other = net.host(), net.host(address="127.0.0.2")
    session = net.session(own.url, identity=Identity("default", params={"api_key": SECRET}))

    session.get(f"{own.url}/page")
    session.get(f"{other.url}/page")
    session.send(session.prepare_link(Request(f"{other.url}/page")))

    assert own.calls[0].query_text == f"api_key={SECRET}"
    assert [call.query_text for call in other.calls] == ["", ""]
