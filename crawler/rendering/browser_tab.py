"""A tab of the browser, which shows one page after the other: a new one for each page costs a process each time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from crawler.urls import host_of

if TYPE_CHECKING:
    from playwright.async_api import Page, Request, Route, WebSocketRoute

_EMPTIED_WITHIN_MS: Final = 3_000
_CLOSED_WITHIN_S: Final = 5.0
#: what such a worker asks for never comes to us, and would fail unseen; Chrome on Android has none either
_NO_SHARED_WORKERS: Final = "delete globalThis.SharedWorker"
#: how a request ends that the browser has tried to send by itself
_BY_ITSELF: Final = "ERR_PROXY_CONNECTION_FAILED"
_MOST_PAGES: Final = 100  #: in one tab; what a site leaves behind in one is not kept for ever


class TabUser(Protocol):
    """Whoever shows a page in a tab is told what the page does."""

    async def routed(self, route: Route) -> None:
        """It asks for something."""

    def refused(self, what: str) -> None:
        """It wanted something that no page gets."""

    def crashed(self) -> None:
        """It is gone."""


class BrowserTab:
    """One tab. Used by the browser's thread.

    Attributes:
        page: Playwright's.
        in_session: Its sessionStorage as far as the session knows it, by origin.
        user: Who shows a page in it now; without one, nothing that it asks for is answered.
    """

    def __init__(self, page: Page, in_session: dict[str, dict[str, str]]) -> None:
        self.page, self.in_session = page, in_session
        self.user: TabUser | None = None
        self._count = 0

    @classmethod
    async def opened(cls, page: Page, script: str, in_session: dict[str, dict[str, str]]) -> BrowserTab:
        """A tab whose requests come to its user.

        Args:
            script: Runs in each of its pages before their own; "" for none.
        """
        tab = cls(page, in_session)
        await page.route("**/*", tab._routed)
        await page.route_web_socket("**/*", tab._socket)
        page.on("popup", tab._popped_up)
        page.on("crash", tab._crashed)
        page.on("requestfailed", tab._failed)
        await page.add_init_script(f"{_NO_SHARED_WORKERS};{script}")
        return tab

    async def emptied(self) -> bool:
        """End what its page still does. False where it is to be closed."""
        from playwright.async_api import Error

        self.user = None
        self._count += 1
        if self._count >= _MOST_PAGES:
            return False
        try:
            await self.page.goto("about:blank", timeout=_EMPTIED_WITHIN_MS)
        except Error:
            return False
        return True

    async def close(self) -> bool:
        """Close it. False where it does not: its page computes for ever, and only the end of the browser ends it."""
        from playwright.async_api import Error

        self.user = None
        try:
            await asyncio.wait_for(self.page.close(), _CLOSED_WITHIN_S)
        except TimeoutError:
            return False
        except Error:
            pass  # its browser is gone
        return True

    async def _routed(self, route: Route) -> None:
        if self.user is not None:
            await self.user.routed(route)
        else:
            await route.abort("blockedbyclient")

    async def _socket(self, socket: WebSocketRoute) -> None:
        """Nothing here can carry it."""
        self._refused("websocket")
        await socket.close()

    async def _popped_up(self, popup: Page) -> None:
        """Nobody looks at the window."""
        from playwright.async_api import Error

        self._refused("a new window")
        with contextlib.suppress(Error):
            await popup.close()

    def _failed(self, request: Request) -> None:
        """Without a network it got nothing, and nobody was asked."""
        if _BY_ITSELF in (request.failure or ""):
            self._refused(f"not handed over by the browser: {host_of(request.url)}")

    def _refused(self, what: str) -> None:
        if self.user is not None:
            self.user.refused(what)

    async def _crashed(self, page: Page) -> None:
        if self.user is not None:
            self.user.crashed()
