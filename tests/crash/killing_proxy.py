"""Stands between a client and a server of HTTP, and kills the client at a chosen request.

Either before the server hears of the request, or when it has done what was asked and the client has not heard it: the
two sides of the moment in which an upload is completed, which no count of the client's own calls can tell apart.
"""

from __future__ import annotations

import http.client
import os
import signal
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_OF_THE_CONNECTION = ("connection", "transfer-encoding", "content-length", "keep-alive")


@dataclass(frozen=True, slots=True)
class Aim:
    """Whom to kill, and at which of the requests that change something, from 1."""

    process: int
    request: int
    is_done: bool


class KillingProxy(ThreadingHTTPServer):
    """Listens on a port of its own.

    Attributes:
        asked: Method and path of each request since `aim_at` that changes something; the others, of which some come
            side by side and in no certain order, are passed on.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.asked: list[str] = []
        self._aim: Aim | None = None
        self._lock = threading.Lock()  # guards asked and _aim
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def aim_at(self, aim: Aim | None) -> None:
        with self._lock:
            self.asked, self._aim = [], aim

    def count(self, what: str) -> int:
        with self._lock:
            self.asked.append(what)
            return len(self.asked)

    def kill_at(self, number: int, *, is_done: bool) -> bool:
        """Kill the process that is aimed at, if this is the moment. Returns whether it was."""
        with self._lock:
            aim = self._aim
            if aim is None or (aim.request, aim.is_done) != (number, is_done):
                return False
        os.kill(aim.process, signal.SIGKILL)
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: KillingProxy

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _pass_on(self) -> None:
        body = self._body()
        number = self.server.count(f"{self.command} {self.path}") if self.command not in ("GET", "HEAD") else 0
        if self.server.kill_at(number, is_done=False):
            self.close_connection = True
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=30)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("expect", "connection")
            }
            headers.pop("Transfer-Encoding", None)
            headers["Content-Length"] = str(len(body))
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            given = answer.read()
        finally:
            upstream.close()
        if self.server.kill_at(number, is_done=True):
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(given))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(given)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _pass_on
