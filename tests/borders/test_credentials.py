"""Where auth, headers and certificates of a session go, and where they never go (rows B of the catalogue)."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import requests

from crawler import Identity, Request
from crawler.errors import FetchError, InvalidURL, RedirectError, TLSFailed
from crawler.fetching.outgoing import outgoing
from crawler.sessions.auth.schemes import BearerAuth, DigestAuth
from crawler.sessions.origins import SURVIVES_ORIGIN, Origins
from crawler.sessions.redirects import next_hop, surviving_headers
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


def test_B4_auth_of_one_call_does_not_travel_either(net: Net) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there")})
    session = net.session(own.url, other.url)

    session.get(f"{own.url}/go", auth=("alice", SECRET))
    session.get(f"{own.url}/go", headers={"Authorization": f"Token {SECRET}"})

    assert len(own.header("authorization")) == 2
    assert other.header("authorization") == []


def test_B4_auth_comes_back_when_a_chain_comes_home(net: Net) -> None:
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


@pytest.mark.parametrize("downgrade", [False, True], ids=["other-host", "https-to-http"])
def test_B8_neither_another_host_nor_a_downgrade_is_told_the_authorization(
    net: Net, certificates: Certificates, downgrade: bool
) -> None:
    target = net.host(address="127.0.0.1" if downgrade else "127.0.0.2")
    tls = certificates.context("127.0.0.1") if downgrade else None
    own = net.host({"/go": Answer.redirect(f"{target.url}/there")}, tls=tls)
    session = net.session(own.url, verify=certificates.file)

    session.get(f"{own.url}/go", headers={"Authorization": f"Bearer {SECRET}"})

    assert own.header("authorization") == [f"Bearer {SECRET}"]
    assert target.header("authorization") == []


def test_B7_the_proxy_is_chosen_anew_for_each_hop() -> None:
    proxies = {"http": "http://127.0.0.1:3128"}
    first = requests.Request("GET", "http://shop.test/a").prepare()
    then = requests.Request("GET", "https://shop.test/a").prepare()

    assert str(outgoing(first, proxies).proxy) == "Proxy('http://127.0.0.1:3128')"
    assert outgoing(then, proxies).proxy is None


def test_B11_a_call_without_verification_does_not_loosen_the_next_one(net: Net, certificates: Certificates) -> None:
    own = net.host(tls=certificates.context("127.0.0.1"))
    session = net.session(own.url)

    assert session.get(f"{own.url}/first", verify=False).status_code == 200
    with pytest.raises(TLSFailed):
        session.get(f"{own.url}/second")
    with pytest.raises(TLSFailed):
        session.get(f"{own.url}/third", verify=True)

    assert [call.path for call in own.calls] == ["/first"]


def test_B11_a_call_without_verification_loosens_nothing_at_the_end_of_a_redirect(
    net: Net, certificates: Certificates
) -> None:
    other = net.host(tls=certificates.context("127.0.0.2"), address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there")}, tls=certificates.context("127.0.0.1"))
    session = net.session(own.url)

    with pytest.raises(TLSFailed):
        session.get(f"{own.url}/go", verify=False)

    assert other.calls == []


def test_B12_neither_netrc_nor_variables_of_the_environment_change_what_is_sent(
    net: Net, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = net.host()
    (tmp_path / ".netrc").write_text(
        f"machine trusted login alice password {SECRET}\ndefault login a password {SECRET}\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    session = net.session(own.url)

    session.get(f"{own.url}/plain")
    session.get(f"http://trusted:@127.0.0.1:{own.port}/crafted", auth=None)
    session.get(f"{own.url}/explicit", headers={"Authorization": "Token mine"})
    session.send(session.prepare_link(Request(f"http://trusted:@127.0.0.1:{own.port}/link")))

    assert own.header("authorization", "/plain") == own.header("authorization", "/link") == []
    assert own.header("authorization", "/explicit") == ["Token mine"]
    assert SECRET not in str([call.headers for call in own.calls])
    assert own.header("authorization", "/crafted") in ([], ["Basic dHJ1c3RlZDo="])


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


def test_B13_a_redirect_to_another_origin_carries_no_custom_header(net: Net) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{other.url}/there")})
    session = net.session(own.url)

    session.get(f"{own.url}/go", headers={**CUSTOM, "Accept-Language": "de", "Range": "bytes=0-1"})
    session.send(session.prepare_link(Request(f"{own.url}/go", headers=CUSTOM)))

    assert own.header("x-api-key") == [SECRET] * 2
    for call in other.calls:
        assert set(call.headers) <= SURVIVES_ORIGIN | {"host"}
    assert other.calls[0].headers["accept-language"] == "de"
    assert other.calls[0].headers["range"] == "bytes=0-1"


def test_B13_what_survives_is_one_list_and_nothing_in_it_can_be_a_credential() -> None:
    hop = next_hop("http://a.test/", "GET", False, 302, "http://b.test/")
    kept = surviving_headers(requests.structures.CaseInsensitiveDict({**CUSTOM, "User-Agent": "x", "Accept": "y"}), hop)

    assert set(kept) == {"User-Agent", "Accept"}
    assert not {
        name for name in SURVIVES_ORIGIN if any(part in name for part in ("auth", "cookie", "key", "token", "x-"))
    }


FIELDS = {"user": "alice", "password": SECRET}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_B15_a_login_body_never_goes_to_another_origin(net: Net, status: int) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/login": Answer.redirect(f"{other.url}/there", status)})
    session = net.session(own.url, other.url)

    if status in (307, 308):
        with pytest.raises(RedirectError, match="another origin"):
            session.post(f"{own.url}/login", data=FIELDS)
        assert other.calls == []
    else:
        session.post(f"{own.url}/login", data=FIELDS)
        (call,) = other.calls
        assert (call.method, call.body) == ("GET", b"")
        assert not [name for name in call.headers if name.startswith("content-")]
    assert SECRET not in str([(call.headers, call.body) for call in other.calls])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_B15_on_the_same_origin_a_post_becomes_a_get_unless_the_status_forbids_it(net: Net, status: int) -> None:
    own = net.host({"/login": Answer.redirect("/there", status)})
    session = net.session(own.url)

    session.post(f"{own.url}/login", data=FIELDS)

    (call,) = own.seen("/there")
    if status in (307, 308):
        assert (call.method, call.body) == ("POST", b"user=alice&password=" + SECRET.encode())
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    else:
        assert (call.method, call.body) == ("GET", b"")
        assert not [name for name in call.headers if name.startswith("content-")]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("status", [301, 302])
def test_B15_no_body_of_another_method_goes_to_another_origin(net: Net, method: str, status: int) -> None:
    other = net.host(address="127.0.0.2")
    own = net.host({"/x": Answer.redirect(f"{other.url}/there", status)})

    with pytest.raises(RedirectError, match="another origin"):
        net.session(own.url).request(method, f"{own.url}/x", data=FIELDS)

    assert other.calls == []


def test_B16_without_redirects_no_second_request_is_sent(net: Net) -> None:
    own = net.host({"/go": Answer.redirect("/there")})

    answer = net.session(own.url).get(f"{own.url}/go", allow_redirects=False)

    assert answer.status_code == 302
    assert [call.path for call in own.calls] == ["/go"]


def test_B16_with_a_limit_of_none_the_first_redirect_is_an_error(net: Net) -> None:
    own = net.host({"/go": Answer.redirect("/there")})

    with pytest.raises(RedirectError, match="more than 0"):
        net.session(own.url, max_redirects=0).get(f"{own.url}/go")

    assert [call.path for call in own.calls] == ["/go"]


def test_B17_a_login_form_cannot_make_us_send_a_file(net: Net) -> None:
    form = b"""<form method=post enctype="multipart/form-data"><input name=user><input type=password name=password>
        <input type=file name=doc value="/etc/passwd"><button name=go>in</button></form>"""
    own = net.host({"/login": lambda call: Answer(body=form if call.method == "GET" else b"<p>ok</p>")})
    session = net.session(own.url)

    session.submit(session.get(f"{own.url}/login").form(), FIELDS)

    posted = own.calls[-1]
    assert posted.method == "POST"
    assert b"doc" not in posted.body
    assert b"root:" not in posted.body
    assert SECRET.encode() in posted.body


@pytest.mark.parametrize("target", ["//127.0.0.2:{port}/collect", "http://elsewhere.test/collect"])
def test_B20_a_login_form_that_posts_elsewhere_is_refused_and_both_hosts_are_named(net: Net, target: str) -> None:
    other = net.host(address="127.0.0.2")
    action = target.format(port=other.port)
    page = f"<form method=post action={action}><input name=user><input type=password name=password></form>".encode()
    own = net.host({"/login": Answer(body=page)})
    session = net.session(own.url, names={"elsewhere.test": "127.0.0.2"})

    with pytest.raises(FetchError) as caught:
        session.submit(session.get(f"{own.url}/login").form(), FIELDS)

    assert "127.0.0.1" in str(caught.value)
    assert ("127.0.0.2" if "//127" in action else "elsewhere.test") in str(caught.value)
    assert SECRET not in str(caught.value)
    assert other.calls == []


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


def test_a_digest_is_made_anew_for_each_redirect(net: Net) -> None:
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


@pytest.mark.parametrize("url", ["file:///etc/passwd", "mailto:a@b.test", "ftp://a.test/", "data:,x", "javascript:x"])
def test_a_login_step_cannot_ask_for_another_scheme(net: Net, url: str) -> None:
    session = net.session("http://127.0.0.1:1/")
    session.pace = lambda asked: None

    with pytest.raises(InvalidURL):
        session.get(url)


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

    codec = "latin-1" if pair[0].startswith("m") else "utf-8"
    encoded = base64.b64encode(":".join(pair).encode(codec)).decode()
    assert own.header("authorization") == [f"Basic {encoded}"] * 3
