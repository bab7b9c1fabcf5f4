"""Asking the system for the addresses of a host, for no longer than a request may take."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from crawler.errors import ConnectFailed, TimedOut, UnknownHost
from crawler.fetching.limits import SLICE_S


def look_up(url: str, name: str, port: int, ends: float, stopped: Callable[[], bool]) -> list[Any]:
    """What getaddrinfo says of *name*. It cannot be stopped: a thread asks, and is not waited for beyond *ends*.

    Args:
        url: For the errors.
        ends: Of ``time.monotonic()``.
        stopped: Asked now and then; True ends the waiting.
    Raises:
        TimedOut: No answer came in time.
        UnknownHost: It is not a host name.
        ConnectFailed: Stopped.
        OSError: What getaddrinfo raised.
    """
    if ":" in name or name[-1:].isdigit():
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    while True:
        left_s = ends - time.monotonic()
        try:
            answer = answers.get(timeout=max(0.0, min(left_s, SLICE_S)))
        except queue.Empty:
            if stopped():
                raise ConnectFailed(url, "stopped from outside") from None
            if left_s <= 0:
                raise TimedOut(url, f"the name {name} did not resolve in time") from None
            continue
        if isinstance(answer, UnicodeError):
            raise UnknownHost(url, f"{name} is not a host name") from answer
        if isinstance(answer, OSError):
            raise answer
        return list(answer)
