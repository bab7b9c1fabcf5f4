"""The idle handles of the libcurl transport: the one used last is taken first, the one idle for longest makes room."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from crawler.fetching.libcurl_handle import Handle
from crawler.fetching.libcurl_options import Route


class HandlePool:
    """Idle handles by route. Safe from any thread; no I/O happens inside."""

    def __init__(self, most: int) -> None:
        """Make an empty pool.

        Args:
            most: Handles that may be idle, of all routes together.
        """
        self._most = most
        self._lock = threading.Lock()  # guards the three below
        self._closed = False
        self._by_route: dict[Route, list[Handle]] = {}  # the one used last at the end
        self._order: dict[Handle, None] = {}  # all of them, the one idle for longest in front

    @property
    def closed(self) -> bool:
        return self._closed

    def take(self, route: Route) -> Handle | None:
        """A handle that was used for *route*; from a full pool also one of another route with equal trust.

        The latter keeps what is costly to make (the certificates it has read), though not its connection.
        """
        with self._lock:
            waiting = self._by_route.get(route)
            if waiting:
                handle = waiting[-1]
            elif len(self._order) >= self._most > 0:
                handle = next(iter(self._order))
                if not handle.route.trusts_like(route):
                    return None
            else:
                return None
            self._remove(handle)
        return handle

    def give(self, handle: Handle) -> Handle | None:
        """Put *handle* in; returns one that the caller must close, or None."""
        with self._lock:
            if self._closed or self._most == 0:
                return handle
            self._by_route.setdefault(handle.route, []).append(handle)
            self._order[handle] = None
            if len(self._order) <= self._most:
                return None
            oldest = next(iter(self._order))
            self._remove(oldest)
            return oldest

    def take_oldest(self) -> Handle | None:
        """The handle that was idle for longest, for the caller to close; None when none is idle."""
        with self._lock:
            oldest = next(iter(self._order), None)
            if oldest is not None:
                self._remove(oldest)
        return oldest

    def empty(self, *, close: bool = False) -> list[Handle]:
        """Take all handles out, for the caller to close; with *close* nothing comes in any more."""
        with self._lock:
            self._closed = self._closed or close
            handles = list(self._order)
            self._by_route.clear()
            self._order.clear()
        return handles

    def after_fork(self) -> list[Handle]:
        """In a forked child: a new lock, since another thread may have held the old one; all handles come out."""
        self._lock = threading.Lock()
        return self.empty()

    def _remove(self, handle: Handle) -> None:
        del self._order[handle]
        waiting = self._by_route[handle.route]
        waiting.remove(handle)
        if not waiting:
            del self._by_route[handle.route]


def close_all(handles: Sequence[Handle], patience_s: float) -> None:
    """Close *handles*; where a resolver holds that up for longer than *patience_s*, it goes on in the background."""

    def close() -> None:
        for handle in handles:
            handle.close()

    if not any(handle.may_wait for handle in handles):
        close()
        return
    closing = threading.Thread(target=close, name="curl-close", daemon=True)
    closing.start()
    closing.join(patience_s)
