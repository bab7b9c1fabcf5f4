"""What a transport offers whose requests are begun in one place and finished in another: one thread carries all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import BaseAdapter

from crawler.fetching.io_thread import IOThread

NOT_SENT = -1  #: status of a request whose latest moment passed before it could be sent

Finish = Callable[[], requests.Response]
Done = Callable[[int, Finish], None]
"""``done(status, finish)``: the answer is in; *status* is 0 where there is none, or `NOT_SENT`. *finish* returns the
response, or raises the reason why there is none; it decodes the body and is called once, on any thread."""


class CarriedAdapter(BaseAdapter):
    """An adapter that needs no thread per request. Others, mounted by a user, are called on threads of their own."""

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
        """Send one request through the I/O thread; *done* is called there when the answer is in.

        Args:
            latest: Seconds since 1970; after that it is not sent.
            options: Those of `send`. A ``sink`` of the request is written to on the I/O thread.
        Raises:
            FetchError: It may not be sent.
        """
