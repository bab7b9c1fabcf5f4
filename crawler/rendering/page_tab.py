"""One page in the browser: its document is shown, its requests answered, its actions done. On the browser's thread.

The document was fetched before, like that of any page. The page's own requests are sent elsewhere (`page_requests`),
and it gets the answers here. A browser that followed a redirect by itself would send the next request past all rules;
so redirects are followed by the session, and the browser is told where they ended.
"""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import Executor
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from crawler.errors import FetchError, GuardRefused, NotRendered, TimedOut
from crawler.quick_dataclass import quick_dataclass
from crawler.rendering import quiet
from crawler.rendering.browser_tab import BrowserTab
from crawler.rendering.page_requests import NotSent, PageRequests, landed_at
from crawler.rendering.page_rules import PageRequest
from crawler.rendering.quiet import Quiet
from crawler.rendering.session_context import AFTER_PASSWORD_S, SessionContext
from crawler.rendering.showing import Showing
from crawler.response import Response
from crawler.sessions.secrets import hide
from crawler.urls import printable, redact

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, Route
    from playwright.async_api import Request as BrowserRequest

_LOOK_S: Final = 0.02
_HEADERS_LEFT_OUT: Final = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "set-cookie", "connection", "keep-alive", "alt-svc"}
)
_CLICKED: Final = """element => {
  const link = element.closest('a, button, input, [role=button]') || element;
  return [link.href || (link.form && link.form.action) || '', String(link.innerText || link.value || link.title || ''),
          link.rel || ''];
}"""
_EXTENT: Final = "() => [document.documentElement.scrollHeight, document.getElementsByTagName('*').length]"


@quick_dataclass
class Shown:
    """What a page has become.

    Attributes:
        html: The whole document's, after its scripts.
        url: Where it is now, without a fragment.
        document: The answer that its document came with.
        picture: A screenshot, where one is wanted.
        missing: What did not appear in time, after which nothing more was done; "" for nothing.
        warnings: What was odd.
    """

    html: str
    url: str
    document: Response
    picture: bytes | None = None
    missing: str = ""
    warnings: list[str] = field(default_factory=list)


class Tab:
    """Shows one page. Used once, by the browser's thread.

    Args:
        place: The context of its session.
        requests: Sends the page's requests.
        executor: Threads for that.
        page: What is shown.
        patience_s: How long to wait for an element.
    """

    def __init__(
        self,
        place: SessionContext,
        requests: PageRequests,
        executor: Executor,
        page: Showing,
        patience_s: float,
    ) -> None:
        self._place, self._requests, self._executor = place, requests, executor
        self._document, self._wanted, self._patience_s = page.document, page.wanted, patience_s
        self._until = page.until
        self._is_begun = False
        self._landed: dict[str, Response] = {}  # pages that redirects have led to, before the browser asks for them
        self._quiet = Quiet(time.monotonic())
        self._warnings: list[str] = []
        self._crash = asyncio.Event()
        self._page: Page

    async def show(self) -> Shown:
        """Show the page, and do its actions.

        Raises:
            NotRendered: The browser failed, or what was waited for has not come.
            GuardRefused: An action would click something that logs out or deletes.
            TimedOut: The deadline has passed.
        """
        from playwright.async_api import Error

        try:
            async with asyncio.timeout(max(self._requests.ends - time.monotonic(), 0.001)):
                return await self._shown()
        except TimeoutError:
            raise TimedOut(self._url, "the page was not rendered within its deadline") from None
        except Error as error:
            first = next((line for line in error.message.splitlines() if line.strip()), "no reason given")
            raise NotRendered(
                self._url, f"the browser failed: {printable(redact(hide(first.strip())))[:300]}"
            ) from None

    @property
    def _url(self) -> str:
        return redact(self._document.url)

    async def _shown(self) -> Shown:
        tab = await self._place.tab()
        is_good = False
        try:
            tab.user, self._page = self, tab.page
            showing, watching = asyncio.ensure_future(self._steps(tab)), asyncio.ensure_future(self._crash.wait())
            both: list[asyncio.Future[Any]] = [showing, watching]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if not showing.done():
                    raise NotRendered(self._url, "the page crashed in the browser")
                shown = showing.result()
                is_good = True
                return shown
            finally:
                for each in both:
                    each.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        finally:
            if is_good:
                await self._place.leave(tab)
            elif not await tab.close():
                self._place.is_stuck = True

    async def _steps(self, tab: BrowserTab) -> Shown:
        page = tab.page
        await self._place.push_cookies()
        page.set_default_timeout(self._patience_s * 1000)
        left_s = max(self._requests.ends - time.monotonic(), 0.001)
        await page.goto(landed_at(self._document), wait_until="commit", timeout=left_s * 1000)
        await self._settle()
        missing = await self._done(page)
        if self._until is not None and not missing:
            await self._place.awaited(page, tab.in_session, self._until, self._patience_s)
            await self._settle()  # what belongs to it is kept a moment later
        picture = await page.screenshot(full_page=True) if self._wanted.screenshot else None
        html = await page.content()
        if page.url.startswith("chrome-error:"):
            raise NotRendered(self._url, "the browser shows an error in place of the page")
        await self._place.pull_cookies()
        await self._place.pull_storage(page, tab.in_session)
        return Shown(html, page.url.partition("#")[0], self._document, picture, missing, self._warnings)

    # --- requests of the page ---------------------------------------------------------------------------------------
    def crashed(self) -> None:
        """The page is gone."""
        self._crash.set()

    def refused(self, what: str) -> None:
        """The page wanted something that no page gets."""
        self._requests.refuse(what)

    async def routed(self, route: Route) -> None:
        """The page requests something."""
        from playwright.async_api import Error

        request = route.request
        fresh = self._quiet.begins(request.method, request.url)
        try:
            await self._answer(route, self._asked(request))
        except Error:
            pass  # the page has gone elsewhere meanwhile
        finally:
            self._quiet.ends(fresh, time.monotonic())

    def _asked(self, request: BrowserRequest) -> PageRequest:
        is_page = request.is_navigation_request() and request.frame == self._page.main_frame
        return PageRequest(
            request.method,
            request.url,
            kind=request.resource_type,
            is_page=is_page,
            headers=tuple(request.headers.items()),
            body=request.post_data_buffer,
        )

    async def _answer(self, route: Route, asked: PageRequest) -> None:
        if asked.is_page and not self._is_begun:
            self._is_begun = True
            await _fulfil(route, self._document)
            return
        is_document = route.request.is_navigation_request()
        if is_document and (landed := self._landed.pop(asked.url.partition("#")[0], None)) is not None:
            self._document = landed if asked.is_page else self._document
            await _fulfil(route, landed)
            return
        cookies = dict(asked.headers).get("cookie", "")
        if cookies and self._place.has_news(asked.url, cookies):
            await self._place.pull_cookies()
        loop = asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(self._executor, self._requests.send, asked)
        except NotSent:
            await _refuse(route, asked)
            return
        except FetchError:
            await route.abort("failed")
            return
        await self._place.push_cookies()
        if not is_document:
            await _fulfil(route, response)
        elif response.history:
            await self._lead_to(route, response)
        elif asked.is_page and not response.is_html:
            self._requests.refuse("a page that is not HTML")
            await _refuse(route, asked)
        else:
            if asked.is_page:
                self._document = response
            await _fulfil(route, response)

    async def _lead_to(self, route: Route, response: Response) -> None:
        """Tell the browser where redirects have ended: it requests that, and is given what came."""
        self._landed[response.url] = response
        where = json.dumps(landed_at(response)).replace("<", "\\u003c")
        body = f"<!doctype html><script>location.replace({where})</script>"
        await route.fulfill(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=body)

    # --- waiting and doing ------------------------------------------------------------------------------------------
    async def _settle(self) -> None:
        """Wait until the page requests nothing more."""
        self._quiet.begin_anew(time.monotonic())
        while True:
            await asyncio.sleep(_LOOK_S)
            now = time.monotonic()
            quiet_s = self._quiet.for_s(now)
            if quiet_s >= quiet.QUIET_S and (quiet_s >= quiet.LOADED_WITHIN_S or await self._is_loaded()):
                after = time.monotonic()
                if self._quiet.for_s(after) >= quiet.enough_s(after - now):
                    return
            if self._quiet.only_polls(now):
                self._warn("the page keeps requesting the same things: it was taken as it was")
                return

    async def _is_loaded(self) -> bool:
        from playwright.async_api import Error

        try:
            return bool(await self._page.evaluate("() => document.readyState") == "complete")
        except Error:  # it is just going elsewhere
            return False

    async def _done(self, page: Page) -> str:
        """Do the actions; returns what did not appear in time, and "" when all is done."""
        try:
            if self._wanted.wait_for:
                await self._wait_for(self._wanted.wait_for)
            for action in self._wanted.actions:
                await self._do(page, *action)
                await self._settle()
        except _Missing as missing:
            return str(missing)
        return ""

    async def _wait_for(self, css: str) -> None:
        """Wait for an element, for a short time only where the page asks for a password."""
        from playwright.async_api import TimeoutError as Late

        short_s = min(AFTER_PASSWORD_S, self._patience_s)
        try:
            await self._page.locator(f"css={css}, input[type=password]").first.wait_for(state="attached")
            await self._page.locator(f"css={css}").first.wait_for(state="attached", timeout=short_s * 1000)
        except Late:
            raise _Missing(css) from None
        await self._settle()

    async def _do(self, page: Page, name: str, *given: Any) -> None:
        if name == "scroll":
            for _ in range(given[0]):
                await page.evaluate("() => window.scrollBy(0, window.innerHeight)")
                await self._settle()
        elif name == "scroll_to_end":
            await self._scroll_to_end(page, given[0])
        elif name == "wait":
            await asyncio.sleep(given[0])
        elif name == "wait_for":
            await self._wait_for(given[0])
        else:
            await self._touch(page.locator(f"css={given[0]}").first, name, *given)

    async def _touch(self, element: Locator, name: str, css: str, *given: str) -> None:
        from playwright.async_api import TimeoutError as Late

        try:
            if name == "fill":
                await element.fill(given[0])
            elif name == "press":
                await element.press(given[0])
            else:
                url, text, rel = await element.evaluate(_CLICKED)
                reason = self._requests.guarded(url or self._document.url, text.strip()[:200], rel)
                if reason:
                    raise GuardRefused(self._url, f"guard: a click on {css}: {reason}")
                await element.click()
        except Late:
            raise _Missing(css) from None

    async def _scroll_to_end(self, page: Page, most: int) -> None:
        before: Any = None
        for _ in range(most):
            extent = await page.evaluate(_EXTENT)
            if extent == before:
                return
            before = extent
            await page.evaluate("() => window.scrollTo(0, document.documentElement.scrollHeight)")
            await self._settle()
        if await page.evaluate(_EXTENT) != before:
            self._warn(f"scroll_to_end: there may be more after {most} times")

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)


def failed(document: Response, error: Any) -> NotRendered:
    """What an error of Playwright means for a page."""
    first = next((line.strip() for line in error.message.splitlines() if line.strip()), "no reason given")
    return NotRendered(redact(document.url), f"the browser failed: {printable(redact(hide(first)))[:300]}")


class _Missing(Exception):
    """What was waited for did not appear."""


async def _fulfil(route: Route, response: Response) -> None:
    headers = {name: value for name, value in response.headers.items() if name.lower() not in _HEADERS_LEFT_OUT}
    await route.fulfill(status=response.status_code, headers=headers, body=response.body)


async def _refuse(route: Route, asked: PageRequest) -> None:
    if asked.is_page:
        await route.abort("aborted")  # the page stays as it is; for any other error one would be shown in its place
    else:
        await route.abort("blockedbyclient")
