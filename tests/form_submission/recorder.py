"""A server on loopback that shows the page of one situation and keeps the request that its form brings."""

from __future__ import annotations

import http.server
import re
import threading
from dataclasses import dataclass

from tests.form_submission.situation import PAGE, Situation

_BOUNDARY = re.compile(r'boundary="?([^";]+)')


@dataclass(frozen=True)
class Sent:
    """A request as the server saw it; the boundary of a multipart body is written ``=B=``."""

    method: str
    path: str
    kind: str
    body: bytes


class Recorder:
    """Shows `page` and keeps what comes to any other address. Used by one client at a time."""

    def __init__(self) -> None:
        self.content = b""
        self.content_type = ""
        self.sent: list[Sent] = []
        self.arrived = threading.Event()
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                recorder.take(self)

            do_POST = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._shown = False

    def show(self, situation: Situation) -> str:
        """The address of its page. The next request that is not the first one for the page is that of the form."""
        self.content, self.content_type = page_of(situation)
        self.sent.clear()
        self.arrived.clear()
        self._shown = False
        return self.url + PAGE

    def take(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.path == PAGE and handler.command == "GET" and not self._shown:
            self._shown = True
            content, kind = self.content, self.content_type
        elif handler.path in ("/favicon.ico", "/robots.txt"):
            content, kind = b"", "text/plain"
        else:
            self.sent.append(_sent(handler, body))
            self.arrived.set()
            content, kind = b"<!doctype html><title>thanks</title>", "text/html"
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _sent(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> Sent:
    said = handler.headers.get("Content-Type", "")
    boundary = _BOUNDARY.search(said)
    if boundary is not None:
        body = body.replace(boundary[1].encode("latin-1"), b"=B=")
    return Sent(handler.command, handler.path, said.partition(";")[0].strip().lower(), body)


def page_of(situation: Situation) -> tuple[bytes, str]:
    """The bytes of its page, and their Content-Type."""
    text = f"<!doctype html><title>x</title>{situation.markup}"
    return text.encode(situation.charset, "xmlcharrefreplace"), f"text/html; charset={situation.charset}"


def wanted(situation: Situation) -> Sent | None:
    """The request that is right."""
    if situation.want is None:
        return None
    if situation.method == "GET":
        return Sent("GET", f"{situation.to}?{situation.want}", "", b"")
    charset = "latin-1" if "&#" in situation.want else "utf-8"
    return Sent("POST", situation.to, situation.kind, situation.want.encode(charset))


def is_right(situation: Situation, sent: Sent | None) -> bool:
    want = wanted(situation)
    if want is None or sent is None:
        return want is sent
    if want.method == "GET":  # urllib3, requests and others leave the "?" of an empty query out
        return (sent.method, sent.path.removesuffix("?")) == (want.method, want.path.removesuffix("?"))
    kind = sent.kind == want.kind or (not want.body and not sent.body)
    return kind and (sent.method, sent.path, sent.body) == (want.method, want.path, want.body)
