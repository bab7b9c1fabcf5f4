"""What a transport gives back: responses as requests makes them, also to a session of requests."""

from __future__ import annotations

import datetime
import hashlib
import re
from typing import Any

import pytest
import requests
from rawserver import OK, Connection, answer
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from transports import fetch

from crawler.fetching.limits import Limits
from crawler.response import Response


def session_on(adapter: Any) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class TestResponse:
    def test_it_is_what_requests_would_make(self, transport: Any, serve: Any) -> None:
        headers = [
            "Content-Type: text/html; charset=latin-1",
            "X-Two: a",
            "Set-Cookie: a=1",
            "X-Two: b",
            "Set-Cookie: c=2",
        ]
        server = serve(answer("é".encode("latin-1"), status="203 Odd Reason", headers=headers))
        adapter = transport()

        got = fetch(adapter, server.url("/p?q=1"))

        assert type(got) is requests.Response
        assert (got.status_code, got.reason, got.url, got.ok) == (203, "Odd Reason", server.url("/p?q=1"), True)
        assert (got.content, got.text, got.encoding) == ("é".encode("latin-1"), "é", "latin-1")
        assert (got.headers["x-two"], got.headers["Content-Length"]) == ("a, b", "1")
        assert got.raw_headers == [
            ("Content-Length", "1"),
            *((name, value) for name, _, value in (line.partition(": ") for line in headers)),
        ]
        assert dict(got.cookies) == {"a": "1", "c": "2"}
        assert got.connection is adapter
        assert got.request.url == got.url
        assert (got.address, got.size_bytes) == ("127.0.0.1", 1)
        assert datetime.timedelta(0) < got.elapsed < datetime.timedelta(seconds=5)
        assert got.raw.closed
        assert got.raw.headers.getlist("set-cookie") == ["a=1", "c=2"]
        assert b"".join(got.iter_content(10)) == got.content
        got.close()

    def test_no_charset_means_no_encoding(self, transport: Any, serve: Any) -> None:
        assert fetch(transport(), serve(answer(b"x", headers=["Content-Type: text/html"])).url()).encoding is None

    def test_a_class_that_decodes_by_itself_is_given_no_encoding(self, transport: Any, serve: Any) -> None:
        """Or a byte order mark could not win over the header."""
        body = "\ufeffé".encode("utf-16-le")
        server = serve(answer(body, headers=["Content-Type: text/html; charset=utf-8"]))

        got = fetch(transport(response_class=Response), server.url())

        assert type(got) is Response
        assert got.text == "é"

    def test_a_stream_has_already_been_read(self, transport: Any, serve: Any) -> None:
        got = fetch(transport(), serve(answer(b"abc" * 100)).url(), stream=True)

        assert b"".join(got.iter_content(7)) == b"abc" * 100
        assert got.content == b"abc" * 100

    def test_the_fragment_is_not_sent(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        got = fetch(transport(), server.url("/p#part"))

        assert got.url == server.url("/p#part")
        assert server.requests[0].startswith(b"GET /p HTTP/1.1\r\n")


class TestOnASession:
    def test_redirects_and_cookies_are_left_to_requests(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            while request := connection.read():
                if request.startswith(b"GET /2"):
                    connection.send(answer(b"there"))
                else:
                    connection.send(
                        answer(b"", status="302 Found", headers=["Location: /2", "Set-Cookie: sid=1; Path=/"])
                    )

        server = serve(script)
        with session_on(transport()) as session:
            got = session.get(server.url("/1"), timeout=5)

        assert (got.content, [each.status_code for each in got.history]) == (b"there", [302])
        assert b"Cookie: sid=1" in server.requests[1]

    def test_basic_auth_works(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        with session_on(transport()) as session:
            session.get(server.url(), auth=HTTPBasicAuth("user", "pass"), timeout=5)

        assert b"Authorization: Basic dXNlcjpwYXNz" in server.requests[0]

    @pytest.mark.parametrize("body", [None, b"abc"], ids=["GET", "POST"])
    def test_digest_auth_works(self, transport: Any, serve: Any, body: bytes | None) -> None:
        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        def script(connection: Connection) -> None:
            while request := connection.read():
                fields = dict(re.findall(r'(\w+)="?([^",]+)', request.decode().partition("Authorization:")[2]))
                method = request.split()[0].decode()
                if fields:
                    secret = md5("user:realm:pass"), fields["nonce"], fields["nc"], fields["cnonce"], "auth"
                    fits = fields["response"] == md5(":".join([*secret, md5(f"{method}:/")]))
                    connection.send(answer(b"in" if fits else b"wrong"))
                else:
                    challenge = 'WWW-Authenticate: Digest realm="realm", nonce="n", qop="auth"'
                    connection.send(answer(b"", status="401 No", headers=[challenge, "Set-Cookie: from401=1"]))

        server = serve(script)
        with session_on(transport()) as session:
            got = session.request(
                "POST" if body else "GET", server.url(), data=body, auth=HTTPDigestAuth("user", "pass"), timeout=5
            )

        assert (got.status_code, got.content) == (200, b"in")
        assert b"from401=1" in server.requests[1]


def test_limits_of_the_request_win_over_those_of_the_adapter(transport: Any, serve: Any) -> None:
    adapter = transport(limits=Limits(max_size_bytes=10))
    server = serve(answer(b"x" * 100))

    assert len(fetch(adapter, server.url(), limits=Limits(max_size_bytes=100)).content) == 100
