"""Signs on a page of being logged out or in. Pure, and cheap: it runs for every page of a crawl.

A page is taken for "logged out" by its status, by where its redirects ended, by a login form where none belongs, or by
what it says of itself. 403 alone says nothing: a logged-in user may lack a right. A way to log out speaks for the user,
so it overrules the guesses (a page where one confirms the password has a password field too); it does not overrule what
the spider says or a redirect to a login page that is known.

The quick way: the dear questions are asked where a cheap one says that the answer may be yes. On a page that does not
hold the word "password" no form is looked for, and nothing is parsed; patterns of phrases are tried on a title that has
the stem of one; and whether the login page itself was asked for is of interest where the page looks logged out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from html import unescape
from typing import TYPE_CHECKING, AnyStr, Final
from urllib.parse import parse_qsl, urlsplit

from crawler.errors import InvalidURL
from crawler.sessions.login.answers import captcha_sign, one_time_code_sign, wrong_password_sign
from crawler.sessions.login.page_marks import has_login_form, is_marked, logged_in_sign, mentions_password, plain_text
from crawler.sessions.login.words import (
    ASKS_TO_LOG_IN,
    HEADING_STEMS,
    LOGIN_ADDRESS_STEMS,
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

_HEADING_STEMS: Final = tuple(stem.encode() for stem in HEADING_STEMS)
_SHORT_BYTES: Final = 4_096  # a page that only says "log in" or sends on is shorter
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
    if response.history or response.url != asked_url:
        asked_login = _is_login(asked_url, login_urls)
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
    return _guess(response, asked_url, login_urls) if response.is_html else None


def _guess(response: Response, asked_url: str, login_urls: Collection[str]) -> str | None:
    body = response.body
    may_have_form, said = mentions_password(body), _said_in_headings(body)
    may_be_short = len(body) <= _SHORT_BYTES and _holds_one(body.lower(), LOGIN_STEMS)
    if not (may_have_form or said or may_be_short) or _is_login(asked_url, login_urls):
        return None
    if may_have_form and has_login_form(response):
        return None if logged_in_sign(response) else "a login form on a page that is not the login page"
    if said is not None:
        return None if logged_in_sign(response) else said
    return _said_by_short_page(response) if may_be_short and not logged_in_sign(response) else None


def _holds_one(text: AnyStr, stems: Iterable[AnyStr]) -> bool:
    for stem in stems:  # noqa: SIM110 - a generator costs as much as the search
        if stem in text:
            return True
    return False


# --- addresses --------------------------------------------------------------------------------------------------------


def looks_like_login(url: str) -> bool:
    """Whether the address is one that login pages have (``/login``, ``/users/sign_in``, ``index.php?action=login``)."""
    # folding has surprises outside ASCII, and urlsplit drops control characters, which may stand amid a word
    if url.isascii() and url.isprintable() and not _holds_one(url.lower(), LOGIN_ADDRESS_STEMS):
        return False
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


# --- what a page says -------------------------------------------------------------------------------------------------


def _said_in_headings(body: bytes) -> str | None:
    title, heading = _title(body), _heading(body)
    if not _may_speak_of_login(title + b" " + heading):
        return None
    said = " ".join(unescape(title.decode("utf-8", "replace")).split()).lower()
    if said:
        if SAYS_LOGGED_OUT.search(said) or ASKS_TO_LOG_IN.search(said):
            return f"its title says {said[:80]!r}"
        if LOGIN_TITLE.match(_TITLE_PARTS.split(said, 1)[0]) and _asks_for_something(body):
            return f"its title says {said[:80]!r}"
    said = plain_text(heading.decode("utf-8", "replace")).lower()
    if said and (SAYS_LOGGED_OUT.search(said) or ASKS_TO_LOG_IN.search(said)):
        return f"its heading says {said[:80]!r}"
    return None


def _title(body: bytes) -> bytes:
    """The title as it is written, at most 300 bytes; b"" for none."""
    start = body.find(b"<title", 0, 16_384)
    if start < 0:
        start = body.find(b"<TITLE", 0, 4_096)
    begin = body.find(b">", start) + 1 if start >= 0 else 0
    if not begin:
        return b""
    end = body.find(b"<", begin, begin + 300)
    return body[begin : end if end >= 0 else begin + 300]


def _heading(body: bytes) -> bytes:
    """What is in the first heading as it is written, at most 300 bytes; b"" for none."""
    start = body.find(b"<h1", 0, 65_536)
    found = _HEADING.match(body, start) if start >= 0 else None
    return found[1] if found is not None else b""


def _may_speak_of_login(markup: bytes) -> bool:
    """Whether one of the phrases may be in it: the quick question before the patterns."""
    if b"&" in markup:  # a reference such as &#108; may hide a letter
        return _holds_one(unescape(markup.decode("utf-8", "replace")).lower(), HEADING_STEMS)
    return _holds_one(markup.lower(), _HEADING_STEMS)


def _asks_for_something(body: bytes) -> bool:
    """A form that one can type into: a two-step login asks for the name first."""
    return re.search(rb"<input\s[^>]*type\s*=\s*[\"']?(?:text|email|password|tel)", body, re.IGNORECASE) is not None


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
