"""Connections that are refused, reset, or dead when they are used again: rows T6 and T7."""

from __future__ import annotations

from typing import Any

import pytest
from rawserver import OK, Connection, answer, once
from transports import fetch

from crawler.errors import (
    ConnectFailed,
    Incomplete,
)


class TestResets:
    @pytest.mark.parametrize("how", ["reset", "close"])
    def test_T6_no_answer_at_all_is_a_failed_connection(self, transport: Any, serve: Any, how: str) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            if how == "reset":
                connection.reset()

        server = serve(script)
        with pytest.raises(ConnectFailed):
            fetch(transport(), server.url())
        assert server.accepted == 1

    def test_T6_a_reset_inside_the_body_is_incomplete(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            # More than the buffers of both sides take: when it is sent, the client has read the beginning
            connection.send(answer(b"half" * 4_000_000, length=20_000_000))
            connection.reset()

        with pytest.raises(Incomplete):
            fetch(transport(), serve(script).url())

    def test_T6_a_post_without_an_answer_is_sent_once(self, transport: Any, serve: Any) -> None:
        server = serve(once(b""))

        with pytest.raises(ConnectFailed):
            fetch(transport(), server.url(), "POST", data={"password": "x"})

        assert len(server.requests) == 1

    def test_T6_a_refused_connection_is_a_failed_connection(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        server.close()

        with pytest.raises(ConnectFailed):
            fetch(transport(), server.url())


def stale(connection: Connection) -> None:
    """Promises keep-alive, and drops the connection when the second request has been read."""
    connection.read()
    connection.send(OK)
    connection.read()


@pytest.mark.needs("keeps_connections")
class TestStaleConnections:
    def test_T7_a_get_on_a_dead_connection_is_sent_again_at_once(self, transport: Any, serve: Any) -> None:
        server = serve(stale, OK)
        adapter = transport()

        fetch(adapter, server.url("/1"))
        second = fetch(adapter, server.url("/2"))

        assert second.content == b"ok"
        assert [each.split()[1] for each in server.requests] == [b"/1", b"/2", b"/2"]

    def test_T7_it_is_sent_again_only_once(self, transport: Any, serve: Any) -> None:
        server = serve(stale, once(b""))
        adapter = transport()
        fetch(adapter, server.url("/1"))

        with pytest.raises(ConnectFailed):
            fetch(adapter, server.url("/2"))

        assert len(server.requests) == 3

    @pytest.mark.parametrize("data", [b"password=x", b""], ids=["with a body", "without a body"])
    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_T7_what_may_change_things_is_never_sent_twice(
        self, transport: Any, serve: Any, method: str, data: bytes
    ) -> None:
        server = serve(stale, once(b""))
        adapter = transport()
        fetch(adapter, server.url("/1"))

        with pytest.raises(ConnectFailed):
            fetch(adapter, server.url("/login"), method, data=data)

        assert [each.split()[0] for each in server.requests] == [b"GET", method.encode()]

    def test_T7_a_put_is_sent_again_with_its_whole_body(self, transport: Any, serve: Any) -> None:
        server = serve(stale, OK)
        adapter = transport()
        fetch(adapter, server.url("/1"))

        assert fetch(adapter, server.url("/2"), "PUT", data=b"x" * 1000).content == b"ok"

        assert [each.split(b"\r\n\r\n")[1] for each in server.requests[1:]] == [b"x" * 1000] * 2

    def test_T7_a_connection_closed_in_between_is_not_even_tried(self, transport: Any, serve: Any) -> None:
        server = serve(once(OK), OK)
        adapter = transport()
        fetch(adapter, server.url("/1"))
        assert server.wait_for_end()

        assert fetch(adapter, server.url("/2"), "POST", data=b"x").content == b"ok"
        assert len(server.requests) == 2


def test_errors_keep_their_cause(transport: Any, serve: Any) -> None:
    server = serve(OK)
    server.close()
    with pytest.raises(ConnectFailed) as caught:
        fetch(transport(), server.url())

    assert caught.value.__cause__ is not None
    assert caught.value.url == server.url()
