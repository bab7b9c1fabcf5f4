"""A server that speaks HTTP/3 (QUIC) alone, on loopback, for tests of transports."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated
from transports import Authority

Answer = Callable[["Http3Site", dict[str, str]], tuple[list[tuple[bytes, bytes]], bytes]]


class Http3Site:
    """Answers each request by *answer*: header fields and body.

    Attributes:
        requests: Header fields of the requests, in order, with the number of their connection as ``connection``.
    """

    def __init__(self, authority: Authority, folder: Path, answer: Answer) -> None:
        self.requests: list[dict[str, str]] = []
        self.answer, self.connections = answer, 0
        pem = folder / "http3.pem"
        authority._ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
        self._settings = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
        self._settings.load_cert_chain(pem, pem)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url, self.ca = f"https://127.0.0.1:{self.port}/page", authority.ca_file
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        made = serve("127.0.0.1", self.port, configuration=self._settings, create_protocol=self._protocol)
        self._server = self._loop.run_until_complete(made)
        self._ready.set()
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def _protocol(self, *args: Any, **options: Any) -> Any:
        self.connections += 1
        return _Peer(self, self.connections, *args, **options)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class _Peer(QuicConnectionProtocol):  # type: ignore[misc]
    """One connection."""

    def __init__(self, site: Http3Site, number: int, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._site, self._number = site, number
        self._speaks: Any = None

    def quic_event_received(self, event: Any) -> None:
        if isinstance(event, ProtocolNegotiated):
            self._speaks = H3Connection(self._quic)
        for each in self._speaks.handle_event(event) if self._speaks is not None else ():
            if isinstance(each, HeadersReceived):
                asked = {name.decode(): value.decode() for name, value in each.headers}
                self._site.requests.append({**asked, "connection": str(self._number)})
                fields, body = self._site.answer(self._site, asked)
                self._speaks.send_headers(each.stream_id, [(b":status", b"200"), *fields])
                self._speaks.send_data(each.stream_id, body, end_stream=True)
        self.transmit()
