"""What must not cross a border: credentials, addresses, forged lines. Rows B and X of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from rawserver import OK, answer, proxying
from transports import fetch, send

from crawler.errors import ConnectFailed, FetchError, Refused, TLSFailed
from crawler.fetching.addresses import AddressRule


class TestVerification:
    def test_B11_a_connection_without_verification_is_never_used_for_one_with_it(
        self, transport: Any, serve: Any, authority: Any
    ) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))
        adapter = transport()

        assert fetch(adapter, server.url(), verify=False).content == b"ok"
        with pytest.raises(TLSFailed):
            fetch(adapter, server.url(), verify=True)

        assert fetch(adapter, server.url(), verify=False).content == b"ok"
        assert len(server.requests) == 2

    def test_B11_nor_one_with_other_trusted_certificates(
        self, transport: Any, serve: Any, authority: Any, tmp_path: Path
    ) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))
        adapter = transport()
        other = tmp_path / "other.pem"
        other.write_text(Path(requests.certs.where()).read_text())

        assert fetch(adapter, server.url(), verify=authority.ca_file).content == b"ok"
        with pytest.raises(TLSFailed):
            fetch(adapter, server.url(), verify=str(other))

    def test_a_client_certificate_is_shown_only_where_it_was_given(
        self, transport: Any, serve: Any, authority: Any
    ) -> None:
        server = serve(OK, tls=authority.wanting_clients("127.0.0.1"))
        adapter = transport()

        got = fetch(adapter, server.url(), verify=authority.ca_file, cert=authority.client_file())
        assert got.content == b"ok"
        with pytest.raises(FetchError):
            fetch(adapter, server.url(), verify=authority.ca_file)

        assert len(server.requests) == 1


class TestLeftToTheSession:
    def test_B12_nothing_is_taken_from_netrc(
        self, transport: Any, serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".netrc").write_text("default login user password secret\n")
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        server = serve(OK)
        adapter = transport()

        fetch(adapter, server.url("/1"))
        prepared = requests.PreparedRequest()  # without requests' own use of the userinfo
        prepared.prepare_method("GET")
        prepared.url = f"http://trusted:@127.0.0.1:{server.port}/2"
        prepared.prepare_headers({"X-Own": "1"})
        send(adapter, prepared)

        assert len(server.requests) == 2
        assert all(b"authorization" not in each.lower() for each in server.requests)

    def test_B16_no_redirect_is_followed(self, transport: Any, serve: Any) -> None:
        server = serve(answer(b"", status="302 Found", headers=["Location: /2"]))

        assert fetch(transport(), server.url("/1")).status_code == 302
        assert len(server.requests) == 1

    def test_no_cookie_is_kept(self, transport: Any, serve: Any) -> None:
        server = serve(answer(b"", headers=["Set-Cookie: a=b"]))
        adapter = transport()

        got = fetch(adapter, server.url())
        fetch(adapter, server.url())

        assert got.cookies.get("a") == "b"
        assert all(b"cookie:" not in each.lower() for each in server.requests)


class TestAddresses:
    @pytest.mark.parametrize(
        "host",
        [
            *("127.0.0.1", "2130706433", "0x7f.1", "0", "127.1", "localhost", "169.254.169.254", "10.0.0.1"),
            *("[::1]", "[::ffff:127.0.0.1]", "[::]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[fe80::1%25lo]"),
        ],
    )
    def test_X8_private_addresses_are_refused_however_they_are_spelled(
        self, transport: Any, serve: Any, host: str
    ) -> None:
        server = serve(OK)
        prepared = requests.Request("GET", "http://x/").prepare()
        prepared.url = f"http://{host}:{server.port}/"

        with pytest.raises(Refused):
            send(transport(address_rule=AddressRule()), prepared)

        assert server.accepted == 0

    def test_X8_the_connected_address_counts_and_not_the_name(self, transport: Any, serve: Any) -> None:
        """A name that was public when somebody looked, and is private now."""
        server = serve(OK)
        adapter = transport(address_rule=AddressRule(), resolve={"rebound.example": ["127.0.0.1"]})

        with pytest.raises(Refused, match=r"rebound\.example has the private address 127\.0\.0\.1"):
            fetch(adapter, f"http://rebound.example:{server.port}/")

        assert server.accepted == 0

    @pytest.mark.parametrize("trusted", [["home.example"], lambda host: host.endswith(".example")])
    def test_X8_trusted_hosts_may_be_private(self, transport: Any, serve: Any, trusted: Any) -> None:
        server = serve(OK)
        adapter = transport(address_rule=AddressRule(trusted), resolve={"home.example": ["127.0.0.1"]})

        assert fetch(adapter, f"http://home.example:{server.port}/").content == b"ok"

    def test_X8_private_ones_among_the_addresses_of_a_name_are_passed_over(
        self, transport: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("crawler.fetching.addresses.is_private", lambda address: address != "127.0.0.1")
        private, public = serve(OK, host="127.0.0.2"), serve(OK)
        adapter = transport(address_rule=AddressRule(), resolve={"two.example": ["127.0.0.2", "127.0.0.1"]})

        got = fetch(adapter, f"http://two.example:{public.port}/")

        assert (got.content, got.address, private.accepted) == (b"ok", "127.0.0.1", 0)

    def test_X8_public_addresses_pass_the_rule(self) -> None:
        rule = AddressRule()

        refused = [rule.refuses("site.example", each) for each in ("8.8.8.8", "2606:4700::1111", "127.0.0.1")]
        assert [bool(each) for each in refused] == [False, False, True]
        assert not rule.refuses_literal("site.example")

    @pytest.mark.needs("proxies")
    def test_X8_behind_a_proxy_only_a_written_address_can_be_checked(self, transport: Any, serve: Any) -> None:
        proxy = serve(proxying())
        adapter = transport(address_rule=AddressRule())
        through = {"http": proxy.url()}

        assert fetch(adapter, "http://site.example/", proxies=through).content == b"via proxy"
        with pytest.raises(Refused):
            fetch(adapter, "http://169.254.169.254/", proxies=through)
        assert len(proxy.requests) == 1


class TestForgedLines:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:{port}/a\r\nX-Evil: 1",
            "http://127.0.0.1:{port}/a b",
            "http://127.0.0.1:{port}/a\x00b",
            "http://127.0.0.1:{port}/\x7f",
            "http://127.0.0.1:{port}/ä",
            "http://127.0.0.1\r\nX: y:{port}/",
            "http://127.0.0.1%0d%0a:{port}/",
            "http://127.0.0.1\\@evil.example:{port}/",
            "http://:{port}/",
            "http://[::1:{port}/",
            "http://127.0.0.1:{port}0000/",
            pytest.param("http://" + "a" * 100_000 + ":{port}/", id="a host of 100 kB"),
            pytest.param("http://" + "a" * 64 + ".example:{port}/", id="a label of 64 bytes"),
            "file:///etc/passwd",
            "gopher://127.0.0.1:{port}/",
            "ftp://127.0.0.1:{port}/",
            "//127.0.0.1:{port}/",
            "",
        ],
    )
    def test_X14_a_url_with_forged_parts_is_never_sent(self, transport: Any, serve: Any, url: str) -> None:
        server = serve(OK)
        prepared = requests.Request("GET", "http://x/").prepare()
        prepared.url = url.format(port=server.port)

        with pytest.raises(Refused):
            send(transport(), prepared)

        assert server.accepted == 0

    @pytest.mark.parametrize("method", ["GET /evil HTTP/1.1\r\nX:", "GE T", "", "CONNECT", "GET\n", "GÉT"])
    def test_X14_an_invalid_method_is_never_sent(self, transport: Any, serve: Any, method: str) -> None:
        server = serve(OK)
        prepared = requests.Request("GET", server.url()).prepare()
        prepared.method = method or " "

        with pytest.raises(Refused):
            send(transport(), prepared)

        assert server.accepted == 0

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-A", "b\r\nX-Evil: 1"),
            ("X-A", "b\nX-Evil: 1"),
            ("X-A", "b\0c"),
            ("X-A", b"b\r\nX-Evil: 1"),
            ("X-A: b\r\nX-Evil", "1"),
            ("X A", "b"),
            ("", "b"),
            ("X-Ä", "b"),
            ("X-A", None),
        ],
    )
    def test_X14_a_header_with_a_forged_line_is_never_sent(
        self, transport: Any, serve: Any, name: str, value: Any
    ) -> None:
        server = serve(OK)
        prepared = requests.Request("GET", server.url()).prepare()
        prepared.headers[name] = value

        with pytest.raises(Refused):
            send(transport(), prepared)

        assert server.accepted == 0

    @pytest.mark.parametrize(
        "headers", [{"Content-Length": "5"}, {"Content-Length": "x"}, {"Transfer-Encoding": "chunked"}]
    )
    def test_X14_a_body_whose_length_is_contradicted_is_never_sent(
        self, transport: Any, serve: Any, headers: dict[str, str]
    ) -> None:
        server = serve(OK)
        prepared = requests.Request("POST", server.url(), data=b"ten bytes!").prepare()
        prepared.headers.update(headers)

        with pytest.raises(Refused):
            send(transport(), prepared)

        assert server.accepted == 0


@pytest.mark.needs("proxies")
def test_no_error_shows_the_password_of_a_url_or_a_proxy(transport: Any, serve: Any) -> None:
    closed = serve(OK)
    closed.close()
    prepared = requests.Request("GET", f"http://user:hunter2@127.0.0.1:{closed.port}/").prepare()

    for options in ({}, {"proxies": {"http": f"http://user:hunter2@127.0.0.1:{closed.port}"}}):
        with pytest.raises(ConnectFailed) as caught:
            send(transport(), prepared, **options)
        cause: BaseException | None = caught.value
        while cause is not None:
            assert "hunter2" not in f"{cause!s} {cause!r}"
            cause = cause.__cause__ or cause.__context__


@pytest.mark.needs("keeps_connections")
def test_addresses_are_asked_for_each_new_connection(transport: Any, serve: Any) -> None:
    asked: list[str] = []

    def trusted(host: str) -> bool:
        asked.append(host)
        return True

    server = serve(OK)
    adapter = transport(address_rule=AddressRule(trusted))
    for _ in range(3):
        fetch(adapter, server.url())

    assert "127.0.0.1" in asked
    assert server.accepted == 1
