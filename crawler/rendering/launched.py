"""A browser that was started: its parts, its size and age, and making sure that it ends with its crawl."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crawler.errors import NotRendered, UsageError
from crawler.process_tree import descendants, kill_tree, leads_a_group, memory_bytes
from crawler.rendering import guardian
from crawler.rendering.guardian import started_at
from crawler.rendering.playwright_driver import STARTED_WITHIN_S
from crawler.rendering.session_context import SessionContext
from crawler.sessions.browser_program import VARIABLE, find_browser
from crawler.sessions.session import Session
from crawler.urls import printable

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

#: the browser connects to nothing: the crawl answers its requests, and those left unanswered go nowhere
_NO_NETWORK: Final = (
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-background-networking",
    "--no-pings",
)
#: A frame of another site would get a process of its own. When it returns to the host of its page, as after a single
#: sign-on, what it loads there escapes interception, and fails. The cost is small where no page has a network.
_ONE_PROCESS_A_PAGE: Final = ("--disable-site-isolation-trials",)
_USUAL: Final = ("--no-first-run", "--no-default-browser-check", "--disable-dev-shm-usage")
_GUARDIAN_WITHIN_S: Final = 10.0
_ANSWERS_WITHIN_S: Final = 5.0
_CLOSED_WITHIN_S: Final = 10.0
_MOST_CONTEXTS: Final = 32  #: idle ones above this number are closed, the oldest first


def require_browser() -> str:
    """Path or channel of the browser that renders pages.

    Raises:
        UsageError: Playwright or a browser is missing; says what to install.
    """
    try:
        import playwright.async_api  # noqa: F401
    except ImportError:
        raise UsageError(
            "rendering pages needs the extra `browser`: pip install 'crawl-sessions[browser]', and an installed"
            " Chromium, Chrome or Edge"
        ) from None
    kind, name = find_browser()
    if not kind:
        named = os.environ.get(VARIABLE, "")
        what = f"there is no browser {named!r}" if named else "no browser is installed"
        raise UsageError(
            f"rendering pages needs a browser, and {what}: install Chromium, Chrome or Edge (Debian and Ubuntu:"
            f" apt install chromium), or set {VARIABLE} to the path of one"
        )
    return f"{kind}:{name}"


class Launched:
    """One browser process with its contexts. Used by the browser's thread.

    Attributes:
        pages: Pages that are open.
        is_old: No more pages are opened in it.
        fault: Why it had to be ended; "" if it did not.
    """

    def __init__(self, browser: Browser, root: int) -> None:
        self._browser, self._root, self._root_began = browser, root, started_at(root)
        self._contexts: dict[int, SessionContext] = {}
        self.began_at = time.monotonic()
        self.pages, self.is_old, self.fault = 0, False, ""

    @classmethod
    async def started(cls, playwright: Playwright) -> Launched:
        """Start one.

        Raises:
            NotRendered: It does not start, or not soon enough.
        """
        from playwright.async_api import Error

        kind, _, name = require_browser().partition(":")
        before = set(descendants(os.getpid()))
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        try:
            async with asyncio.timeout(STARTED_WITHIN_S):
                browser = await playwright.chromium.launch(
                    executable_path=name if kind == "path" else None,
                    channel=name if kind == "channel" else None,
                    headless=True,
                    chromium_sandbox=not is_root,  # Chromium refuses to run with it as root
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                    args=[*_USUAL, *_ONE_PROCESS_A_PAGE, *_NO_NETWORK],
                )
        except Error as error:
            lines = [printable(line.strip()) for line in error.message.splitlines() if line.strip()]
            raise NotRendered("", f"{name} did not start: {' / '.join(lines[:3])[:400]}") from None
        except TimeoutError:
            raise NotRendered("", f"{name} did not start within {STARTED_WITHIN_S:.0f} s") from None
        fresh = [pid for pid in descendants(os.getpid()) if pid not in before]
        leaders = [pid for pid in fresh if leads_a_group(pid)]
        root = next(iter(leaders or fresh), 0)
        return cls(browser, root)

    @property
    def is_alive(self) -> bool:
        """Whether it still runs. Playwright does not say when its driver is gone: `check` finds that out."""
        return self._browser.is_connected()

    async def answers(self, within_s: float = _ANSWERS_WITHIN_S) -> bool:
        """Whether it still responds within that many seconds."""
        from playwright.async_api import Error

        try:
            async with asyncio.timeout(within_s):
                await (await self._browser.new_browser_cdp_session()).detach()
        except (Error, TimeoutError):
            return False
        return True

    async def is_gone(self) -> bool:
        """Whether its driver reports within a few seconds that it has ended."""
        for _ in range(50):
            if not self._browser.is_connected():
                return True
            await asyncio.sleep(_ANSWERS_WITHIN_S / 50)
        return False

    async def check(self) -> None:
        """After a page that failed: mark it as old if it does not answer any more."""
        if not await self.answers():
            self.is_old = True

    async def context(self, session: Session) -> SessionContext:
        """The context of *session* as it is now; the caller leaves it (`left`)."""
        place = self._contexts.get(id(session))
        if place is None or not place.fits(session):
            made = await SessionContext.opened(self._browser, session)
            old = self._contexts.pop(id(session), None)  # another page may have opened one meanwhile
            self._contexts[id(session)] = place = made
            if old is not None:
                old.is_old = True
                await self._close_if_idle(old)
        place.users += 1
        for number, each in list(self._contexts.items()):
            if len(self._contexts) > _MOST_CONTEXTS and not each.users:
                await self._contexts.pop(number).close()
        return place

    async def left(self, place: SessionContext) -> None:
        """A page of *place* is closed."""
        place.users -= 1
        self.is_old = self.is_old or place.is_stuck
        await self._close_if_idle(place)

    async def _close_if_idle(self, place: SessionContext) -> None:
        if place.is_old and not place.users:
            await place.close()

    def memory_bytes(self) -> int:
        """Of all its processes together; shared memory is not counted twice, where the system says how much it is."""
        return sum(map(memory_bytes, [self._root, *descendants(self._root)])) if self._root else 0

    def kill(self) -> None:
        """End it at once; pages that are open in it fail."""
        if self._root and started_at(self._root) == self._root_began:
            kill_tree(self._root)

    async def close(self) -> None:
        """End it; what does not end is killed."""
        from playwright.async_api import Error

        with contextlib.suppress(Error, TimeoutError):
            await asyncio.wait_for(self._browser.close(), _CLOSED_WITHIN_S)
        self.kill()


class Guardian:
    """The process that makes sure that no browser outlives this one."""

    def __init__(self) -> None:
        token = secrets.token_hex(16)
        self.mark = {guardian.VARIABLE: token}  #: environment variable of everything that belongs to it
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(guardian.__file__)), token],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Let it kill what is left, and end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GUARDIAN_WITHIN_S)
