"""What must not change what is sent: proxies, an earlier call's verification, the machine's settings (B7, B11, B12)."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from crawler import Request
from crawler.errors import TLSFailed
from crawler.fetching.outgoing import outgoing
from crawler.testing.wire import Answer
from tests.hosts import Certificates, Net

SECRET = "wordofpower"


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
    session.send(session.prepare_link(Request.of_link(f"http://trusted:@127.0.0.1:{own.port}/link", "", None)))

    assert own.header("authorization", "/plain") == own.header("authorization", "/link") == []
    assert own.header("authorization", "/explicit") == ["Token mine"]
    assert SECRET not in str([call.headers for call in own.calls])
    assert own.header("authorization", "/crafted") in ([], ["Basic dHJ1c3RlZDo="])
