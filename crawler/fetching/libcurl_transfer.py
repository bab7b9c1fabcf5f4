"""One request on its way through the I/O thread: a libcurl handle, what it waits for, and who wants the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import BinaryIO, Protocol

import pycurl
import requests

from crawler.clock import unix_now
from crawler.errors import TimedOut
from crawler.fetching.carried import NOT_SENT, Done, Finish
from crawler.fetching.error_map import no_descriptor_left
from crawler.fetching.heads import Head
from crawler.fetching.io_thread import Watch
from crawler.fetching.libcurl_handle import Handle
from crawler.fetching.libcurl_options import Route
from crawler.fetching.limits import ExchangeClock, Limits
from crawler.fetching.outgoing import Outgoing
from crawler.fetching.response_maker import Body
from crawler.quick_dataclass import quick_dataclass

_NAP_S = 0.02  # before another try where no descriptor was left


@quick_dataclass
class TransferRequest:
    """What is to be sent, and within which limits."""

    asked: Outgoing
    route: Route
    limits: Limits
    timeouts_s: tuple[float | None, float | None]
    started: float
    latest: float | None = None  # seconds since 1970; after that it is not sent
    sink: BinaryIO | None = None  # takes the body of a 2xx answer


class Handles(Protocol):
    """Where handles come from and go to; the adapter."""

    def take(self, wanted: TransferRequest) -> Handle:
        """A handle for an exchange. Raises OSError where no descriptor is left."""

    def put_back(self, handle: Handle) -> None:
        """After a good exchange."""

    def discard(self, handle: Handle) -> None:
        """After any other."""

    def make_room(self) -> bool:
        """No descriptor is left: close what is idle. False when nothing was."""


class CurlTransfer:
    """One exchange, from beginning to end (`crawler.fetching.io_thread.Transfer`).

    Args:
        respond: Makes the response of a head, a body, and the connected address.
        done: Called once, on the I/O thread.
    """

    def __init__(
        self,
        handles: Handles,
        wanted: TransferRequest,
        respond: Callable[[Head, Body, str], requests.Response],
        done: Done,
    ) -> None:
        self._handles, self._wanted, self._respond, self._done = handles, wanted, respond, done
        self._handle: Handle | None = None
        self._curl_at: float | None = None  # when libcurl wants to act by itself
        self._look_at = 0.0  # when the limits are looked at
        self._again_at: float | None = None  # when another try is made, after there was no descriptor
        self._over = False
        self._watch: Watch = lambda descriptor, mask: None

    # --- told by libcurl ------------------------------------------------------------------------------------------
    def socket(self, descriptor: int, mask: int) -> None:
        self._watch(descriptor, mask)

    def timer(self, seconds: float | None) -> None:
        self._curl_at = None if seconds is None else time.monotonic() + seconds

    # --- told by the I/O thread -----------------------------------------------------------------------------------
    def begin(self, watch: Watch) -> None:
        """Send the request."""
        self._watch, wanted = watch, self._wanted
        self._again_at = None
        if wanted.latest is not None and unix_now() > wanted.latest:
            self._too_late()
            return
        try:
            handle = self._handle = self._handles.take(wanted)
            handle.latest = wanted.latest
            handle.start(wanted.asked, wanted.limits, wanted.sink, wanted.timeouts_s, wanted.started, watcher=self)
            self._curl_at = None
            self._look_at = time.monotonic() + handle.check(time.monotonic())
            self._act(pycurl.SOCKET_TIMEOUT, 0)
        except OSError as error:
            self._no_descriptor(error)

    def ready(self, descriptor: int, mask: int) -> None:
        self._act(descriptor, mask)

    def due(self, now: float) -> None:
        if self._again_at is not None:
            self.begin(self._watch)
            return
        handle = self._handle
        assert handle is not None
        if self._look_at <= now:
            self._look_at = now + handle.check(now)
        if self._curl_at is not None and self._curl_at <= now:
            self._curl_at = None
            self._act(pycurl.SOCKET_TIMEOUT, 0)

    def next_due(self) -> float | None:
        if self._over:
            return None
        if self._again_at is not None:
            return self._again_at
        return self._look_at if self._curl_at is None else min(self._curl_at, self._look_at)

    def fail(self, error: BaseException) -> None:
        """It ends with *error*: where no descriptor was left, it begins again soon."""
        if self._over:
            return
        if isinstance(error, OSError):
            try:
                self._no_descriptor(error)
            except BaseException as deeper:  # noqa: BLE001 - that is why there is no answer, then
                error = deeper
            else:
                return
        self._drop_handle()
        self._end(0, _raising(error))

    # --- the steps ------------------------------------------------------------------------------------------------
    def _act(self, descriptor: int, mask: int) -> None:
        handle = self._handle
        assert handle is not None
        if handle.act(descriptor, mask):
            return
        if handle.was_late:
            self._drop_handle()
            self._too_late()
            return
        head, body = handle.result()
        self._handle = None
        handle.leave()
        address = handle.connection.address
        self._handles.put_back(handle)
        self._end(head.status, lambda: self._respond(head, body, address))

    def _too_late(self) -> None:
        self._end(NOT_SENT, _raising(TimedOut(self._wanted.asked.url, "its moment had passed before it could be sent")))

    def _no_descriptor(self, error: OSError) -> None:
        self._drop_handle()
        if not no_descriptor_left(error):
            raise error
        now = time.monotonic()
        ExchangeClock(self._wanted.asked.url, self._wanted.limits, None, self._wanted.started).left_s(now)
        self._again_at = now if self._handles.make_room() else now + _NAP_S

    def _drop_handle(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.leave()
            self._handles.discard(handle)

    def _end(self, status: int, finish: Finish) -> None:
        self._over = True
        self._done(status, finish)


def _raising(error: BaseException) -> Finish:
    def finish() -> requests.Response:
        raise error

    return finish
