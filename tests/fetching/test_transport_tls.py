"""Certificates and handshakes: whom a transport trusts, and what it says of whom it does not (row T8)."""

from __future__ import annotations

import datetime
import ssl
from typing import Any

import pytest
from rawserver import OK, Connection
from transports import fetch

from crawler.errors import (
    ConnectFailed,
    TimedOut,
    TLSFailed,
)


class TestTLS:
    def test_T8_a_trusted_certificate_is_accepted(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))

        assert fetch(transport(), server.url(), verify=authority.ca_file).content == b"ok"

    @pytest.mark.parametrize(
        ("names", "options", "words"),
        [
            pytest.param(["other.example"], {}, "for another", id="wrong host"),
            pytest.param(
                ["127.0.0.1"],
                {"not_after": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)},
                "expired",
                id="expired",
            ),
        ],
    )
    def test_T8_a_bad_certificate_is_permanent_and_says_why(
        self, transport: Any, serve: Any, authority: Any, names: list[str], options: dict[str, Any], words: str
    ) -> None:
        if "not_after" in options:
            options["not_before"] = datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC)
        server = serve(OK, tls=authority.context(*names, **options))

        with pytest.raises(TLSFailed, match=words):
            fetch(transport(), server.url(), verify=authority.ca_file)

        assert server.requests == []

    def test_T8_an_unknown_issuer_is_not_trusted(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))

        with pytest.raises(TLSFailed, match="not signed by anyone we trust"):
            fetch(transport(), server.url(), verify=True)

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
    def test_T8_tls_1_1_is_not_supported(self, transport: Any, serve: Any, authority: Any) -> None:
        context = authority.context("127.0.0.1")
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        server = serve(OK, tls=context)

        with pytest.raises(TLSFailed, match=r"no TLS 1\.2"):
            fetch(transport(), server.url(), verify=authority.ca_file)

    def test_T8_a_plain_server_on_an_https_url_is_not_asked_in_plain(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.socket.recv(65536)
            connection.send(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        server = serve(script)

        with pytest.raises(TLSFailed, match="does not speak TLS"):
            fetch(transport(), server.url().replace("http:", "https:"))

    def test_T8_a_connection_lost_in_the_handshake_may_be_tried_again(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.socket.recv(100)
            connection.reset()

        with pytest.raises(ConnectFailed):
            fetch(transport(), serve(script).url().replace("http:", "https:"))

    def test_T8_a_missing_file_of_certificates_is_reported(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))

        with pytest.raises(TLSFailed, match="certificates"):
            fetch(transport(), server.url(), verify="/nowhere/ca.pem")


def test_a_slow_connect_is_timed_out(transport: Any, serve: Any, authority: Any) -> None:
    """The handshake belongs to connecting; a server that never answers it is one that never connects."""
    server = serve(lambda connection: connection.hold())

    with pytest.raises(TimedOut):
        fetch(transport(), server.url().replace("http:", "https:"), timeout=(0.2, 5))
