"""What must not cross a border: credentials, addresses, forged lines. Rows B and X of the catalogue."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import requests
from rawserver import OK, answer, proxying, socks
from transports import fetch, send

from crawler.errors import ConnectFailed, FetchError, Refused, TLSFailed
from crawler.fetching.addresses import AddressRule
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.urllib3_adapter import Urllib3Adapter


def authorization(username: str, password: str) -> bytes:
    return base64.b64encode(f"{username}:{password}".encode())


@pytest.mark.needs("proxies")
class TestProxies:
    def test_B6_each_proxy_sees_only_its_own_credentials(self, transport: Any, serve: Any) -> None:
        first, second = serve(proxying("one", "1")), serve(proxying("two", "2"))
        adapter = transport()

        for proxy, user in ((first, "one:1"), (second, "two:2"), (first, "one:1")):
            got = fetch(adapter, "http://site.example/", proxies={"http": f"http://{user}@127.0.0.1:{proxy.port}"})
            assert got.content == b"via proxy"

        assert all(authorization("two", "2") not in each for each in first.requests)
        assert all(authorization("one", "1") not in each for each in second.requests)

    def test_B6_two_users_of_one_proxy_do_not_share_a_connection(
        self, transport: Any, serve: Any, authority: Any
    ) -> None:
        target = serve(OK, tls=authority.context("127.0.0.1"))
        proxy = serve(proxying())
        adapter = transport()

        for user in ("one:1", "two:2", "one:1"):
            options = {"proxies": {"https": f"http://{user}@127.0.0.1:{proxy.port}"}, "verify": authority.ca_file}
            assert fetch(adapter, target.url(), **options).content == b"ok"

        assert proxy.accepted == 2
        assert [authorization("one", "1") in each for each in proxy.requests] == [True, False]

    def test_B7_a_proxy_for_http_is_not_used_for_https(self, transport: Any, serve: Any, authority: Any) -> None:
        target = serve(OK, tls=authority.context("127.0.0.1"))
        proxy = serve(proxying())
        adapter = transport()
        options = {"proxies": {"http": f"http://127.0.0.1:{proxy.port}"}, "verify": authority.ca_file}

        assert fetch(adapter, "http://site.example/", **options).content == b"via proxy"
        assert fetch(adapter, target.url(), **options).content == b"ok"
        assert len(proxy.requests) == 1

    def test_B10_the_destination_never_sees_the_credentials_of_the_proxy(
        self, transport: Any, serve: Any, authority: Any
    ) -> None:
        target = serve(OK, tls=authority.context("127.0.0.1"))
        proxy = serve(proxying("user", "secret"))

        fetch(
            transport(),
            target.url(),
            headers={"Cookie": "sid=1", "X-Key": "k"},
            proxies={"https": f"http://user:secret@127.0.0.1:{proxy.port}"},
            verify=authority.ca_file,
        )

        assert b"proxy-authorization" not in target.requests[0].lower()
        assert proxy.requests[0].startswith(b"CONNECT 127.0.0.1:")
        assert b"sid=1" not in proxy.requests[0]
        assert b"X-Key" not in proxy.requests[0]

    def test_B10_nor_a_header_that_was_meant_for_the_proxy(self, transport: Any, serve: Any, authority: Any) -> None:
        secure, plain = serve(OK, tls=authority.context("127.0.0.1")), serve(OK)
        proxy = serve(proxying("user", "secret"))
        prepared = requests.Request("GET", secure.url(), auth=requests.auth.HTTPProxyAuth("user", "secret")).prepare()
        adapter = transport()

        through = {"https": f"http://127.0.0.1:{proxy.port}"}
        assert send(adapter, prepared, proxies=through, verify=authority.ca_file).content == b"ok"
        fetch(adapter, plain.url(), headers={"Proxy-Authorization": "Basic abc"})

        assert b"proxy-authorization" in proxy.requests[0].lower()
        assert all(b"proxy-authorization" not in each.lower() for each in secure.requests + plain.requests)

    def test_B10_the_answer_through_a_tunnel_is_that_of_the_destination(
        self, transport: Any, serve: Any, authority: Any
    ) -> None:
        gone = b"HTTP/1.1 404 Not Found\r\nSet-Cookie: sid=1\r\nX-Of: destination\r\nContent-Length: 2\r\n\r\nno"
        target = serve(gone, tls=authority.context("127.0.0.1"))
        proxy = serve(proxying("user", "secret"))
        through = {"https": f"http://user:secret@127.0.0.1:{proxy.port}"}
        adapter = transport()

        for _ in ("over a new tunnel", "over a kept one"):
            got = fetch(adapter, target.url(), proxies=through, verify=authority.ca_file)

            assert (got.status_code, got.reason, got.content) == (404, "Not Found", b"no")
            assert dict(got.headers) == {"Set-Cookie": "sid=1", "X-Of": "destination", "Content-Length": "2"}
        assert len(proxy.requests) == 1

    def test_B14_a_bad_certificate_of_the_proxy_is_refused(self, transport: Any, serve: Any, authority: Any) -> None:
        proxy = serve(proxying(), tls=authority.context("127.0.0.1"))
        target = serve(OK, tls=authority.context("127.0.0.1"))
        through = {"http": proxy.url(), "https": proxy.url()}

        for url in ("http://site.example/", target.url()):
            for verify in (authority.ca_file, False):  # what counts for the destination says nothing about the proxy
                with pytest.raises(TLSFailed):
                    fetch(transport(), url, proxies=through, verify=verify)

        assert proxy.requests == []

    def test_B14_a_good_certificate_of_the_proxy_is_accepted(self, transport: Any, serve: Any, authority: Any) -> None:
        proxy = serve(proxying(), tls=authority.context("127.0.0.1"))
        target = serve(OK, tls=authority.context("127.0.0.1"))
        adapter = transport(proxy_ca=authority.ca_file)
        options = {"proxies": {"http": proxy.url(), "https": proxy.url()}, "verify": authority.ca_file}

        assert fetch(adapter, "http://site.example/", **options).content == b"via proxy"
        assert fetch(adapter, target.url(), **options).content == b"ok"

    def test_a_proxy_that_refuses_us_is_not_asked_again(self, transport: Any, serve: Any, authority: Any) -> None:
        proxy = serve(proxying("user", "secret"))

        with pytest.raises(Refused, match="proxy"):
            fetch(transport(), "https://127.0.0.1:1/", proxies={"https": f"http://127.0.0.1:{proxy.port}"})

    def test_a_proxy_that_is_down_is_worth_another_try(self, transport: Any, serve: Any) -> None:
        proxy = serve(OK)
        proxy.close()

        with pytest.raises(ConnectFailed, match="proxy"):
            fetch(transport(), "http://site.example/", proxies={"http": f"http://127.0.0.1:{proxy.port}"})

    def test_a_socks_proxy_resolves_the_name(self, serve: Any, authority: Any) -> None:
        plain, secure = serve(OK), serve(OK, tls=authority.context("site.example"))
        proxy = serve(socks)
        adapter = CurlAdapter()
        options = {
            "proxies": {"all": proxy.url().replace("http:", "socks5h:").rstrip("/")},
            "verify": authority.ca_file,
        }

        assert fetch(adapter, f"http://site.example:{plain.port}/", **options).content == b"ok"
        assert fetch(adapter, f"https://site.example:{secure.port}/", **options).content == b"ok"
        adapter.close()
        assert [b"site.example" in each for each in proxy.requests] == [True, True]

    def test_the_other_transport_says_that_it_speaks_no_socks(self) -> None:
        adapter = Urllib3Adapter()
        with pytest.raises(Refused, match="transport=curl"):
            fetch(adapter, "http://site.example/", proxies={"http": "socks5h://127.0.0.1:1"})
        adapter.close()

    def test_the_environment_is_not_asked(self, transport: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong, right, server = serve(proxying()), serve(proxying()), serve(OK)
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, wrong.url())
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setenv("NO_PROXY", "*")

        assert fetch(transport(), server.url()).content == b"ok"
        assert fetch(transport(), "http://site.example/", proxies={"http": right.url()}).content == b"via proxy"
        assert wrong.accepted == 0


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

    def test_X8_the_address_counts_that_is_connected_and_not_the_name(self, transport: Any, serve: Any) -> None:
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
    def test_X14_a_method_that_is_none_is_never_sent(self, transport: Any, serve: Any, method: str) -> None:
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
