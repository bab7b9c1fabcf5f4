"""Playwright's driver: the process that starts browsers and talks to them. It may die, or hang."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from crawler.errors import NotRendered
from crawler.process_tree import kill_tree

if TYPE_CHECKING:
    from playwright.async_api import Playwright

STARTED_WITHIN_S: Final = 60.0  #: a driver, and a browser
_STOPPED_WITHIN_S: Final = 10.0


class BrowserLoop(asyncio.SelectorEventLoop):
    """The event loop of the browser's thread: processes started on it have their own session and the guardian's mark.

    Otherwise Playwright starts its driver in our process group, where a signal for the crawl would end it.

    Attributes:
        last: The process that was started last.
    """

    def __init__(self, mark: Mapping[str, str]) -> None:
        super().__init__()
        self._mark = mark
        self.last: asyncio.SubprocessTransport | None = None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Ignore failed calls that nothing was waiting for when the driver went away."""
        if "driver" not in str(context.get("exception")):
            super().call_exception_handler(context)

    async def subprocess_exec(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
        environ = {**(kwargs.pop("env", None) or os.environ), **self._mark}
        made = await super().subprocess_exec(protocol_factory, *args, env=environ, start_new_session=True, **kwargs)
        self.last = made[0]
        return made


class PlaywrightDriver:
    """One driver. Used by the browser's thread.

    Attributes:
        playwright: What browsers are started with.
    """

    def __init__(self, playwright: Playwright, process: asyncio.SubprocessTransport | None) -> None:
        self.playwright, self._process = playwright, process

    @classmethod
    async def started(cls, loop: BrowserLoop) -> PlaywrightDriver:
        """Start one.

        Raises:
            NotRendered: It does not start.
        """
        from playwright.async_api import async_playwright

        try:
            async with asyncio.timeout(STARTED_WITHIN_S):
                return cls(await async_playwright().start(), loop.last)
        except TimeoutError:
            raise NotRendered("", f"Playwright's driver did not start within {STARTED_WITHIN_S:.0f} s") from None

    def kill(self) -> None:
        """End it at once, with all that it has started: anything waiting for its answer gets an error."""
        if self._process is not None and self._process.get_returncode() is None:
            kill_tree(self._process.get_pid())

    async def stop(self) -> None:
        """End it; it is killed where it does not end."""
        with contextlib.suppress(Exception):  # it may be gone already
            await asyncio.wait_for(self.playwright.stop(), _STOPPED_WITHIN_S)
        self.kill()
