"""Every transport through a proxy: which host is asked, what each one sees, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
from rawserver import OK, proxying, socks
from transports import fetch, send

from crawler.errors import ConnectFailed, Refused, TLSFailed
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

    def test_the_other_transport_says_that_it_does_not_support_socks(self) -> None:
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
