"""Tells of callbacks that run for too long while they still run: one that never ends would never be heard of otherwise.

Nothing is done to them: a thread cannot be stopped from outside. The person who reads the warning can stop the run,
which does not wait for them beyond `grace`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_OFTEN_S = 0.25
_SELDOM_S = 5.0


class CallbackWatch:
    """Watches the callbacks of a process.

    Args:
        limit_s: Seconds, above 0, after which a callback is told of, once.
        tell: Called with its URL and the seconds so far, on the thread of this object; it must not wait.
    """

    def __init__(self, limit_s: float, tell: Callable[[str, float], None]) -> None:
        self._limit_s, self._tell = limit_s, tell
        self._lock = threading.Lock()  # guards _running
        self._running: dict[int, tuple[float, str]] = {}  # thread: when its callback began, and for which URL
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="crawl-callbacks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop watching; may be called twice, and without `start`."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    @contextmanager
    def watched(self, url: str) -> Iterator[None]:
        """Around a callback, on its thread."""
        thread = threading.get_ident()
        with self._lock:
            self._running[thread] = (time.monotonic(), url)
        try:
            yield
        finally:
            with self._lock:
                self._running.pop(thread, None)  # gone when it was told of

    def _watch(self) -> None:
        while not self._over.wait(min(max(self._limit_s / 4, _OFTEN_S), _SELDOM_S)):
            now = time.monotonic()
            with self._lock:
                late = {key: each for key, each in self._running.items() if now - each[0] > self._limit_s}
                for thread in late:
                    del self._running[thread]
            for began, url in late.values():
                self._tell(url, now - began)
