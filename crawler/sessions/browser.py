"""Log in once in a real browser, and take its session along (extra ``browser``: Playwright).

For logins that no form can do: scripts, captchas, second factors, single sign-on. A person logs in and closes the
window, or the page is seen to offer to log out. Without a window, `login_browser(page)` of the spider drives.
The browser's profile is its own and gone afterwards. What remains are its cookies and its User-Agent: a server may have
bound the session to it, so the crawl has to go on with the same.

No browser is downloaded: an installed Chromium, Chrome or Edge is found by path or channel.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crawler.errors import LoginFailed, NeedsHuman, NotEquipped, SiteUnreachable
from crawler.loading import place_in_spider
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response
from crawler.sessions.browser_pages import PasskeyWatch, as_response, offers_logout, refusal_on, wanted_by
from crawler.sessions.browser_program import has_screen, launched, playwright_proxy
from crawler.sessions.browser_time import LoginTime, held_driver
from crawler.sessions.secrets import hide
from crawler.sessions.storage import of_storage_state
from crawler.urls import printable, redact, short_origin

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

_LETS_IN: Final = re.compile(r"authorization|x-(?:csrf|xsrf|api|auth|access|session)[a-z-]*", re.IGNORECASE)
_POLL_MS: Final = 300
_SETTLE_S: Final = 10.0  # after a driven login: time for its last redirects
_STEP_S: Final = 30.0
_STARTS_IN_A_STEP: Final = 5.0
_START: Final = "starting the browser"
_SURE_AFTER: Final = 2  # looks in a row that must agree that a person is logged in


@quick_dataclass
class BrowserWindow:
    """How the browser of a login is opened, and for how long.

    Attributes:
        headless: No window.
        executable: Path or channel ("chrome", "msedge"); None: ``CRAWL_BROWSER``, else what is installed.
        user_agent: Pretend to be this one; None for the browser's own.
        proxy: As in the session, with user name and password where it needs them.
        verify: Check certificates.
        start_with: A storage state to begin with, so that a known device stays known.
        picture: Where to save a screenshot of the last page, mode 0600.
        timeout_s: Seconds, above 0, for all of it, from the start of the browser to its last page. What does not end by
            itself is ended up to three seconds later.
        environ: Variables; None means ``os.environ``.
        by_hand: The command by which a person logs in in a window, for errors.
    """

    headless: bool = False
    executable: str | None = None
    user_agent: str | None = None
    proxy: str = field(default="", repr=False)
    verify: bool = True
    start_with: Mapping[str, Any] | None = field(default=None, repr=False)
    picture: Path | None = None
    timeout_s: float = 600.0
    environ: Mapping[str, str] | None = field(default=None, repr=False)
    by_hand: str = "crawl login NAME --browser"

    def options(self) -> dict[str, Any]:
        """As Playwright wants them for a context."""
        return {
            "user_agent": self.user_agent,
            "proxy": playwright_proxy(self.proxy),
            "ignore_https_errors": not self.verify,
            "storage_state": self.start_with,
            "no_viewport": not self.headless,
        }


@quick_dataclass
class BrowserSession:
    """What a browser login has brought. Its repr shows no secrets.

    Attributes:
        storage_state: Playwright's: cookies with all attributes, localStorage and IndexedDB by origin; and the
            sessionStorage of the pages that were open.
        sent: Headers that scripts of the site have sent and that grant access, by origin.
        user_agent: Send this one with the cookies.
        accept_language: What the browser asks for, for the header of that name; "" when not known.
        url: Where it ended, without secrets.
        recognised: Whether the page offered to log out in the end. False proves nothing; a probe does.
        page: The last page, as it was after its scripts.
        refused: What the last pages say about a wrong name or password, where a program has typed it; "" for nothing.
        wanted: What they want that it has not given, and what to do; "" when that is not known.
        wants_person: Only a person can give it.
    """

    storage_state: dict[str, Any] = field(repr=False)
    user_agent: str
    accept_language: str
    url: str
    recognised: bool
    page: Response = field(default_factory=Response, repr=False)
    refused: str = ""
    wanted: str = ""
    wants_person: bool = False
    sent: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def storage(self) -> dict[str, Any]:
        """What scripts have kept, as `Storage.load` takes it."""
        return of_storage_state(self.storage_state)[0]

    def cookies(self, *, now: float | None = None) -> list[Any]:
        """Its cookies as records for `Jar.load`; broken ones are left out."""
        from crawler.sessions.formats import exchange  # most crawls have no browser

        text = json.dumps(self.storage_state)
        return exchange.read(text, now=time.time() if now is None else now, form="storage-state").cookies


def browser_login(
    url: str,
    window: BrowserWindow | None = None,
    *,
    session: str = "default",
    drive: Callable[[Page], object] | None = None,
    done: Callable[[Page], bool] | None = None,
    alive: Callable[[], object] = lambda: None,
) -> BrowserSession:
    """Open *url* in a browser and come back when somebody is logged in.

    Args:
        url: Where the login begins.
        window: How the browser is opened, and for how long; None for the defaults.
        session: Name of the session, for errors.
        drive: Logs in with Playwright's page; None when a person does.
        done: Whether the login is complete, asked again and again; None: the page or a frame of it offers to log out,
            and none asks for a password. A person may also close the window.
        alive: Called with each request of the pages, so that the login is not taken for dead by those who wait for it.
    Raises:
        NotEquipped: No browser or no screen.
        SiteUnreachable: The page could not be opened, in time or at all.
        NeedsHuman: *drive* stopped at what only a person can give: a passkey, a captcha, a one-time code.
        LoginFailed: The browser failed, or nobody logged in in time: then it says which part took how long. Its text
            holds nothing that was typed.
        Exception: What *drive* raises besides Playwright's own errors comes out as it is.
    """
    window = window or BrowserWindow()
    environ = os.environ if window.environ is None else window.environ
    try:
        from playwright.sync_api import Error
    except ImportError:
        raise NotEquipped(
            session, "logging in with a browser needs the extra 'browser': pip install 'crawl-sessions[browser]'"
        ) from None
    if not window.headless and not has_screen(environ):
        raise NotEquipped(
            session,
            "there is no screen for a browser window: use --headless with a method login_browser(page), or log in on "
            "another machine and bring the cookies with `crawl sessions import`",
        )
    login, opened = LoginTime(window.timeout_s), False
    where = url
    try:
        login.begins("starting Playwright took")
        with (
            held_driver(login) as playwright,
            _started(playwright, login, window, session, environ) as browser,
        ):
            context = browser.new_context(**window.options())
            heard, passkeys = SentByScripts(alive), PasskeyWatch(context)
            context.on("request", heard)
            page = context.new_page()
            page.set_default_timeout(step_s(login.left_s(), login.since_s(_START)) * 1000)
            login.begins("opening the page")
            page.goto(url, wait_until="domcontentloaded")
            opened, ends = True, login.ends
            if drive is not None:
                login.begins("the steps of `login_browser`")
                _driven(drive, context, page, passkeys, session, window.by_hand)
                ends = min(ends, time.monotonic() + _SETTLE_S)
            login.begins("waiting for a logged-in page")
            found = _watched(context, page, done or offers_logout, ends, by_person=drive is None, session=session)
            if drive is not None and not found.recognised:
                found = _explained(found, context, passkeys, window.by_hand)
            where, found = found.url, replace(found, sent=heard.by_origin)
            if window.picture is not None and context.pages:
                _keep(window.picture, context.pages[-1].screenshot())
            context.close()
            return found
    except Exception as error:
        kind = LoginFailed if opened else SiteUnreachable
        if login.is_cut or (isinstance(error, Error) and login.is_over()):
            raise kind(session, f"{login.told()} ({redact(where)})") from None
        if isinstance(error, Error):
            raise kind(session, _stopped(where, error)) from None
        raise


@contextmanager
def _started(
    playwright: Playwright, login: LoginTime, window: BrowserWindow, session: str, environ: Mapping[str, str]
) -> Iterator[Browser]:
    login.begins(_START)
    with launched(playwright, session, window.headless, window.executable, environ, login.left_s()) as browser:
        yield browser


def step_s(most_s: float, start_s: float) -> float:
    """For how long one step of a login waits for its page, in seconds.

    A browser starts in two or three seconds. Where that took longer, the machine is busy, and so pages will be late.

    Args:
        most_s: For all of the login.
        start_s: What the start of the browser has taken.
    """
    return min(most_s, max(_STEP_S, _STARTS_IN_A_STEP * start_s))


def _driven(
    drive: Callable[[Page], object],
    context: BrowserContext,
    page: Page,
    passkeys: PasskeyWatch,
    session: str,
    by_hand: str,
) -> None:
    """Let a program log in. Where it stops, the error says what the pages want, if that can be told."""
    from playwright.sync_api import Error

    try:
        drive(page)
    except Error as error:
        stopped = _stopped(page.url, error)
        try:
            wanted = wanted_by(context.pages, passkey=passkeys.asked, by_hand=by_hand)
        except Error:  # the browser is gone
            wanted = None
        if wanted is None:
            raise LoginFailed(session, stopped) from None
        raise (NeedsHuman if wanted.person else LoginFailed)(session, f"{stopped}; {wanted.why}") from None


def _stopped(where: str, error: Any) -> str:
    """At which page, why, for which selector, and at which line of the spider."""
    said = error.message.strip().splitlines()
    waits = next((each.strip(" -") for each in said[1:] if "waiting for" in each), "")
    first = printable(hide("; ".join(filter(None, (said[0].rstrip(".") if said else "no reason given", waits)))))
    place = place_in_spider(error)
    return f"the browser login stopped at {redact(where)}: {first[:300]}{f' ({place})' if place else ''}"


def _explained(found: BrowserSession, context: BrowserContext, passkeys: PasskeyWatch, by_hand: str) -> BrowserSession:
    """With what the last pages say and want."""
    from playwright.sync_api import Error

    try:
        refused, wanted = refusal_on(context.pages), wanted_by(context.pages, passkey=passkeys.asked, by_hand=by_hand)
    except Error:
        return found
    return replace(
        found,
        refused=refused,
        wanted=wanted.why if wanted is not None else "",
        wants_person=wanted is not None and wanted.person,
    )


def _keep(picture: Path, image: bytes) -> None:
    """Write a picture of somebody's account, readable by the file's owner only."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(picture, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(image)


def _watched(
    context: BrowserContext,
    first: Page,
    done: Callable[[Page], bool],
    ends: float,
    *,
    by_person: bool,
    session: str,
) -> BrowserSession:
    """Wait for the login; the state is taken again and again, for a closed window has none."""
    from playwright.sync_api import Error

    page, agrees = first, 0
    found: BrowserSession | None = None
    while context.pages:
        page = page if page in context.pages else context.pages[-1]
        try:
            recognised = any(done(each) for each in context.pages)
            found = _taken(context, page, recognised)
            agrees = agrees + 1 if recognised else 0
            if agrees >= _SURE_AFTER or (agrees and not by_person):
                return found
            if time.monotonic() >= ends:
                break
            page.wait_for_timeout(_POLL_MS)
        except Error:  # it was just going to another page, or was closed
            if time.monotonic() >= ends:
                break
            if page in context.pages:
                page.wait_for_timeout(_POLL_MS)
    if found is None or (by_person and context.pages):
        raise LoginFailed(session, "nobody logged in in time" if context.pages else "the window was closed at once")
    return found


def _taken(context: BrowserContext, page: Page, recognised: bool) -> BrowserSession:
    facts = page.evaluate("() => [navigator.userAgent, navigator.languages.join(',')]")
    return BrowserSession(
        storage_state=_state(context),
        user_agent=str(facts[0]),
        accept_language=str(facts[1]),
        url=redact(page.url),
        recognised=recognised,
        page=as_response(page),
    )


def _state(context: BrowserContext) -> dict[str, Any]:
    """The storage state, with the sessionStorage of what is open, which Playwright leaves out."""
    from playwright.sync_api import Error

    state: dict[str, Any] = dict(context.storage_state(indexed_db=True))
    by_origin = {each["origin"]: each for each in state.setdefault("origins", [])}
    for frame in [frame for page in context.pages for frame in page.frames]:
        try:
            origin, entries = frame.evaluate("() => [location.origin, Object.entries(sessionStorage)]")
        except Error:  # a page that may keep nothing, or that is just going away
            continue
        if entries and origin not in by_origin:
            by_origin[origin] = {"origin": origin, "localStorage": []}
            state["origins"].append(by_origin[origin])
        if entries:
            by_origin[origin]["sessionStorage"] = [{"name": name, "value": value} for name, value in entries]
    return state


class SentByScripts:
    """Listens to what the pages of a browser send, and keeps the headers that grant access."""

    def __init__(self, alive: Callable[[], object] = lambda: None) -> None:
        self.by_origin: dict[str, dict[str, str]] = {}
        self._alive = alive

    def __call__(self, request: Any) -> None:
        """A request of a page."""
        self._alive()
        found = {name: value for name, value in request.headers.items() if _LETS_IN.fullmatch(name) and value}
        if found and request.url.startswith("http"):
            self.by_origin.setdefault(short_origin(request.url), {}).update(found)
