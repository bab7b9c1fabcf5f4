"""The cookies of a session and those of its browser context, kept in sync. Pure.

The jar is authoritative: all requests of a page are sent with its cookies, and what answers set enters it. The browser
has a copy, so that scripts can read what they may read, and what scripts write into the copy goes into the jar. Cookies
that no script may read (HttpOnly) never enter the browser: it sends nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.cookies.cookie_records import Record

Key = tuple[str, str, str]
"""Name, domain with its leading dot where it has one, path."""


@quick_dataclass
class Changes:
    """What has to be applied to one side.

    Attributes:
        given: Cookies to set.
        gone: Those to remove.
    """

    given: list[dict[str, Any]] = field(default_factory=list, repr=False)
    gone: list[Key] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.given or self.gone)


def of_jar(records: Iterable[Record]) -> dict[Key, dict[str, Any]]:
    """The cookies of a jar (`Jar.dump`) that scripts may see, in the form that a browser accepts, by key."""
    found: dict[Key, dict[str, Any]] = {}
    for record in records:
        if record.get("http_only") or record.get("latin1") or not record["domain"] or not record["name"]:
            continue
        domain = record["domain"] if record["host_only"] else f".{record['domain']}"
        expires = record.get("expires")
        cookie = {
            "name": record["name"],
            "value": record["value"],
            "domain": domain,
            "path": record["path"],
            "expires": -1 if expires is None else expires,
            "httpOnly": False,
            "secure": record["secure"],
        }
        if record.get("same_site"):
            cookie["sameSite"] = record["same_site"]
        found[record["name"], domain, record["path"]] = cookie
    return found


def hidden_keys(records: Iterable[Record]) -> frozenset[Key]:
    """Keys of a jar's cookies that scripts may neither see nor replace."""
    return frozenset(
        (each["name"], each["domain"] if each["host_only"] else f".{each['domain']}", each["path"])
        for each in records
        if each.get("http_only")
    )


def of_browser(cookies: Iterable[Mapping[str, Any]]) -> dict[Key, dict[str, Any]]:
    """The cookies of a browser context, by key."""
    return {(each["name"], each["domain"], each["path"]): dict(each) for each in cookies}


def changes(before: Mapping[Key, Mapping[str, Any]], now: Mapping[Key, Mapping[str, Any]]) -> Changes:
    """What has changed on one side: values, and cookies that came or went."""
    given = [dict(each) for key, each in now.items() if key not in before or before[key]["value"] != each["value"]]
    return Changes(given, [key for key in before if key not in now])


def as_record(cookie: Mapping[str, Any]) -> Record:
    """A cookie of a browser as `Jar.load` takes it."""
    domain, expires = str(cookie["domain"]), cookie.get("expires", -1)
    same_site = cookie.get("sameSite")
    return {
        "name": cookie["name"],
        "value": cookie["value"],
        "domain": domain.removeprefix("."),
        "host_only": not domain.startswith("."),
        "path": cookie["path"],
        "secure": bool(cookie.get("secure")),
        "http_only": bool(cookie.get("httpOnly")),
        "same_site": same_site if same_site in ("Strict", "Lax", "None") else None,
        "expires": None if expires is None or expires < 0 else float(expires),
    }
