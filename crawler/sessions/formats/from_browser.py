"""Cookies from a browser that is installed here, through yt-dlp's cookie module (extra ``cookies``).

It knows where each browser keeps its profiles and how their cookies are encrypted. None of it is imported before it is
needed. Only the cookies of the sites that are asked for leave this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import field
from http.cookiejar import Cookie, CookieJar
from typing import Any, Final

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.cookies.cookie_records import Record
from crawler.sessions.formats.browser_records import browser_record
from crawler.urls import site_of

BROWSERS: Final = ("firefox", "chromium", "chrome", "edge", "brave", "opera", "vivaldi", "whale", "safari")

_WANTED: Final = re.compile(
    r"(?P<browser>[a-z]+)(?:\+(?P<keyring>[A-Za-z0-9]+))?(?::(?!:)(?P<profile>.+?))?(?:::(?P<container>.+))?", re.DOTALL
)
_NOT_OPENED: Final = re.compile(
    r"decrypt|keyring|password|v10 key|AES|secretstorage|kwallet|unsupported", re.IGNORECASE
)

Extract = Callable[..., CookieJar]


@quick_dataclass
class BrowserProfile:
    """``BROWSER[+KEYRING][:PROFILE][::CONTAINER]``, as yt-dlp has it.

    Attributes:
        profile: Name or path; None for the one that was used last.
        container: Of Firefox; None for the cookies that are in none.
    """

    browser: str
    keyring: str | None = None
    profile: str | None = None
    container: str | None = None

    @classmethod
    def of(cls, text: str) -> BrowserProfile:
        """Raises UsageError if it is not a known browser."""
        found = _WANTED.fullmatch(text.strip())
        browser = found["browser"].lower() if found is not None else ""
        if found is None or browser not in BROWSERS:
            raise UsageError(f"--from-browser {text!r}: BROWSER[:PROFILE] with one of {', '.join(BROWSERS)}")
        return cls(browser, found["keyring"] and found["keyring"].upper(), found["profile"], found["container"])

    def __str__(self) -> str:
        return self.browser + (f", profile {self.profile}" if self.profile else "")


@quick_dataclass
class FromBrowser:
    """What was found. Its ``repr`` shows no values.

    Attributes:
        cookies: Records for `Jar.load`.
        left_out: Why cookies of the wanted sites were left out, one line each.
    """

    cookies: list[Record] = field(repr=False)
    left_out: tuple[str, ...] = ()


class _Heard:
    """What yt-dlp's module says meanwhile. Its words hold no values."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Ignored."""

    info = debug

    def warning(self, message: str, only_once: bool = False) -> None:
        """Kept, each once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def error(self, message: str) -> None:
        """Kept, each once."""
        self.warning(message)

    def progress_bar(self) -> None:
        """None is drawn."""


def read_browser(wanted: BrowserProfile, sites: Iterable[str], extract: Extract | None = None) -> FromBrowser:
    """The cookies that a browser holds for some sites.

    Args:
        wanted: Browser and profile.
        sites: Registrable domains, or hosts that have none, as `urls.site_of` gives them.
        extract: Reads a browser's cookies; None for yt-dlp's.
    Raises:
        UsageError: The extra is missing, there is no such browser or profile, its cookies are sealed against other
            programs, or it holds none of the sites; the text says what to do.
    """
    heard, sites = _Heard(), tuple(sites)
    try:
        jar = (extract or _extractor())(
            wanted.browser, wanted.profile, heard, keyring=wanted.keyring, container=wanted.container or "none"
        )
    except FileNotFoundError:
        raise UsageError(
            f"there are no cookies of {wanted} here; name another profile with a colon:"
            f" --from-browser {wanted.browser}:PROFILE (a name, or the path of its folder)"
        ) from None
    except PermissionError as error:
        raise UsageError(
            f"the cookies of {wanted} cannot be read ({error.strerror}): close the browser first"
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever another program's files lead to there
        said = str(error).partition("\n")[0] or type(error).__name__
        raise UsageError(f"the cookies of {wanted} cannot be read: {said}; {_INSTEAD}") from None
    mine = [cookie for cookie in jar if site_of(cookie.domain.lstrip(".")) in sites]
    found = FromBrowser(*_records(mine))
    if not found.cookies:
        raise UsageError(_nothing(wanted, sites, len(list(jar)), heard.warnings))
    sealed = [each for each in heard.warnings if _NOT_OPENED.search(each)]
    return FromBrowser(found.cookies, (*found.left_out, *sealed))


_INSTEAD: Final = "`crawl login NAME --browser` logs in in a window of its own"


def _extractor() -> Extract:
    try:
        from yt_dlp.cookies import extract_cookies_from_browser
    except ImportError:
        raise UsageError("--from-browser needs the extra 'cookies': pip install 'crawl-sessions[cookies]'") from None
    extract: Extract = extract_cookies_from_browser
    return extract


def _records(cookies: Iterable[Cookie]) -> tuple[list[Record], tuple[str, ...]]:
    found: list[Record] = []
    left_out: list[str] = []
    for cookie in cookies:
        fields: dict[str, Any] = {
            "name": cookie.name,
            "value": cookie.value or "",
            "domain": cookie.domain,
            "path": cookie.path,
            "secure": bool(cookie.secure),
            "httpOnly": False,  # the module does not tell
            "expires": cookie.expires,
        }
        try:
            found.append(browser_record(fields))
        except ValueError as error:
            left_out.append(str(error))
    return found, tuple(left_out)


def _nothing(wanted: BrowserProfile, sites: tuple[str, ...], others: int, said: list[str]) -> str:
    """Why there is no cookie, and what to do."""
    where = " or ".join(sites)
    if any(_NOT_OPENED.search(each) for each in said):
        return (
            f"{wanted} seals its cookies against other programs here ({said[-1]}); {_INSTEAD}, `crawl"
            " sessions import NAME cookies.txt` reads what an extension of the browser writes, and Firefox seals none"
        )
    return (
        f"{wanted} holds no cookie of {where} ({others:,} of other sites). Log in there and tick what keeps you logged"
        f" in: cookies that end with the browser are not written to a file. Name another site with --site, another"
        f" profile with --from-browser {wanted.browser}:PROFILE; {_INSTEAD}"
    )
