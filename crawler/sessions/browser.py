"""Log in once in a real browser, and take its session along (extra ``browser``: Playwright).

For logins that no form can do: scripts, captchas, second factors, single sign-on. A person logs in and closes the
window, or it is noticed that the page offers to log out. Without a window, `login_browser(page)` of the spider drives.
The browser's profile is its own and gone afterwards. What remains are its cookies and its User-Agent: a server may have
bound the session to it, so the crawl has to go on with the same.

No browser is downloaded: an installed Chromium, Chrome or Edge is found by path or channel.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from crawler.errors import CrawlError, LoginFailed, NotEquipped, SiteUnreachable
from crawler.response import Response
from crawler.sessions.formats import exchange
from crawler.sessions.login.signs import has_login_form, logged_in_sign, wrong_password_sign
from crawler.sessions.secrets import hide
from crawler.sessions.storage import of_storage_state
from crawler.urls import printable, redact, short_origin

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

VARIABLE: Final = "CRAWL_BROWSER"
_NAMES: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
)
_PLACES: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
)
_CHANNELS: Final = frozenset(
    {"chrome", "chrome-beta", "chrome-dev", "chrome-canary", "msedge", "msedge-beta", "msedge-dev", "chromium"}
)
_LETS_IN: Final = re.compile(r"authorization|x-(?:csrf|xsrf|api|auth|access|session)[a-z-]*", re.IGNORECASE)
_POLL_MS: Final = 300
_SETTLE_S: Final = 10.0  # after a driven login: time for its last redirects
_SURE_AFTER: Final = 2  # looks in a row that must agree that a person is logged in


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """What a browser login has brought. Its repr shows no secrets.

    Attributes:
        storage_state: Playwright's: cookies with all attributes, localStorage and IndexedDB by origin; and the
            sessionStorage of the pages that were open.
        sent: Headers that scripts of the site have sent and that let somebody in, by origin.
        user_agent: Send this one with the cookies.
        accept_language: What the browser asks for, for the header of that name; "" when not known.
        url: Where it ended, without secrets.
        recognised: Whether the page offered to log out at last. False proves nothing; a probe does.
        refused: What the last page says of a wrong name or password; "" for nothing.
    """

    storage_state: dict[str, Any] = field(repr=False)
    user_agent: str
    accept_language: str
    url: str
    recognised: bool
    refused: str = ""
    sent: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def storage(self) -> dict[str, Any]:
        """What scripts have kept, as `Storage.load` takes it."""
        return of_storage_state(self.storage_state)[0]

    def cookies(self, *, now: float | None = None) -> list[Any]:
        """Its cookies as records for `Jar.load`; broken ones are left out."""
        text = json.dumps(self.storage_state)
        return exchange.read(text, now=time.time() if now is None else now, form="storage-state").cookies


def browser_login(
    url: str,
    *,
    session: str = "default",
    headless: bool = False,
    drive: Callable[[Page], object] | None = None,
    done: Callable[[Page], bool] | None = None,
    executable: str | None = None,
    user_agent: str | None = None,
    proxy: str = "",
    verify: bool = True,
    start_with: Mapping[str, Any] | None = None,
    picture: Path | None = None,
    timeout_s: float = 600.0,
    environ: Mapping[str, str] | None = None,
) -> BrowserSession:
    """Open *url* in a browser and come back when somebody is logged in.

    Args:
        url: Where the login begins.
        session: Name of the session, for errors.
        headless: No window.
        drive: Logs in with Playwright's page; None when a person does.
        done: Whether the login is complete, asked again and again; None: the page offers to log out and asks for no
            password. A person may also close the window.
        executable: Path or channel ("chrome", "msedge"); None: ``CRAWL_BROWSER``, else what is installed.
        user_agent: Pretend to be this one; None for the browser's own.
        proxy: As in the session, with user name and password where it needs them.
        verify: Check certificates.
        start_with: A storage state to begin with, so that a known device stays known.
        picture: Where to save a screenshot of the last page, mode 0600.
        timeout_s: Seconds, above 0, for all of it.
        environ: Variables; None means ``os.environ``.
    Raises:
        NotEquipped: No browser or no screen.
        SiteUnreachable: The page could not be opened.
        LoginFailed: The browser failed, or nobody logged in in time. Its text holds nothing that was typed.
        Exception: What *drive* raises besides Playwright's own errors comes out as it is.
    """
    environ = os.environ if environ is None else environ
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NotEquipped(
            session, "logging in with a browser needs the extra 'browser': pip install 'crawl-sessions[browser]'"
        ) from None
    if not headless and not _has_screen(environ):
        raise NotEquipped(
            session,
            "there is no screen for a browser window: use --headless with a method login_browser(page), or log in on "
            "another machine and bring the cookies with `crawl sessions import`",
        )
    ends = time.monotonic() + timeout_s
    where, opened = url, False
    begun_with: Any = start_with
    try:
        with sync_playwright() as playwright, _launched(playwright, session, headless, executable, environ) as browser:
            context = browser.new_context(
                user_agent=user_agent,
                proxy=_proxy(proxy),
                ignore_https_errors=not verify,
                storage_state=begun_with,
                no_viewport=not headless,
            )
            heard = SentByScripts()
            context.on("request", heard)
            page = context.new_page()
            page.set_default_timeout(min(30.0, timeout_s) * 1000)
            page.goto(url, wait_until="domcontentloaded")
            opened = True
            if drive is not None:
                drive(page)
                ends = min(ends, time.monotonic() + _SETTLE_S)
            found = _watched(context, page, done or offers_logout, ends, by_person=drive is None, session=session)
            where, found = found.url, replace(found, sent=heard.by_origin)
            if picture is not None and context.pages:
                _keep(picture, context.pages[-1].screenshot())
            context.close()
            return found
    except Error as error:
        first = printable(hide(error.message.strip().splitlines()[0] if error.message.strip() else "no reason given"))
        kind = LoginFailed if opened else SiteUnreachable
        raise kind(session, f"the browser login stopped at {redact(where)}: {first[:300]}") from None


def _keep(picture: Path, image: bytes) -> None:
    """Write a picture of somebody's account, for its owner only."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(picture, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(image)


def offers_logout(page: Page) -> bool:
    """Whether the page, as it is after its scripts, shows that somebody is logged in."""
    response = _as_response(page)
    return logged_in_sign(response) and not has_login_form(response)


def _as_response(page: Page) -> Response:
    response = Response()
    response.status_code, response.url = 200, page.url
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    response._content = page.content().encode("utf-8", "replace")
    return response


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
        refused="" if recognised else wrong_password_sign(_as_response(page)) or "",
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
    """Listens to what the pages of a browser send, and keeps the headers that let somebody in."""

    def __init__(self) -> None:
        self.by_origin: dict[str, dict[str, str]] = {}

    def __call__(self, request: Any) -> None:
        """A request of a page."""
        found = {name: value for name, value in request.headers.items() if _LETS_IN.fullmatch(name) and value}
        if found and request.url.startswith("http"):
            self.by_origin.setdefault(short_origin(request.url), {}).update(found)


# --- finding and starting one -----------------------------------------------------------------------------------------


def find_browser(wanted: str | None = None, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """An installed browser.

    Args:
        wanted: A path, a command or a channel; None: ``CRAWL_BROWSER``, else whatever is there.
    Returns:
        ("path", its path) or ("channel", its name), or ("", "") when there is none.
    """
    environ = os.environ if environ is None else environ
    named = wanted or environ.get(VARIABLE, "")
    if named:
        path = shutil.which(named, path=environ.get("PATH"))
        if path is not None:
            return "path", path
        return ("channel", named) if named in _CHANNELS else ("", "")
    for name in _NAMES:
        path = shutil.which(name, path=environ.get("PATH", os.defpath))
        if path is not None:
            return "path", path
    return next((("path", place) for place in _PLACES if os.access(place, os.X_OK)), ("", ""))


@contextmanager
def _launched(
    playwright: Playwright, session: str, headless: bool, executable: str | None, environ: Mapping[str, str]
) -> Iterator[Browser]:
    from playwright.sync_api import Error

    kind, name = find_browser(executable, environ)
    if not kind and not executable and os.path.exists(playwright.chromium.executable_path):
        kind, name = "path", playwright.chromium.executable_path  # one that Playwright has downloaded earlier
    if not kind:
        named = executable or environ.get(VARIABLE, "")
        raise NotEquipped(
            session,
            (f"there is no browser {named!r}" if named else "no browser found")
            + f": install Chromium, Chrome or Edge, or set {VARIABLE} to the path of one",
        )
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        browser = playwright.chromium.launch(
            executable_path=name if kind == "path" else None,
            channel=name if kind == "channel" else None,
            headless=headless,
            chromium_sandbox=not root,  # Chromium refuses to run as root with its sandbox, so only then it is off
            args=["--no-first-run", "--no-default-browser-check", "--disable-dev-shm-usage", "--start-maximized"],
        )
    except Error as error:
        lines = [printable(line.strip()) for line in error.message.splitlines() if line.strip()]
        raise NotEquipped(session, f"{name} did not start: {' / '.join(lines[:3])[:400]}") from None
    try:
        yield browser
    finally:
        try:
            browser.close()
        except Error:
            pass  # a person was quicker


def _has_screen(environ: Mapping[str, str]) -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _proxy(proxy: str) -> Any:
    """Playwright's settings for a proxy URL: it wants name and password apart."""
    if not proxy:
        return None
    parts = urlsplit(proxy)
    try:
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        server = f"{parts.scheme or 'http'}://{host}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        raise CrawlError(f"not a proxy: {redact(proxy)}") from None
    found = {"server": server}
    if parts.username:
        found |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return found
