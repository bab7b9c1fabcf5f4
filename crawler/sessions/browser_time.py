"""How long a login in a browser takes, part by part, and the end of one that takes too long.

Most parts have a limit of their own. What has none (the start of Playwright's driver, the steps of a spider together, a
browser that hangs) ends here: its processes are killed from another thread, and whoever waits for them gets an error.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from crawler.process_tree import command_of, descendants, kill_tree, leads_a_group

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

_LOOK_S: Final = 1.0
_LATE_S: Final = 1.0  # what ends by itself at its limit may need this long to say so
_GRACE_S: Final = 2.0  # for the driver, to tell that its browser is gone
_DRIVER: Final = "run-driver"
_starting = threading.Lock()  # held while a driver starts, at most for the time of its login: this tells whose it is


class LoginTime:
    """The time of one login. Used by its thread; `told` by any.

    Args:
        most_s: Seconds, above 0, for all of it.
        clock: Seconds that only grow.

    Attributes:
        ends: When it is over, by *clock*.
        is_cut: It was over, and the browser was ended.
    """

    def __init__(self, most_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_s, self._clock = most_s, clock
        self.ends = clock() + most_s
        self._begun: list[tuple[str, float]] = []
        self.is_cut = False

    def begins(self, part: str) -> None:
        """The next part begins, named as in "..., *part* 3.0 s"."""
        self._begun.append((part, self._clock()))

    def left_s(self) -> float:
        """Seconds, above 0, since Playwright takes 0 for no limit."""
        return max(self.ends - self._clock(), 0.001)

    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.is_cut or self._clock() >= self.ends

    def since_s(self, part: str) -> float:
        """Seconds since *part* began."""
        return next(self._clock() - at for name, at in self._begun if name == part)

    def told(self) -> str:
        """That it took too long, and which part of it took how long."""
        ends = [*(at for _, at in self._begun[1:]), self._clock()]
        parts = [f"{name} {end - at:.1f} s" for (name, at), end in zip(self._begun, ends, strict=True)]
        return f"the browser login was not finished after {self._most_s:g} s: {', '.join(parts)} so far"


@contextmanager
def held_driver(login: LoginTime) -> Iterator[Playwright]:
    """Playwright's driver, for as long as the block and no longer than *login* may take."""
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        with _starting:
            watch = stack.enter_context(_Watch(login))
            playwright = stack.enter_context(sync_playwright())
            watch.has_started()
        yield playwright


class _Watch:
    """Kills the browser of a login that takes too long, and its driver where that does not help."""

    def __init__(self, login: LoginTime) -> None:
        self._login, self._before, self._own = login, _drivers(), set[int]()
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="crawl-browser-login", daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_done.set()
        self._thread.join()

    def has_started(self) -> None:
        """The driver of this login is there: later ones belong to others."""
        self._own = _drivers() - self._before

    def _wait(self) -> None:
        while not self._login.is_over():
            if self._is_done.wait(min(self._login.left_s(), _LOOK_S)):
                return
        if self._is_done.wait(_LATE_S):
            return
        self._login.is_cut = True
        drivers = self._own or _drivers() - self._before
        for driver in drivers:
            for each in descendants(driver):
                kill_tree(each)
        if not self._is_done.wait(_GRACE_S):
            for driver in drivers:
                kill_tree(driver)


def _drivers() -> set[int]:
    """Drivers of logins that this process has started; none where the system does not tell.

    That of rendered pages leads a group of its own.
    """
    return {pid for pid in descendants(os.getpid()) if _DRIVER in command_of(pid) and not leads_a_group(pid)}
