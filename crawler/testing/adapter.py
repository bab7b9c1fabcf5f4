"""A `requests` adapter that answers from a script: unit tests of logins and spiders without a server."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import field
from http.client import HTTPMessage
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from crawler.quick_dataclass import quick_dataclass
from crawler.testing.wire import REASONS
from crawler.untyped import take_cookies


@quick_dataclass
class Reply:
    """An answer in a script; made by `reply`. It may be used any number of times."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = field(default=())


Step = Reply | Exception | Callable[[requests.PreparedRequest], Reply]


def reply(
    body: str | bytes = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    cookies: Mapping[str, str] | None = None,
) -> Reply:
    """An answer for `ScriptedAdapter`.

    Args:
        body: Text is sent as UTF-8, and labelled as HTML in UTF-8 unless *headers* say otherwise.
        status: 200 to 599.
        headers: Header fields.
        cookies: Sent as Set-Cookie, with path ``/``.
    """
    fields = list((headers or {}).items())
    if isinstance(body, str):
        body = body.encode()
        if not any(name.lower() == "content-type" for name, _ in fields):
            fields.append(("Content-Type", "text/html; charset=utf-8"))
    fields += [("Set-Cookie", f"{name}={value}; Path=/") for name, value in (cookies or {}).items()]
    return Reply(status, body, tuple(fields))


class ScriptedAdapter(BaseAdapter):
    """Gives the answers of a script in order and remembers the requests. Thread-safe.

    ::

        adapter = ScriptedAdapter(reply(status=503), requests.ConnectionError("gone"), reply("<h1>Hello</h1>"))
        adapter.on("/login", reply("<form>...</form>"))
        session.mount("http://", adapter)

    Args:
        script: Answers to requests that match no rule of `on`: replies, errors to raise, or functions that take the
            prepared request and return a reply.

    Attributes:
        requests: Every request received, in order.
        timeouts: The timeout each came with.
        is_closed: Whether the session has closed its adapters.
    """

    def __init__(self, *script: Step) -> None:
        super().__init__()
        self._lock = threading.Lock()  # guards everything below
        self._script = deque(script)
        self._rules: list[tuple[str | None, str, deque[Step]]] = []
        self.requests: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []
        self.is_closed = False

    def on(self, url: str, *script: Step, method: str | None = None) -> ScriptedAdapter:
        """Adds a script for one address; its last answer is repeated.

        Args:
            url: A whole URL, or a path with its query; rules added later take precedence.
            script: One or more answers.
            method: Only match this method.
        Returns:
            This adapter.
        Raises:
            ValueError: The script is empty.
        """
        if not script:
            raise ValueError(f"no answer for {url}")
        with self._lock:
            self._rules.insert(0, (method, url, deque(script)))
        return self

    @property
    def left(self) -> int:
        """How many answers of the main script have not been used."""
        with self._lock:
            return len(self._script)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Gives the next answer, or raises the next error.

        Raises:
            AssertionError: The script has no answer for this request.
        """
        with self._lock:
            self.requests.append(request)
            self.timeouts.append(timeout)
            step = self._next(request)
        if isinstance(step, Exception):
            raise step
        answer = step if isinstance(step, Reply) else step(request)
        response = _response(answer, request, self)
        if not stream:
            _ = response.content
        return response

    def close(self) -> None:
        """Records that it was closed."""
        with self._lock:
            self.is_closed = True

    def _next(self, request: requests.PreparedRequest) -> Step:
        for method, url, script in self._rules:
            if url in (request.url, request.path_url) and method in (None, request.method):
                return script.popleft() if len(script) > 1 else script[0]
        if not self._script:
            raise AssertionError(f"no answer left for {request.method} {request.url}")
        return self._script.popleft()


class _Original:
    """Stands in for the `http.client.HTTPResponse` from which requests reads Set-Cookie fields."""

    def __init__(self, headers: tuple[tuple[str, str], ...]) -> None:
        self.msg = HTTPMessage()
        for name, value in headers:
            self.msg[name] = value

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        return None


def _response(answer: Reply, request: requests.PreparedRequest, adapter: BaseAdapter) -> requests.Response:
    fields = HTTPHeaderDict()
    for name, value in answer.headers:
        fields.add(name, value)
    original: Any = _Original(answer.headers)
    response: Any = requests.Response()
    response.raw = HTTPResponse(
        io.BytesIO(answer.body), fields, answer.status, preload_content=False, original_response=original
    )
    response.status_code = answer.status
    response.reason = REASONS.get(answer.status, "")
    response.headers = requests.structures.CaseInsensitiveDict(fields)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.url = request.url or ""
    response.request = request
    response.connection = adapter
    take_cookies(response.cookies, request, response.raw)
    made: requests.Response = response
    return made
