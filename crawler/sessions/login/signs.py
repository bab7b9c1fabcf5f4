"""Signs on a page of being logged out or in. Pure, and cheap: it runs for every page of a crawl.

A page is taken for "logged out" by its status, by where its redirects ended, by a login form where none belongs, or by
what it says of itself. 403 alone says nothing: a logged-in user may lack a right. A way to log out speaks for the user,
so it overrules the guesses (a page where one confirms the password has a password field too); it does not overrule what
the spider says or a redirect to a login page that is known.

The quick way: on a page that does not hold the word "password" no form is looked for, and nothing is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from html import unescape
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from crawler.errors import InvalidURL
from crawler.sessions.login.answers import captcha_sign, one_time_code_sign, wrong_password_sign
from crawler.sessions.login.page_marks import has_login_form, is_marked, logged_in_sign, mentions_password, plain_text
from crawler.sessions.login.words import (
    ASKS_TO_LOG_IN,
    LOGIN_ARGUMENT,
    LOGIN_PATH,
    LOGIN_STEMS,
    LOGIN_TITLE,
    SAYS_LOGGED_OUT,
    SAYS_NO_ENTRY,
)
from crawler.urls import absolute, redact

if TYPE_CHECKING:
    from crawler.messages import Response

__all__ = [
    "captcha_sign",
    "has_login_form",
    "is_one_of",
    "logged_in_sign",
    "logged_out_sign",
    "looks_like_login",
    "one_time_code_sign",
    "wrong_password_sign",
]

_SHORT_BYTES: Final = 4_096  # a page that only says "log in" or sends on is shorter
_TITLE: Final = re.compile(rb"<title[^>]*>([^<]{1,300})", re.IGNORECASE)
_HEADING: Final = re.compile(rb"<h[12][^>]*>(.{1,300}?)</h[12]", re.IGNORECASE | re.DOTALL)
_TITLE_PARTS: Final = re.compile(r"\s[|:\u2013\u2014\u00b7\u00bb-]\s|\s*[|\u2013\u2014\u00b7\u00bb]\s*|:\s")
_REFRESH: Final = re.compile(
    rb"""<meta\s[^>]*http-equiv\s*=\s*["']?refresh[^>]*?content\s*=\s*["']?[\d.\s]*[;,]?\s*(?:url\s*=)?\s*["']?([^"'>\s]+)""",
    re.IGNORECASE,
)
_SCRIPTED: Final = re.compile(
    rb"""\blocation(?:\.href|\.assign|\.replace)?\s*(?:=|\()\s*["']([^"'\s]{1,500})["']""", re.IGNORECASE
)
_LINK: Final = re.compile(rb"""<(?:a|form)\s[^>]*?(?:href|action)\s*=\s*["']?([^"'>\s]+)""", re.IGNORECASE)


def logged_out_sign(
    response: Response,
    *,
    asked_url: str,
    login_urls: Collection[str] = (),
    learned_urls: Collection[str] = (),
    css: str | None = None,
    text: str | None = None,
    logged_in_css: str | None = None,
    logged_in_text: str | None = None,
) -> str | None:
    """Why *response* was fetched logged out.

    Args:
        response: The page; redirects before it in ``response.history``.
        asked_url: What the spider asked for.
        login_urls: Known login pages: absolute, or a path. A query in them must be in the page's URL too.
        learned_urls: The same, of pages that showed a login form to somebody who was logged out: to be redirected there
            says so, but a login form there does, too (the home page may be one of them).
        css, text: What only the logged-out page has; given, they replace the guesses from its content.
        logged_in_css, logged_in_text: What every logged-in page has: a page of status 2xx without it is logged out, one
            with it is not.
    Returns:
        The reason in a few words, without secrets, or None.
    """
    if response.status_code == 401:
        return "status 401"
    asked_login = _is_login(asked_url, login_urls)
    if response.history or response.url != asked_url:
        led_to_login = is_one_of(response.url, login_urls) or is_one_of(response.url, learned_urls)
        if led_to_login and not asked_login and not is_one_of(asked_url, learned_urls):
            return f"redirected to the login page {redact(response.url.partition('?')[0])}"
        if looks_like_login(response.url) and not asked_login and not logged_in_sign(response):
            return f"redirected to what looks like a login page, {redact(response.url.partition('?')[0])}"
    if logged_in_css is not None or logged_in_text is not None:
        if is_marked(response, logged_in_css, logged_in_text):
            return None
        if 200 <= response.status_code < 300 and response.is_html:
            return "the mark of a logged-in page is missing"
    if css is not None or text is not None:
        return "the mark of a logged-out page is there" if is_marked(response, css, text) else None
    if asked_login or not response.is_html:
        return None
    return _guess(response)


def _guess(response: Response) -> str | None:
    body = response.body
    if mentions_password(body) and has_login_form(response):
        return None if logged_in_sign(response) else "a login form on a page that is not the login page"
    reason = _said_in_headings(body)
    if reason is not None:
        return None if logged_in_sign(response) else reason
    if len(body) > _SHORT_BYTES or not _speaks_of_login(body) or logged_in_sign(response):
        return None
    return _said_by_short_page(response)


# --- addresses --------------------------------------------------------------------------------------------------------


def looks_like_login(url: str) -> bool:
    """Whether the address is one that login pages have (``/login``, ``/users/sign_in``, ``index.php?action=login``)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(LOGIN_PATH.search(parts.path) or (parts.query and LOGIN_ARGUMENT.search(parts.query)))


def _is_login(url: str, login_urls: Collection[str]) -> bool:
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


# --- marks of the spider ----------------------------------------------------------------------------------------------


# --- what a page says -------------------------------------------------------------------------------------------------


def _said_in_headings(body: bytes) -> str | None:
    title = _title(body)
    if title:
        if SAYS_LOGGED_OUT.search(title) or ASKS_TO_LOG_IN.search(title):
            return f"its title says {title[:80]!r}"
        if LOGIN_TITLE.match(_TITLE_PARTS.split(title, 1)[0]) and _asks_for_something(body):
            return f"its title says {title[:80]!r}"
    start = body.find(b"<h1", 0, 65_536)
    if start >= 0:
        heading = _HEADING.match(body, start)
        said = plain_text(heading[1].decode("utf-8", "replace")).lower() if heading else ""
        if said and (SAYS_LOGGED_OUT.search(said) or ASKS_TO_LOG_IN.search(said)):
            return f"its heading says {said[:80]!r}"
    return None


def _title(body: bytes) -> str:
    start = body.find(b"<title", 0, 16_384)
    if start < 0:
        start = body.find(b"<TITLE", 0, 4_096)
    found = _TITLE.match(body, start) if start >= 0 else None
    return " ".join(unescape(found[1].decode("utf-8", "replace")).split()).lower() if found else ""


def _asks_for_something(body: bytes) -> bool:
    """A form that one can type into: a two-step login asks for the name first."""
    return re.search(rb"<input\s[^>]*type\s*=\s*[\"']?(?:text|email|password|tel)", body, re.IGNORECASE) is not None


def _speaks_of_login(body: bytes) -> bool:
    lower = body.lower()
    for stem in LOGIN_STEMS:  # noqa: SIM110 - a generator costs as much as the search
        if stem in lower:
            return True
    return False


def _said_by_short_page(response: Response) -> str | None:
    body = response.body
    for pattern in (_REFRESH, _SCRIPTED) if b"location" in body else (_REFRESH,):
        found = pattern.search(body)
        if found is not None and _leads_to_login(response, found[1]):
            return "it sends the browser on to what looks like a login page"
    said = plain_text(response.text).lower()
    if len(said) > 1_000:
        return None
    if SAYS_LOGGED_OUT.search(said):
        return f"it says little more than {said[:80]!r}"
    if SAYS_NO_ENTRY.search(said) and any(_leads_to_login(response, found[1]) for found in _LINK.finditer(body)):
        return "it refuses entry and leads to what looks like a login page"
    return None


def _leads_to_login(response: Response, link: bytes) -> bool:
    try:
        return looks_like_login(absolute(response.url, unescape(link.decode("utf-8", "replace"))))
    except InvalidURL:
        return False
