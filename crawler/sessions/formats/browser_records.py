"""Cookies as browsers and their tools write them in JSON, to and from our records. Pure.

The same few fields appear in Playwright's storage_state, in the DevTools protocol, in HAR files and in what extensions
export; they differ in how they write the end, the domain and SameSite.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from crawler.sessions.cookies.records import Record

_SAME_SITE: Final = {"strict": "Strict", "lax": "Lax", "none": "None", "no_restriction": "None"}


def browser_record(cookie: object, *, host: str = "") -> Record | None:
    """The record of a browser's cookie, unchecked; None when it is none.

    Args:
        cookie: An object with ``name`` and ``value``. A domain with a leading dot, or ``hostOnly`` false, is meant for
            subdomains too.
        host: For cookies that name no domain.
    """
    if (
        not isinstance(cookie, dict)
        or not isinstance(cookie.get("name"), str)
        or not isinstance(cookie.get("value"), str)
    ):
        return None
    domain = cookie.get("domain")
    domain = domain if isinstance(domain, str) and domain else host
    host_only = cookie.get("hostOnly")
    path = cookie.get("path")
    return {
        "name": cookie["name"],
        "value": cookie["value"],
        "domain": domain.removeprefix("."),
        "host_only": host_only if isinstance(host_only, bool) else not domain.startswith("."),
        "path": path if isinstance(path, str) and path else "/",
        "secure": cookie.get("secure") is True,
        "http_only": cookie.get("httpOnly") is True,
        "same_site": _SAME_SITE.get(str(cookie.get("sameSite")).lower()),
        "expires": _end(cookie),
    }


def _end(cookie: dict[str, Any]) -> float | None:
    """Seconds since 1970; None where there is no end, also written as 0, -1 or ``session``."""
    end = cookie.get("expirationDate", cookie.get("expires"))
    if isinstance(end, str) and end:
        try:
            return datetime.fromisoformat(end).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if cookie.get("session") is True or isinstance(end, bool) or not isinstance(end, (int, float)) or end <= 0:
        return None
    return float(end)


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
