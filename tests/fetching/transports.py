"""What the tests of the transports share: both adapters, servers that end, and one short way to fetch."""

from __future__ import annotations

import importlib.util
import os
import queue
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from rawserver import RawServer

from crawler.errors import ConnectFailed
from crawler.fetching.impersonating import ChromeAdapter, FirefoxAdapter, SafariAdapter
from crawler.fetching.io_thread import IOThread
from crawler.fetching.libcurl_adapter import CurlAdapter, HandlesAdapter
from crawler.fetching.limits import Limits
from crawler.fetching.transport import TransportOptions
from crawler.fetching.urllib3_adapter import Urllib3Adapter
from crawler.sessions.prepared import Prepared
from tests.plain_transport import PlainTransport

Adapter = HandlesAdapter | Urllib3Adapter | PlainTransport


class CarriedAdapter(CurlAdapter):
    """libcurl with the I/O thread: what crawled pages are fetched with."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.io = IOThread()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        answers: queue.SimpleQueue[Callable[[], requests.Response]] = queue.SimpleQueue()
        self.begin(self.io, request, lambda status, finish: answers.put(finish), **options)
        return answers.get(timeout=30)()

    def close(self) -> None:
        super().close()
        self.io.close(ConnectFailed("http://closed.test/", "the transport is closed"))


#: by name; one more transport is one more line here
KINDS: dict[str, type[Any]] = {
    "curl": CurlAdapter,
    "curl-io": CarriedAdapter,
    "urllib3": Urllib3Adapter,
    "plain": PlainTransport,
}
if importlib.util.find_spec("curl_cffi") is not None:
    KINDS["chrome"] = ChromeAdapter
    if os.environ.get("CRAWL_TRANSPORTS") == "all":  # they differ from chrome in what they say, not in how it is read
        KINDS |= {"firefox": FirefoxAdapter, "safari": SafariAdapter}


@pytest.fixture(params=list(KINDS))
def transport(request: pytest.FixtureRequest) -> Iterator[Callable[..., Adapter]]:
    """Makes adapters of each kind and closes them."""
    made: list[Adapter] = []

    def make(**options: Any) -> Adapter:
        kind = KINDS[request.param]
        ours = issubclass(kind, HandlesAdapter | Urllib3Adapter)
        made.append(
            kind(**options) if ours else kind(TransportOptions(**{"response_class": requests.Response, **options}))
        )
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    """Starts scripted servers and ends them."""
    made: list[RawServer] = []

    def start(*scripts: Any, **options: Any) -> RawServer:
        made.append(RawServer(*scripts, **options))
        return made[-1]

    yield start
    for server in made:
        server.close()
    assert not [fault for server in made for fault in server.faults]


def fetch(
    adapter: Adapter,
    url: str,
    method: str = "GET",
    *,
    headers: dict[str, str] | None = None,
    data: Any = None,
    limits: Limits | None = None,
    sink: Any = None,
    timeout: Any = 5,
    **options: Any,
) -> Any:
    """Prepare a request as requests does it, put our attributes on it, and send it."""
    prepared = Prepared.of(requests.Request(method, url, headers=headers, data=data).prepare())
    return send(adapter, prepared, limits=limits, sink=sink, timeout=timeout, **options)


def send(
    adapter: Adapter,
    prepared: requests.PreparedRequest,
    *,
    limits: Limits | None = None,
    sink: Any = None,
    timeout: Any = 5,
    **options: Any,
) -> Any:
    """Send a request that is prepared already."""
    if limits is not None or sink is not None:
        prepared = Prepared.of(prepared)
        prepared.limits, prepared.sink = limits, sink
    return adapter.send(prepared, timeout=timeout, **options)


class Authority:
    """A certificate authority of the test: makes contexts for servers, and the file that clients trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    def context(self, *names: str, **options: Any) -> ssl.SSLContext:
        """For a server with a certificate for *names*."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, **options).configure_cert(context)
        return context

    def wanting_clients(self, *names: str) -> ssl.SSLContext:
        """For a server that lets only clients with a certificate in."""
        context = self.context(*names)
        context.verify_mode = ssl.CERT_REQUIRED
        self._ca.configure_trust(context)
        return context

    def client_file(self) -> str:
        """A file with the certificate and key of a client."""
        path = self._folder / "client.pem"
        self._ca.issue_cert("client@test.example").private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
