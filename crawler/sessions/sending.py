"""How a session's requests are sent: the time each may take, whose turn it is, how many there may be and which way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Protocol

import requests

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.flow import Serial
from crawler.sessions.proxy_pool import ProxyPool
from crawler.sessions.quota import Allowance


class ExchangeRecorder(Protocol):
    """Told of each exchange. Called on any thread; raises nothing."""

    def answered(self, answer: requests.Response, session: str) -> None:
        """An answer came to a request of *session*; its body is read."""

    def failed(self, request: requests.PreparedRequest, error: BaseException, took_s: float, session: str) -> None:
        """No answer came, after so many seconds."""


@quick_dataclass(frozen=False)
class Sending:
    """What holds for all requests of one session. Read from any thread, set before the first request.

    Attributes:
        limits: Of one exchange: a dataclass with a field ``deadline_s``.
        timeout_s: Seconds to connect and between two reads, where a call names none.
        deadline_s: Seconds for a request with all its redirects.
        pace: Waits for the turn of a request that has none yet.
        proxy_pool: Where it has several proxies.
        allowance: What its account may still send; None where nothing is counted.
        recorder: Told of each exchange; None for none.
        one_at_a_time: For a serial session.
    """

    limits: Any
    timeout_s: float = 30.0
    deadline_s: float = 120.0
    pace: Callable[[str], None] | None = None
    proxy_pool: ProxyPool | None = None
    allowance: Allowance | None = None
    recorder: ExchangeRecorder | None = None
    one_at_a_time: Serial = field(default_factory=Serial)
