"""What a session lends to an auth that asks for tokens by itself: its way to the token URL, and its leave to log in.

A refused password may count against the account, and so may a client's secret. An auth renews its token deep inside a
request, on any thread: it asks for leave before it sends either, and tells what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, Protocol

from crawler.errors import CrawlError
from crawler.quick_dataclass import quick_dataclass

Grant = Literal["client_credentials", "password", "refresh_token"]


@quick_dataclass
class TokenWay:
    """How a session reaches a URL.

    Attributes:
        proxies, verify, cert: As in requests.
        timeout_s: Seconds to connect, and between two reads.
        user_agent: None where the session itself sends none.
    """

    proxies: Mapping[str, str] = field(default_factory=dict)
    verify: bool | str = True
    cert: Any = None
    timeout_s: tuple[float, float] = (10.0, 30.0)
    user_agent: str | None = None


@quick_dataclass
class TokenAsked:
    """What a token is asked for with.

    Attributes:
        grant: As in RFC 6749.
        marks: Digests of the secrets that are sent: while one is on record as refused, they are not. For encrypted
            places only.
        also: Digests of what is refused, too, where these are.
    """

    grant: Grant
    marks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class Lends(Protocol):
    """What is needed of a session. Safe from any thread."""

    def way(self, url: str) -> TokenWay:
        """How it reaches *url* now."""

    def begins(self, asked: TokenAsked) -> None:
        """Before a token is asked for.

        Raises:
            SessionError: The secrets may not be sent: the site has refused them, or that is the business of a login.
        """

    def ended(self, asked: TokenAsked, error: CrawlError | None, elapsed_ms: float) -> None:
        """What came of it: a token, or *error*. Called once after each `begins` that did not raise."""
