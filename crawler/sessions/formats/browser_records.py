"""Cookies as browsers and their tools write them in JSON, to and from our records. Pure.

The same few fields appear in Playwright's storage_state, in the DevTools protocol, in HAR files and in what extensions
export; they differ in how they write the end, the domain and SameSite.
"""

from __future__ import annotations

from typing import Any, Final

from crawler.sessions.cookies.cookie_records import Record
from crawler.sessions.formats.reading import Unreadable, end_of, host_of_column

_SAME_SITE: Final = {"strict": "Strict", "lax": "Lax", "none": "None", "no_restriction": "None"}
#: Extensions; Playwright, Puppeteer, DevTools and HAR; Selenium; databases of browsers.
_ENDS: Final = ("expirationDate", "expires", "expiry", "Expires", "expires_utc", "expirationTime")


def browser_record(cookie: object, *, host: str = "") -> Record:
    """The record of a browser's cookie, unchecked.

    Args:
        cookie: An object with ``name`` and ``value``. A domain with a leading dot, or ``hostOnly`` false, is meant for
            subdomains too.
        host: For cookies that name no domain.
    Raises:
        ValueError: It is not one; the text says why, without its value.
    """
    if not isinstance(cookie, dict):
        raise ValueError("a cookie is an object with a name and a value")
    if "Name raw" in cookie:
        cookie = _of_cookie_quick_manager(cookie)
    name, value = cookie.get("name"), cookie.get("value")
    if not isinstance(name, str):
        raise ValueError("a cookie without a name")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value}"
    if not isinstance(value, str):
        raise ValueError(f"cookie {name[:80]!r} has no text as its value")
    try:
        end = _end(cookie)
    except Unreadable:
        raise ValueError(f"cookie {name[:80]!r} has an expiry that is not a time") from None
    domain = cookie.get("domain", cookie.get("host"))
    where, wide = host_of_column(domain if isinstance(domain, str) and domain else host)
    host_only = cookie.get("hostOnly")
    path = cookie.get("path")
    return {
        "name": name,
        "value": value,
        "domain": where,
        "host_only": host_only if isinstance(host_only, bool) else not wide,
        "path": path if isinstance(path, str) and path else "/",
        "secure": _is_true(cookie.get("secure", cookie.get("isSecure"))),
        "http_only": _is_true(cookie.get("httpOnly", cookie.get("isHttpOnly"))),
        "same_site": _SAME_SITE.get(str(cookie.get("sameSite")).lower()),
        "expires": end,
    }


def _is_true(value: Any) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() == "true")


def _end(cookie: dict[str, Any]) -> float | None:
    """Seconds since 1970; None where there is no end."""
    if cookie.get("session") is True:
        return None
    return end_of(next((cookie[name] for name in _ENDS if cookie.get(name) is not None), None))


def _of_cookie_quick_manager(cookie: dict[str, Any]) -> dict[str, Any]:
    """As the extension of that name for Firefox writes them: everything is a text."""
    return {
        "name": cookie.get("Name raw"),
        "value": cookie.get("Content raw"),
        "domain": cookie.get("Host raw"),
        "path": cookie.get("Path raw"),
        "expires": cookie.get("Expires raw"),
        "hostOnly": _is_true(cookie.get("This domain only raw")),
        "secure": _is_true(cookie.get("Send for raw")),
        "httpOnly": _is_true(cookie.get("HTTP only raw")),
        "sameSite": cookie.get("SameSite raw"),
    }


def storage_state_cookie(record: Record) -> dict[str, Any]:
    """A cookie as Playwright's storage_state wants it: all fields, -1 for no end, Lax where nothing was said."""
    return {
        "name": record["name"],
        "value": record["value"],
        "domain": record["domain"] if record["host_only"] else f".{record['domain']}",
        "path": record["path"],
        "expires": -1 if record["expires"] is None else record["expires"],
        "httpOnly": record["http_only"],
        "secure": record["secure"],
        "sameSite": record["same_site"] or "Lax",
    }
