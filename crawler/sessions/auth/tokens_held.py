"""The tokens that an OAuth2 auth holds, and a renewal of them that is under way."""

from __future__ import annotations

import threading

from crawler.errors import CrawlError
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.secrets import Secret


class TokenFlight:
    """One renewal: who waits for it learns how it ended."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: CrawlError | None = None


@quick_dataclass(frozen=False)
class TokensHeld:
    """What is in force.

    Attributes:
        ends: When the access token ends, by ticks; None when nobody said.
        renew_from: When a new one is to be asked for.
        hopeless: An access token that was refused as soon as it was new.
    """

    access: Secret
    refresh: Secret
    ends: float | None = None
    renew_from: float | None = None
    hopeless: str = ""
