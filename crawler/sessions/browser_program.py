"""Which installed browser is started, and how (extra ``browser``: Playwright). None is downloaded: one is found by path
or channel.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from crawler.errors import CrawlError, NotEquipped
from crawler.urls import printable, redact

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

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


def is_equipped(environ: Mapping[str, str] | None = None) -> bool:
    """Whether a browser without a window can be started here: Playwright and a browser are installed. No I/O but
    looking for files.
    """
    return find_spec("playwright") is not None and bool(find_browser(environ=environ)[0])


@contextmanager
def launched(
    playwright: Playwright,
    session: str,
    headless: bool,
    executable: str | None,
    environ: Mapping[str, str],
    within_s: float,
) -> Iterator[Browser]:
    """A browser that is running, for as long as the block.

    Args:
        session: Name of the session, for errors.
        within_s: Seconds, above 0, in which it has to start.
    Raises:
        NotEquipped: There is none, or it does not start.
        TimeoutError: Playwright's: it does not start in time.
    """
    from playwright.sync_api import Error, TimeoutError

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
            timeout=within_s * 1000,
        )
    except TimeoutError:
        raise
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


def has_screen(environ: Mapping[str, str]) -> bool:
    """Whether a window can be shown."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def playwright_proxy(proxy: str) -> Any:
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
