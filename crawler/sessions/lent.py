"""What a session lends to its auth (`sessions.auth.lending`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from crawler.errors import CrawlError
from crawler.sessions.auth.lending import TokenAsked, TokenWay

if TYPE_CHECKING:
    from crawler.sessions.session import Session


class Leave(Protocol):
    """Who says whether secrets may be sent for a token (`sessions.login.token_grants`)."""

    def begins(self, asked: TokenAsked) -> None: ...

    def ended(self, asked: TokenAsked, error: CrawlError | None, elapsed_ms: float) -> None: ...


class Lent:
    """Of one session. Safe from any thread.

    Attributes:
        leave: None where nobody logs in and nothing is kept: then anything may be sent.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.leave: Leave | None = None

    def way(self, url: str) -> TokenWay:
        """As it sends its own requests; its client certificate goes to its own origins only."""
        session = self._session
        agent = session.headers.get("User-Agent")
        return TokenWay(
            dict(session.proxies),
            True if session.verify is None else session.verify,
            session.cert if session.origins.covers(url) else None,
            (session.sending.timeout_s, session.sending.timeout_s),
            None if agent is None else str(agent),
        )

    def begins(self, asked: TokenAsked) -> None:
        if self.leave is not None:
            self.leave.begins(asked)

    def ended(self, asked: TokenAsked, error: CrawlError | None, elapsed_ms: float) -> None:
        if self.leave is not None:
            self.leave.ended(asked, error, elapsed_ms)
