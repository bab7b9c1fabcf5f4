"""One browser context: a session in one login, with its cookies and storage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from crawler.rendering import cookie_sync, storage_sync
from crawler.rendering.browser_tab import BrowserTab
from crawler.sessions.session import Session
from crawler.sessions.storage import of_storage_state

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Frame, Page

_CLOSED_WITHIN_S: Final = 10.0
_LOOK_S: Final = 0.1
AFTER_PASSWORD_S: Final = 3.0  #: how long what is waited for may take once a password is asked for
_log = logging.getLogger("crawler.rendering")


class SessionContext:
    """The context of a session. Used by the browser's thread, on which nothing else runs between two awaits.

    Attributes:
        context: Playwright's.
        users: Pages that are open in it.
        is_old: No more pages are opened in it.
        is_stuck: One of its pages cannot be closed.
    """

    def __init__(self, context: BrowserContext, session: Session, kept: Mapping[str, Any], version: int) -> None:
        self.context, self._session = context, session
        self._epoch, self._jar = session.epoch, session.cookies
        self._known: dict[cookie_sync.Key, dict[str, Any]] = {}  # cookies of the browser, as far as we know
        self._jar_version = -1
        self._local = {origin: dict(value.get("local", {})) for origin, value in kept.items()}
        self._databases = {origin: value.get("databases") or [] for origin, value in kept.items()}
        self._storage_version = version
        self._turn = asyncio.Lock()  # one exchange of cookies at a time
        self.users, self.is_old, self.is_stuck = 0, False, False
        self._idle: list[BrowserTab] = []

    @classmethod
    async def opened(cls, browser: Browser, session: Session) -> SessionContext:
        """A new one, with the storage of *session*."""
        version, kept = session.storage.version, session.storage.dump()
        state: Any = storage_sync.state_for(kept)
        agent = session.headers.get("User-Agent")
        languages = str(session.headers.get("Accept-Language") or "en").partition(",")[0].partition(";")[0]
        context = await browser.new_context(
            user_agent=agent.decode("latin-1") if isinstance(agent, bytes) else agent,
            locale=languages or None,
            storage_state=state if state["origins"] else None,
            service_workers="block",
            accept_downloads=False,
            ignore_https_errors=True,  # it connects to nothing
        )
        return cls(context, session, kept, version)

    def fits(self, session: Session) -> bool:
        """Whether a page of *session* may be opened in it: no login or change of storage has happened since."""
        return (
            not self.is_old
            and session.epoch == self._epoch
            and session.cookies is self._jar
            and session.storage.version == self._storage_version
        )

    # --- tabs -------------------------------------------------------------------------------------------------------
    async def tab(self) -> BrowserTab:
        """A tab that is not in use; give it back (`leave`), or close it."""
        if self._idle:
            return self._idle.pop()
        script, in_session = self._session_script()
        return await BrowserTab.opened(await self.context.new_page(), script, in_session)

    async def leave(self, tab: BrowserTab) -> None:
        """Its page is done: its scripts end, and the next page may have it."""
        if self.is_old or not await tab.emptied():
            await tab.close()
        else:
            self._idle.append(tab)

    # --- cookies ----------------------------------------------------------------------------------------------------
    async def push_cookies(self) -> None:
        """Show the browser what has changed in the jar."""
        async with self._turn:
            version = self._jar.version
            if version == self._jar_version:
                return
            wanted = cookie_sync.of_jar(self._jar.dump())
            changed = cookie_sync.changes(self._known, wanted)
            for name, domain, path in changed.gone:
                await self.context.clear_cookies(name=name, domain=domain, path=path)
            await self._set(changed.given)
            self._known, self._jar_version = wanted, version

    async def _set(self, cookies: list[Any]) -> None:
        from playwright.async_api import Error

        if not cookies:
            return
        try:
            await self.context.add_cookies(cookies)
        except Error:
            for each in cookies:  # one that browsers reject must not keep out the others
                try:
                    await self.context.add_cookies([each])
                except Error:
                    _log.debug("the browser does not take the cookie %r of %s", each["name"], each["domain"])

    async def pull_cookies(self) -> None:
        """Put what scripts have changed into the jar."""
        async with self._turn:
            now = cookie_sync.of_browser(await self.context.cookies())
            changed = cookie_sync.changes(self._known, now)
            if changed:
                records = self._jar.dump()
                hidden, there = cookie_sync.hidden_keys(records), cookie_sync.of_jar(records)
                self._jar.load(
                    cookie_sync.as_record(each)
                    for key, each in cookie_sync.of_browser(changed.given).items()
                    if key not in hidden and there.get(key, {}).get("value") != each["value"]
                )
                gone = {key for key in changed.gone if key in there}
                if gone:
                    self._jar.discard(
                        lambda cookie: (
                            (cookie.name, cookie.domain if cookie.host_only else f".{cookie.domain}", cookie.path)
                            in gone
                        )
                    )
            self._known = now

    def has_news(self, url: str, cookie_header: str) -> bool:
        """Whether a request of a script shows a cookie that the jar does not have."""
        ours = {each.strip() for each in self._jar.header(url).split(";")}
        return any(each.strip() not in ours for each in cookie_header.split(";") if each.strip())

    # --- storage ----------------------------------------------------------------------------------------------------
    def _session_script(self) -> tuple[str, dict[str, dict[str, str]]]:
        """What fills the sessionStorage of a new page, and what will be in it, by origin."""
        kept = self._session.storage.dump()
        return storage_sync.script_for(kept, json.dumps), {
            origin: dict(value.get("session", {})) for origin, value in kept.items()
        }

    async def pull_storage(self, page: Page, in_session: dict[str, dict[str, str]]) -> None:
        """Adopt what the page and its frames have changed.

        Args:
            in_session: The sessionStorage that the page began with, by origin.
        """
        storage, version = self._session.storage, self._session.storage.version
        has_databases = False
        for origin, local, session, databases in [each for frame in page.frames if (each := await _read(frame))]:
            has_databases = has_databases or databases > 0
            known = self._local.get(origin, {})
            if storage_sync.take(storage, origin, "local", known, local):
                self._local[origin] = dict(local)
            if storage_sync.take(storage, origin, "session", in_session.get(origin, {}), session):
                in_session[origin] = dict(session)
        if has_databases:
            state: Any = await self.context.storage_state(indexed_db=True)
            for origin, kept in of_storage_state(state)[0].items():
                if kept["databases"] != self._databases.get(origin, []):
                    self._databases[origin] = kept["databases"]
                    storage.replace_databases(origin, kept["databases"])
        if version == self._storage_version:
            self._storage_version = storage.version

    async def awaited(
        self, page: Page, in_session: dict[str, dict[str, str]], is_so: Callable[[], bool], patience_s: float
    ) -> None:
        """Wait until a condition holds for the session, only a short time where the page asks for a password."""
        from playwright.async_api import Error

        began = time.monotonic()
        while True:
            await self.pull_storage(page, in_session)
            if is_so() or time.monotonic() - began >= patience_s:
                return
            with contextlib.suppress(Error):  # it is just going elsewhere
                if await page.locator("input[type=password]").count():
                    patience_s = min(patience_s, AFTER_PASSWORD_S)
            await asyncio.sleep(_LOOK_S)

    async def close(self) -> None:
        """Close it."""
        from playwright.async_api import Error

        with contextlib.suppress(Error, TimeoutError):
            await asyncio.wait_for(self.context.close(), _CLOSED_WITHIN_S)


async def _read(frame: Frame) -> tuple[str, dict[str, str], dict[str, str], int] | None:
    from playwright.async_api import Error

    try:
        origin, local, session, databases = await frame.evaluate(storage_sync.READ)
    except Error:  # a frame that may keep nothing, or that is just going away
        return None
    return (origin, dict(local), dict(session), databases) if storage_sync.is_web(origin) else None
