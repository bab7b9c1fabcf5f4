"""The practice site: a bookshop with a login, to try crawlers on.

In this process::

    with PracticeSite(books=500, login="soft200") as site:
        ...  # crawl site.url, then compare with site.truth and ask site.record

In a terminal: ``python -m crawler.testing.site --port 8000``. In another process, from a test:
`crawler.testing.process.SiteProcess`, which has the same methods.
"""

from __future__ import annotations

import itertools
import ssl
import threading
from functools import cached_property
from types import TracebackType
from typing import Any

from crawler.testing.application import PracticeApplication
from crawler.testing.books import Truth
from crawler.testing.control import Control
from crawler.testing.options import Account, SiteOptions
from crawler.testing.records import LoggedRequest, Record
from crawler.testing.server import Server

PORT_ATTEMPTS = 20


class PracticeSite:
    """A real HTTP server on loopback. It runs from its making until `close`. Safe from any thread.

    Args:
        options: How the site behaves.
        port: 0 for a free one.
        changes: Options by name, instead of or over *options*.
    Raises:
        OSError: The port is taken, or an address is not there.
        ValueError: An option that does not exist or does not fit.

    Attributes:
        options: How it behaves (see `SiteOptions`).
        url: Address of the first host, without a slash at the end.
        urls: The same for each host.
        http_url: Where the first host speaks plain http; the same as `url` unless the site has a certificate.
        control_url: Address of the control interface, or None where it is not offered.
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
                self._control = Server(Control(self), threading.Event())
                self.control_url = f"http://127.0.0.1:{self._control.listen('127.0.0.1', 0)}"
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hangs up on everyone and ends all threads. Calling it again is fine."""
        self._server.close()
        if self._control is not None:
            self._control.close()

    def __enter__(self) -> PracticeSite:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PracticeSite {self.url}, {self.options.books} books>"

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The customers."""
        return self.options.accounts

    @cached_property
    def truth(self) -> Truth:
        """What a perfect crawl of the first host finds."""
        return Truth(self._application.shop, self.url)

    @property
    def record(self) -> Record:
        """The counts now: a copy."""
        return self._application.recorder.snapshot()

    @property
    def log(self) -> list[LoggedRequest]:
        """The last requests, at most `SiteOptions.log_limit`."""
        return self._application.recorder.log()

    def gaps(self, host: str | None = None) -> list[float]:
        """Seconds between the starts of successive requests to *host* (the first one when left out), in order."""
        starts = self._application.recorder.starts(host or self.options.hosts[0])
        return [later - earlier for earlier, later in itertools.pairwise(starts)]

    def wait_for_answers(self, count: int, seconds: float = 30.0) -> bool:
        """Waits, without polling, until the site has answered so many requests since the last reset.

        Args:
            count: How many, control requests not counted.
            seconds: Wait at most so long.
        Returns:
            Whether they were answered.
        """
        return self._application.recorder.wait_for_answers(count, seconds)

    def reset_record(self) -> None:
        """Starts counting anew: the record, the log, and how often each flaky page was asked for."""
        self._application.recorder.reset()
        self._application.faults.reset()

    def revoke(self, account: str | None = None) -> int:
        """Ends the sessions of an account, or of everybody, as an administrator would.

        Returns:
            How many sessions there were.
        """
        return self._application.sessions.revoke(account)

    def revoke_all(self) -> int:
        """Ends all sessions, all tokens, and logins that are half done.

        Returns:
            How many sessions and tokens there were.
        """
        self._application.forms.forget_visitors()
        return self._application.tokens.revoke() + self._application.sessions.revoke()

    def expire_now(self, account: str | None = None) -> int:
        """Ends sessions and tokens of an account, or of everybody, as if their time were up.

        Returns:
            How many there were.
        """
        return self._application.tokens.revoke(account) + self._application.sessions.revoke(account)

    def live_sessions(self, account: str | None = None) -> int:
        """How many sessions an account, or everybody, has now."""
        return self._application.sessions.live(account)

    def mail_code(self, account: str) -> str | None:
        """The one-time code in the last mail to an account, or None."""
        return self._application.forms.mail.read(account)

    def change(self, **changes: Any) -> None:
        """Replaces options while the site runs, for instance ``change(rate_503=0.05)``.

        Raises:
            ValueError: An option that does not exist, or one that is fixed from the start (such as `books`).
        """
        self._application.change(changes)
        self.options = self._application.options


def _listening(options: SiteOptions, port: int) -> tuple[Server, PracticeApplication, int]:
    """A server that listens on all hosts at one port; tries other free ports where one is taken on some host."""
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


if __name__ == "__main__":
    from crawler.testing.terminal import main

    raise SystemExit(main())
