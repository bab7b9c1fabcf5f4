"""The practice site: a bookshop with a login, for testing crawlers.

In this process::

    with PracticeSite(books=500, login="soft200") as site:
        ...  # crawl site.url, then compare with site.truth and ask site.record

In a terminal: ``python -m crawler.testing.site --port 8000``. In another process, from a test:
`crawler.testing.process.SiteProcess`; `crawler.testing.interface.Site` is what both can do.
"""

from __future__ import annotations

import itertools
import ssl
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from crawler.testing.books import Truth
from crawler.testing.control import SiteControl
from crawler.testing.interface import Site
from crawler.testing.server import Server
from crawler.testing.site_application import PracticeApplication
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import LoggedRequest, Record

PORT_ATTEMPTS = 20


class PracticeSite(Site):
    """A `Site` in this process: a real HTTP server on loopback, which runs from creation until `close`. Thread-safe.

    Args:
        options: How the site behaves.
        port: 0 for a free one.
        changes: Options by name; they take precedence over *options*.
    Raises:
        OSError: The port is in use, or an address is not available.
        ValueError: An option does not exist, or its value is not valid.
    """

    def __init__(self, options: SiteOptions | None = None, *, port: int = 0, **changes: Any) -> None:
        self.options = (options or SiteOptions()).changed(changes)
        hosts = self.options.hosts
        self._server, self._application, found = _listening(self.options, port)
        self._control: Server | None = None
        scheme = "https" if self.options.tls_certificate else "http"
        self.urls = {host: f"{scheme}://{host}:{found}" for host in hosts}
        self.url = self.urls[hosts[0]]
        self.control_url: str | None = None
        try:
            self.http_url = self.url
            if self.options.tls_certificate:
                self.http_url = f"http://{hosts[0]}:{self._server.listen(hosts[0], 0)}"
            self._application.listening(self.url, self.http_url)
            if self.options.control:
                self._control = Server(SiteControl(self), threading.Event())
                self.control_url = f"http://127.0.0.1:{self._control.listen('127.0.0.1', 0)}"
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes all connections and ends all threads. It may be called again."""
        self._server.close()
        if self._control is not None:
            self._control.close()

    @cached_property
    def truth(self) -> Truth:
        return Truth(self._application.shop, self.url)

    @property
    def record(self) -> Record:
        return self._application.recorder.snapshot()

    @property
    def log(self) -> list[LoggedRequest]:
        return self._application.recorder.log()

    def gaps(self, host: str | None = None) -> list[float]:
        starts = self._application.recorder.starts(host or self.options.hosts[0])
        return [later - earlier for earlier, later in itertools.pairwise(starts)]

    def wait_for_answers(self, count: int, seconds: float = 30.0) -> bool:
        return self._application.recorder.wait_for_answers(count, seconds)

    def reset_record(self) -> None:
        self._application.recorder.reset()
        self._application.faults.reset()

    def revoke(self, account: str | None = None) -> int:
        return self._application.sessions.revoke(account)

    def revoke_all(self) -> int:
        self._application.forms.forget_visitors()
        return self._application.tokens.revoke() + self._application.sessions.revoke()

    def expire_now(self, account: str | None = None) -> int:
        return self._application.tokens.revoke(account) + self._application.sessions.revoke(account)

    def live_sessions(self, account: str | None = None) -> int:
        return self._application.sessions.live(account)

    def mail_code(self, account: str) -> str | None:
        return self._application.forms.mail.read(account)

    def edit(self, edits: Mapping[int, Mapping[str, Any] | None]) -> None:
        self._application.shop.edit(edits)
        self.__dict__.pop("truth", None)

    def change(self, **changes: Any) -> None:
        self._application.change(changes)
        self.options = self._application.options


def _listening(options: SiteOptions, port: int) -> tuple[Server, PracticeApplication, int]:
    """A server that listens on all hosts at one port; tries another free port if one is in use on any host."""
    tls = _tls(options)
    for attempt in range(PORT_ATTEMPTS):
        closing = threading.Event()
        application = PracticeApplication(options, closing)
        server = Server(application, closing)
        try:
            found = port
            for host in options.hosts:
                found = server.listen(host, found, tls)
            return server, application, found
        except OSError:
            server.close()
            if port or attempt + 1 == PORT_ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _tls(options: SiteOptions) -> ssl.SSLContext | None:
    if not options.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_certificate, options.tls_key)
    return context
