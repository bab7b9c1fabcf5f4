"""Small hosts on loopback for tests of borders: each answers by path and keeps every request it was sent."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from crawler.fetching.impersonating import ChromeAdapter, FirefoxAdapter, SafariAdapter
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.limits import Limits
from crawler.fetching.urllib3_adapter import Urllib3Adapter
from crawler.response import Response
from crawler.sessions.accounts import Account
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.spider import Identity
from crawler.testing.server import Server
from crawler.testing.wire import Answer, WireRequest

Route = Answer | Callable[[WireRequest], Answer]
TRANSPORTS: dict[str, Any] = {"curl": CurlAdapter, "urllib3": Urllib3Adapter}
if os.environ.get("CRAWL_TRANSPORTS") == "all":  # `python -m tests.on_transports`
    TRANSPORTS |= {"chrome": ChromeAdapter, "firefox": FirefoxAdapter, "safari": SafariAdapter}


class Host:
    """One listener that records. Paths without a route are answered 200 with a page that says so.

    Attributes:
        url: Its address, without a slash at the end.
        calls: What came, in order.
    """

    def __init__(self, routes: Mapping[str, Route], address: str, tls: ssl.SSLContext | None) -> None:
        self.routes = dict(routes)
        self.calls: list[WireRequest] = []
        self._lock = threading.Lock()  # guards calls
        self._server = Server(self, threading.Event())
        self.port = self._server.listen(address, 0, tls)
        self.scheme = "https" if tls else "http"
        self.url = f"{self.scheme}://{address}:{self.port}"

    def named(self, name: str, path: str = "") -> str:
        """Its address under a name (the session must resolve it)."""
        return f"{self.scheme}://{name}:{self.port}{path}"

    def seen(self, path: str) -> list[WireRequest]:
        """The requests for one path."""
        with self._lock:
            return [call for call in self.calls if call.path == path]

    def header(self, name: str, path: str | None = None) -> list[str]:
        """The values of a header in all requests that had it, or in those for one path."""
        with self._lock:
            calls = [call for call in self.calls if path is None or call.path == path]
        return [call.headers[name.lower()] for call in calls if name.lower() in call.headers]

    def close(self) -> None:
        self._server.close()

    # --- what the server asks -------------------------------------------------------------------------------------
    def connected(self, host: str) -> int:
        return 0

    def answers_left(self, answered: int) -> bool:
        return True

    def date_offset_s(self) -> float:
        return 0.0

    def answer(self, call: WireRequest) -> Answer:
        with self._lock:
            self.calls.append(call)
        route = self.routes.get(call.path, self.routes.get("*"))
        if route is None:
            return Answer(body=b"<html><p>a page</p></html>")
        return (
            route(call)
            if callable(route)
            else Answer(
                route.status, route.body, route.content_type, list(route.headers), route.reset_after, route.close
            )
        )


def cookie_page(*lines: str, status: int = 200, location: str = "") -> Answer:
    """An answer that sets cookies, and leads elsewhere where *location* says so."""
    headers = [("Set-Cookie", line) for line in lines]
    if location:
        headers.append(("Location", location))
    return Answer(status if not location or status != 200 else 302, b"<p>ok</p>", headers=headers)


class Net:
    """Makes hosts and sessions for one test, and closes them."""

    def __init__(self, transport: str = "curl") -> None:
        self._running = ExitStack()
        self._transport = transport

    def host(self, routes: Mapping[str, Route] | None = None, *, address: str = "127.0.0.1", tls: Any = None) -> Host:
        host = Host(routes or {}, address, tls)
        self._running.callback(host.close)
        return host

    def session(
        self,
        *own: str,
        identity: Identity | None = None,
        names: Mapping[str, str] | None = None,
        adapter: Any = None,
        deadline_s: float = 10.0,
        **options: Any,
    ) -> Session:
        """A session whose credentials belong to the origins of *own*.

        Args:
            names: Host name to loopback address.
            adapter: A transport to share with other sessions.
        """
        adapter = adapter or self.adapter(names)
        session = Session(
            identity or Identity("default"),
            account=Account("default", environ={}),
            origins=Origins(own),
            transport=adapter,
            limits=Limits(),
            user_agent="tester/1",
            deadline_s=deadline_s,
            timeout_s=5.0,
            **options,
        )
        self._running.callback(session.close)
        return session

    def adapter(self, names: Mapping[str, str] | None = None, **options: Any) -> Any:
        resolve = {name: [address] for name, address in (names or {}).items()}
        adapter = TRANSPORTS[self._transport](resolve=resolve, response_class=Response, **options)
        self._running.callback(adapter.close)
        return adapter

    def close(self) -> None:
        self._running.close()


class Certificates:
    """An authority of the test: contexts for servers, and the file that clients trust."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture(params=list(TRANSPORTS))
def net(request: pytest.FixtureRequest) -> Iterator[Net]:
    """Hosts and sessions, on each of the two transports."""
    made = Net(request.param)
    yield made
    made.close()


@pytest.fixture
def quick_net() -> Iterator[Net]:
    """The same on the default transport only."""
    made = Net()
    yield made
    made.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority that nobody trusts by default."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
