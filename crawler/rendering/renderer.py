"""Renders pages: the front of this package, and the thread that owns the browser.

Playwright's objects belong to the event loop of one thread, which is started with the first rendered page. A caller
waits for its page on a thread of its own that may block. Several pages are open at once; their requests are sent on
further threads, through their sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from crawler.errors import NotRendered
from crawler.quick_dataclass import quick_dataclass
from crawler.rendering.launched import Guardian, Launched
from crawler.rendering.page_requests import PagePolicy, PageRequests
from crawler.rendering.page_rules import told
from crawler.rendering.page_tab import Shown, Tab, failed
from crawler.rendering.playwright_driver import BrowserLoop, PlaywrightDriver
from crawler.rendering.showing import RenderingStopped, Showing
from crawler.response import Response
from crawler.sessions.session import Session
from crawler.urls import redact

T = TypeVar("T")

_log = logging.getLogger("crawler.rendering")
_LOOK_EVERY_PAGES: Final = 20  #: how often the memory of the browser is looked at
_CLOSED_WITHIN_S: Final = 10.0
_WATCHED_EVERY_S: Final = 5.0  #: whether a browser still answers, while pages are open in it
_PATIENCE_S: Final = 20.0  #: for that; twice, since the crawl itself may have been stopped


@quick_dataclass
class BrowserCare:
    """How the browser is treated.

    Attributes:
        pages: Open at once.
        memory_bytes: Size at which it is restarted.
        age_s: Age at which it is restarted.
        patience_s: How long to wait for an element.
        deadline_s: For one page, from the moment when its turn comes.
    """

    pages: int
    memory_bytes: int
    age_s: float
    patience_s: float
    deadline_s: float


@quick_dataclass
class Rendered:
    """What became of a page.

    Attributes:
        response: As it is after its scripts.
        missing: What did not appear in time; "" for nothing.
        requests: Its requests.
    """

    response: Response
    missing: str
    requests: PageRequests


class Renderer:
    """Renders pages in one browser. Safe from any thread; started by the first page.

    Args:
        policy: What requests of pages must comply with.
        care: How the browser is treated.
    """

    def __init__(self, policy: PagePolicy, care: BrowserCare) -> None:
        self._policy, self._care = policy, care
        self._lock = threading.Lock()  # guards the two below
        self._thread: _BrowserThread | None = None
        self._is_closed = False

    def shows(self, url: str) -> bool:
        """Whether a page at *url* may be shown."""
        return self._policy.rules.allows_page(url)

    def render(self, session: Session, page: Showing) -> Rendered:
        """Render one page; waits for it.

        Raises:
            FetchError: It could not be rendered.
            RenderingStopped: The crawl ends.
        """
        with self._lock:
            if self._is_closed:
                raise RenderingStopped
            if self._thread is None:
                self._thread = _BrowserThread(self._policy, self._care)
            thread = self._thread
        try:
            shown, requests = thread.call(thread.show(session, page))
        except CancelledError:
            raise RenderingStopped from None
        return Rendered(_response_of(page.document, shown, requests), shown.missing, requests)

    def abort_all(self) -> None:
        """Give up all pages at once."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        if thread is not None:
            thread.abort()

    def close(self) -> None:
        """Give up all pages, and end the browser with all that belongs to it. Safe to call again."""
        self.abort_all()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()


class _BrowserThread:
    """The thread that owns the browser, and the threads that send its pages' requests."""

    def __init__(self, policy: PagePolicy, care: BrowserCare) -> None:
        self._policy, self._care = policy, care
        self._guardian = Guardian()
        self._executor = ThreadPoolExecutor(max(4 * care.pages, 8), thread_name_prefix="crawl-rendered")
        self._loop = BrowserLoop(self._guardian.mark)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._turns = asyncio.Semaphore(care.pages)
        self._start = asyncio.Lock()
        self._browser: Launched | None = None
        self._driver: PlaywrightDriver | None = None
        self._count = 0
        self._watching: set[asyncio.Task[None]] = set()  # one for each existing browser
        self._replaced = 0
        self._news: list[str] = []  # about browsers that had to be replaced: reported with the next page
        self._thread = threading.Thread(target=self._loop.run_forever, name="crawl-browser", daemon=True)
        self._thread.start()

    def call(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run *steps* on the thread and wait for the result. Raises CancelledError when it is closed."""
        kept = self._kept(steps)
        try:
            coming = asyncio.run_coroutine_threadsafe(kept, self._loop)
        except RuntimeError:
            kept.close()
            steps.close()
            raise CancelledError from None
        return coming.result()

    async def _kept(self, steps: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(steps)
        self._tasks.add(task)
        try:
            return await task
        finally:
            self._tasks.discard(task)

    def abort(self) -> None:
        """Give up what is under way."""
        with contextlib.suppress(RuntimeError):  # closed
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self._tasks)])

    def close(self) -> None:
        """End browser, threads and guardian."""
        try:
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
            with contextlib.suppress(Exception):
                ending.result(_CLOSED_WITHIN_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSED_WITHIN_S)
            if not self._thread.is_alive():
                self._loop.close()
        finally:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._guardian.close()

    async def _end(self) -> None:
        tasks = [*self._tasks, *self._watching]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._browser is not None:
            await self._browser.close()
        if self._driver is not None:
            await self._driver.stop()

    # --- on the thread ----------------------------------------------------------------------------------------------
    async def show(self, session: Session, page: Showing) -> tuple[Shown, PageRequests]:
        """One page."""
        document = page.document
        async with self._turns:
            browser = await self._current()
            browser.pages += 1
            ends = time.monotonic() + self._care.deadline_s
            requests = PageRequests(self._policy, session, page, ends)
            try:
                try:
                    place = await _or_not_rendered(browser.context(session), document)
                except NotRendered:
                    browser.is_old = True
                    raise
                try:
                    tab = Tab(place, requests, self._executor, page, self._care.patience_s)
                    shown = await tab.show()
                    if not shown.missing:
                        shown.warnings.extend(self._news)
                        self._news.clear()
                    return shown, requests
                except NotRendered:
                    await browser.check()
                    if browser.fault:
                        raise NotRendered(redact(document.url), browser.fault) from None
                    raise
                finally:
                    await browser.left(place)
            finally:
                browser.pages -= 1
                await self._look_at(browser)

    async def _current(self) -> Launched:
        """The browser for the next page."""
        async with self._start:
            browser = self._browser
            if browser is not None and browser.is_alive and not browser.is_old:
                return browser
            self._browser = await self._started()
            watching = asyncio.ensure_future(self._watch(self._browser))
            self._watching.add(watching)
            watching.add_done_callback(self._watching.discard)
            return self._browser

    async def _watch(self, browser: Launched) -> None:
        """End a browser that hangs, or whose driver does: its pages fail at once, and are tried again in another."""
        while browser.pages or not browser.is_old:
            await asyncio.sleep(_WATCHED_EVERY_S)
            if not browser.pages or await browser.answers(_PATIENCE_S) or await browser.answers(_PATIENCE_S):
                continue
            if browser.fault:
                return  # already noticed elsewhere
            self._replaced += 1
            browser.is_old, browser.fault = True, f"the browser has not answered for {2 * _PATIENCE_S:.0f} s"
            _log.warning("%s: another one is started (%d so far)", browser.fault, self._replaced)
            self._news.append(f"{browser.fault} and was replaced")
            browser.kill()
            if not await browser.is_gone():
                self._kill_driver()
            return

    def _kill_driver(self) -> None:
        """Kill the driver: it does not even report that a browser is gone."""
        if self._driver is not None:
            self._driver.kill()
            self._driver = None

    async def _started(self) -> Launched:
        """A new browser; from a new driver where the old one starts none, perhaps because it is gone.

        Raises:
            NotRendered: A newly started driver does not start one either.
        """
        while True:
            driver, is_fresh = self._driver, self._driver is None
            if driver is None:
                driver = self._driver = await PlaywrightDriver.started(self._loop)
            try:
                return await Launched.started(driver.playwright)
            except NotRendered:
                self._driver = None
                await driver.stop()
                if is_fresh:
                    raise

    async def _look_at(self, browser: Launched) -> None:
        """After a page: check whether the browser is too old or too large; an old one ends with its last page."""
        self._count += 1
        if not browser.is_old and time.monotonic() - browser.began_at > self._care.age_s:
            browser.is_old = True
        if not browser.is_old and self._count % _LOOK_EVERY_PAGES == 0:
            size = await self._loop.run_in_executor(None, browser.memory_bytes)
            if size > self._care.memory_bytes:
                _log.info("the browser uses %d MB of memory: it is restarted", size // 1_000_000)
                browser.is_old = True
        if browser.is_old and not browser.pages:
            await browser.close()


async def _or_not_rendered(steps: Coroutine[Any, Any, T], document: Response) -> T:
    from playwright.async_api import Error

    try:
        return await steps
    except Error as error:
        raise failed(document, error) from None


def _response_of(document: Response, shown: Shown, requests: PageRequests) -> Response:
    """The page as it is now, with the head of the document that it came from."""
    came = shown.document
    response = Response()
    for name, value in vars(came).items():
        if name not in ("_text", "_charset", "_selector", "_elements", "_base", "_encoding"):
            setattr(response, name, value)
    response.headers = came.headers.copy()
    for name in ("Content-Encoding", "Content-Length", "ETag", "Last-Modified", "Cache-Control", "Expires"):
        response.headers.pop(name, None)  # they describe something other than this content
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    response._content = shown.html.encode("utf-8", "replace")
    response.url, response.history = shown.url, list(document.history)
    response.asked, response.session_name = document.asked, document.session_name
    response.screenshot, response.requests = shown.picture, tuple(requests.data)
    response.warnings = [*came.warnings, *shown.warnings, *_refusals(requests.refused)]
    if requests.refused:
        _log.debug("requests of %s that were not sent: %s", redact(shown.url), dict(requests.refused))
    return response


def _refusals(refused: Counter[str]) -> list[str]:
    return [f"not sent for the page: {redact(why)} ({refused[why]})" for why in sorted(told(refused))]
