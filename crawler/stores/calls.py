"""Calls to the thread that owns the store: only that thread uses the connection, and the others ask it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from crawler.errors import CrawlError, StoreError
from crawler.stores.base import Store

T = TypeVar("T")

_PATIENCE_S = 300.0  #: longest wait for the scheduler: it may itself wait for a locked database


def process_name() -> str:
    """How this process is named to a person: number and machine."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def new_owner(role: str) -> str:
    """A name for what this process claims, unique to this incarnation.

    Two containers have the same process numbers, and numbers are reused: the random part makes it unique; the rest
    tells a person who reads the database where to look.
    """
    return f"{role}-{socket.gethostname()[:40]}-{os.getpid()}-{os.urandom(16).hex()}"


class Stopped(CrawlError):
    """The crawl is over: store calls are no longer answered."""


class StoreCalls:
    """Runs functions on the thread that owns the store. Safe from any thread.

    Args:
        post: Puts a call where the owner takes it: ``post(run)``.
        patiently: Retries a call for a while when the disk is full; on the owner's thread.
    """

    def __init__(
        self,
        store: Store,
        post: Callable[[Callable[[], None]], None],
        *,
        patiently: Callable[[Callable[[], Any]], Any] = lambda call: call(),
    ) -> None:
        self._store, self._post, self._patiently = store, post, patiently
        self._owner = threading.get_ident()
        self._closed = False

    def owned_here(self) -> None:
        """Make the calling thread the owner of the store."""
        self._owner = threading.get_ident()

    def close(self) -> None:
        """Refuse further calls from other threads."""
        self._closed = True

    def __call__(self, function: Callable[[Store], T]) -> T:
        """Run ``function(store)`` on the owner's thread and return what it returns (or raise what it raises)."""
        if threading.get_ident() == self._owner:
            return function(self._store)
        if self._closed:
            raise Stopped("the crawl is over")
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(self._patiently(lambda: function(self._store)))
            except BaseException as error:
                answer.set_exception(error)
                if isinstance(error, StoreError) or not isinstance(error, Exception):
                    raise  # a failing store ends the run, whichever thread called it; so does a signal

        self._post(run)
        return answer.result(_PATIENCE_S)
