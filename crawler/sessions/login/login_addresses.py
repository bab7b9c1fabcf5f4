"""Addresses of login pages: those that look like one, and those that are known. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from crawler.errors import InvalidURL
from crawler.late_pattern import late_pattern
from crawler.sessions.login.words import LOGIN_ADDRESS_STEMS, LOGIN_ARGUMENT, LOGIN_PATH
from crawler.urls import absolute

#: Arguments that differ from visit to visit: where a login leads to, and tokens.
_PASSING: Final = late_pattern(
    r"(?:.*(?:return|redir|token|nonce|csrf|xsrf|state|session|ticket|time|rand).*|next|back|continue|goto|dest\w*|target"
    r"|forward|url|uri|u|r_?url|ref\w*|from|came_?from|service|sid|lang|locale|uselang|_|v|ts)\Z",
    re.IGNORECASE,
)


def looks_like_login(url: str) -> bool:
    """Whether the address is one that login pages have (``/login``, ``/users/sign_in``, ``index.php?action=login``)."""
    # folding has surprises outside ASCII, and urlsplit drops control characters, which may be in the middle of a word
    if url.isascii() and url.isprintable() and not _holds_stem(url.lower()):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(LOGIN_PATH.search(parts.path) or (parts.query and LOGIN_ARGUMENT.search(parts.query)))


def _holds_stem(lowered: str) -> bool:
    for stem in LOGIN_ADDRESS_STEMS:  # noqa: SIM110 - a generator costs as much as the search
        if stem in lowered:
            return True
    return False


def login_page_of(url: str) -> str:
    """The address by which the login page *url* is recognised: without what differs from visit to visit.

    One script may be all pages of a site (``index.php?title=Special:UserLogin``): which arguments tell the login page
    from the others is kept. Where the path says it already, none is needed.
    """
    page, _, query = url.partition("#")[0].partition("?")
    if not query or looks_like_login(page):
        return page
    arguments = [each for each in query.split("&") if LOGIN_ARGUMENT.search(each)] or [
        each for each in query.split("&") if each and not _PASSING.match(each.partition("=")[0])
    ]
    return f"{page}?{'&'.join(arguments)}" if arguments else page


def is_login_address(url: str, login_urls: Collection[str]) -> bool:
    return is_one_of(url, login_urls) or looks_like_login(url)


def is_one_of(url: str, login_urls: Collection[str]) -> bool:
    """Whether *url* is one of these pages: absolute, or a path; with the arguments that they have, if any."""
    return any(_is_page(url, known) for known in login_urls)


def _is_page(url: str, known: str) -> bool:
    """Whether *url* is the page *known*: same host and path, and with the arguments that *known* has, if any."""
    try:
        page, wanted = urlsplit(url), urlsplit(known if "://" in known else absolute(url, known))
    except (ValueError, InvalidURL):
        return False
    if page.path.rstrip("/") != wanted.path.rstrip("/") or page.netloc.lower() != wanted.netloc.lower():
        return False
    return not wanted.query or set(parse_qsl(wanted.query)) <= set(parse_qsl(page.query))
