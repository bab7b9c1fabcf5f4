"""What a transport offers whose requests are begun here and finished there, so that one thread can carry them all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import BaseAdapter

from crawler.fetching.io_thread import IOThread

NOT_SENT = -1  #: status of a request whose moment had passed before it could be sent

Finish = Callable[[], requests.Response]
Done = Callable[[int, Finish], None]
"""``done(status, finish)``: the answer is in; *status* is 0 where there is none, or `NOT_SENT`. *finish* gives the
response, or raises why there is none; it decodes the body and is called once, on any thread."""


class CarriedAdapter(BaseAdapter):
    """An adapter that needs no thread a request. Others, which a user mounted, are called on threads of their own."""

    @abstractmethod
    def begin(
        self,
        io: IOThread,
        request: requests.PreparedRequest,
        done: Done,
        *,
        latest: float | None = None,
        **options: Any,
    ) -> None:
        """Send one request through the I/O thread; *done* is told there when the answer is in.

        Args:
            latest: Seconds since 1970: later than that it is not sent.
            options: Those of `send`. A ``sink`` of the request is written to on the I/O thread.
        Raises:
            FetchError: It may not be sent.
        """
