"""User names and passwords in URLs: no part of a page's address, but secrets. Pure; safe from any thread."""

from __future__ import annotations

import re
from typing import Final

_USER: Final = re.compile(r"\A([a-z]+://)[^/?#\\]*@", re.IGNORECASE)
# To the first "@" of a line. A parser takes tabs out, so a line with one needs a closer look.
_GIVES_USER: Final = re.compile(r"[^\n]*[\t\r]|\s*(?:https?:|[/\\]{2})[/\\]*[^/\\?#]*@\Z", re.IGNORECASE)
# In what is no URL: behind its scheme. A "/" in the password makes of its beginning a port that is no number.
_NEAR_USER: Final = re.compile(
    r"\A(\s*+(?:https?:[/\\]*|[a-z][a-z\d+.-]*:(?:[/\\]{2})?|[/\\]*))"
    r"(?:[^/\\?#]*|[^/\\?#@:]*:(?!\d*[/\\?#]).*)@",
    re.IGNORECASE | re.DOTALL,
)

NO_USER: Final = (
    "a URL is stored and shown, so a user name and password must not stand in it; write"
    " `session.auth = (session.account.username, session.account.password)` in the login step, or give the pair to"
    " an `Identity` as its `auth`; and write the URL without them"
)
NOT_IN_ARGUMENT: Final = (
    "arguments of a spider are stored and shown, so a URL in one must not have a user name and password; put those"
    " into a variable or the file of accounts (`session.account`), and those of a proxy into the setting `proxy`"
)
LINKS_WITH_USER: Final = "links with a user name or password in them were taken without these"


def without_user(href: str) -> str:
    """An absolute URL without user name and password."""
    return _USER.sub(r"\1", href) if "@" in href else href


def gives_user(links: str) -> bool:
    """Whether a link, or one of several in lines, as they are written, may have a user name or password in it."""
    at = links.find("@")
    while at >= 0:
        if _GIVES_USER.match(links[links.rfind("\n", 0, at) + 1 : at + 1]):
            return True
        end = links.find("\n", at)
        at = links.find("@", end) if end >= 0 else -1
    return False


def note_users(warnings: list[str], links: str) -> None:
    """Add a warning, once, where `gives_user` says so."""
    if isinstance(links, str) and "@" in links and LINKS_WITH_USER not in warnings and gives_user(links):
        warnings.append(LINKS_WITH_USER)


def has_user(value: str) -> bool:
    """Whether one of the URLs in an argument of a spider, separated by commas or spaces, may have one."""
    return "@" in value and gives_user("\n".join((value, *re.split(r"[\s,]+", value))))


def masked_user(text: str) -> str:
    """What is no URL, as it may be shown: without what looks like a user name and password."""
    return _NEAR_USER.sub(r"\1***@", text)
