"""A server that speaks HTTP/2 over TLS frame by frame, as a script says, for what can go wrong with it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from transports import Authority

Head = Sequence[tuple[str, str]]
OK: Head = [(":status", "200"), ("content-type", "text/html")]


class Stream:
    """One request, and the frames of its answer.

    Attributes:
        asked: Its header fields.
    """

    def __init__(self, peer: Peer, number: int, asked: dict[str, str]) -> None:
        self.peer, self.number, self.asked = peer, number, asked

    def head(self, fields: Head = OK, *, end: bool = False) -> None:
        self.peer.speaks.send_headers(self.number, list(fields), end_stream=end)
        self.peer.flush()

    def data(self, data: bytes, *, end: bool = True) -> None:
        """As far as the client's window goes; the rest is left out."""
        room = self.peer.speaks.local_flow_control_window(self.number)
        size = self.peer.speaks.max_outbound_frame_size
        whole, data = len(data), data[:room]
        for at in range(0, max(len(data), 1), size):
            piece = data[at : at + size]
            self.peer.speaks.send_data(self.number, piece, end_stream=end and at + len(piece) == whole)
        self.peer.flush()

    def answer(self, body: bytes = b"<p>good</p>", *fields: tuple[str, str]) -> None:
        self.head([*OK, ("content-length", str(len(body))), *fields])
        self.data(body)

    def reset(self, code: int = h2.errors.ErrorCodes.INTERNAL_ERROR) -> None:
        self.peer.speaks.reset_stream(self.number, code)
        self.peer.flush()


class Peer:
    """One connection."""

    def __init__(self, connection: ssl.SSLSocket, server: Http2Server) -> None:
        self.socket, self.server = connection, server
        config = h2.config.H2Configuration(
            client_side=False, header_encoding="latin-1", validate_outbound_headers=False
        )
        config.normalize_outbound_headers = False
        self.speaks = h2.connection.H2Connection(config)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.sendall(self.speaks.data_to_send())

    def say_goodbye(self) -> None:
        """GOAWAY; the connection is closed by `close`."""
        self.speaks.close_connection()
        self.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        self.speaks.initiate_connection()
        self.flush()
        while data := self._received():
            for event in self.speaks.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self._asked(event)
                elif isinstance(event, h2.events.ConnectionTerminated):  # the client has had enough
                    return
            self.flush()

    def _received(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except OSError:
            return b""

    def _asked(self, event: h2.events.RequestReceived) -> None:
        assert event.stream_id is not None
        asked = {str(name): str(value) for name, value in event.headers or ()}
        self.server.requests.append(asked)
        self.server.script(Stream(self, event.stream_id, asked))


Script = Callable[[Stream], None]


class Http2Server:
    """Runs *script* for each request.

    Attributes:
        requests: Their header fields, in order.
        accepted: Number of connections.
    """

    def __init__(self, authority: Authority, script: Script, *, host: str = "127.0.0.1") -> None:
        self.script = script
        self.requests: list[dict[str, str]] = []
        self.accepted = 0
        self._context = authority.context(host)
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server((host, 0), backlog=16)
        self.url = f"https://{host}:{self._listener.getsockname()[1]}/page"
        self.ca = authority.ca_file
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._served, args=(connection,), daemon=True).start()

    def _served(self, plain: socket.socket) -> None:
        try:
            connection = self._context.wrap_socket(plain, server_side=True)
        except OSError:  # the client has seen the certificate
            plain.close()
            return
        self._open.append(connection)
        try:
            Peer(connection, self).serve()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            connection.close()

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
