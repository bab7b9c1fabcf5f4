"""A browser tab, which shows one page after another: a new tab for each page would cost a process each time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from crawler.urls import host_of

if TYPE_CHECKING:
    from playwright.async_api import Page, Request, Route, WebSocketRoute

_EMPTIED_WITHIN_MS: Final = 3_000
_CLOSED_WITHIN_S: Final = 5.0
#: requests of shared workers never reach us, and would fail unseen; Chrome on Android has no shared workers either
_NO_SHARED_WORKERS: Final = "delete globalThis.SharedWorker"
#: how a request ends if the browser has tried to send it by itself
_BY_ITSELF: Final = "ERR_PROXY_CONNECTION_FAILED"
_MOST_PAGES: Final = 100  #: in one tab; so that what a site leaves behind in it is not kept for ever


class TabUser(Protocol):
    """The user of a tab is told what the page in it does."""

    async def routed(self, route: Route) -> None:
        """It requests something."""

    def refused(self, what: str) -> None:
        """It wanted something that no page gets."""

    def crashed(self) -> None:
        """It has crashed."""


class BrowserTab:
    """One tab. Used by the browser's thread.

    Attributes:
        page: Playwright's.
        in_session: Its sessionStorage as far as the session knows it, by origin.
        user: What shows a page in it now; without one, none of its requests is answered.
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
        """End whatever its page is still doing. False where it is to be closed."""
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
        """Close it. False where that fails: its page computes for ever, and only the browser's end will end it."""
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
        """Close the window: it is of no use."""
        from playwright.async_api import Error

        self._refused("a new window")
        with contextlib.suppress(Error):
            await popup.close()

    def _failed(self, request: Request) -> None:
        """The request got nothing, as there is no network, and it never came to us."""
        if _BY_ITSELF in (request.failure or ""):
            self._refused(f"not handed over by the browser: {host_of(request.url)}")

    def _refused(self, what: str) -> None:
        if self.user is not None:
            self.user.refused(what)

    async def _crashed(self, page: Page) -> None:
        if self.user is not None:
            self.user.crashed()
