"""The signs of being logged out or in, asked for in the plain way: all in lower case, every pattern on every page.

What `crawler.sessions.login` does by quicker ways has to come to the same answers.
"""

from __future__ import annotations

import re
from html import unescape
from itertools import islice
from urllib.parse import urlsplit

from crawler.response import Response
from crawler.sessions.login.page_marks import asks_to_log_in, plain_text
from crawler.sessions.login.signs import _TITLE_PARTS, _asks_for_something, _said_by_short_page, _speaks_of_this_visit
from crawler.sessions.login.words import (
    LOGIN_ARGUMENT,
    LOGIN_PATH,
    LOGIN_STEMS,
    LOGIN_TITLE,
    LOGOUT_ADDRESS,
    LOGOUT_STEMS,
    LOGOUT_TEXT,
)

STEM = re.compile(rb"g(?:n[-_ ]?|[-_ ]?)o(?:ut|ff)")
USUAL = ("de", "fr", "es", "nl")
ADDRESS = re.compile(rb"""\b(?:form)?(?:href|action)\s*=\s*["']?([^"'>\s]*)""")
LABEL = re.compile(rb"""\b(?:value|title|aria-label|name)\s*=\s*["']([^"'>]{1,80})["']""")
LANGUAGE = re.compile(rb"""<html\s[^<>]*?\blang\s*=\s*["']?([a-z]{2})""", re.IGNORECASE)
TITLE = re.compile(rb"<title[^>]*>([^<]{1,300})", re.IGNORECASE)
HEADING = re.compile(rb"<h([1-6])[\s>][^>]*", re.IGNORECASE)


def looks_like_login(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(LOGIN_PATH.search(parts.path) or LOGIN_ARGUMENT.search(parts.query))


def mentions_password(body: bytes) -> bool:
    return re.search(b"assword|PASSWORD", body) is not None


def logged_out_sign(response: Response, asked_url: str) -> str | None:
    """For a page that was not redirected, of a spider that gives no marks."""
    body = response.body
    if response.status_code == 401:
        return "status 401"
    if looks_like_login(asked_url) or not response.is_html:
        return None
    if mentions_password(body) and asks_to_log_in(response):
        return None if logged_in_sign(response) else "a login form on a page that is not the login page"
    said = said_in_headings(body, response)
    if said is not None:
        return None if logged_in_sign(response) else said
    if body.count(b"<") > 300 or not any(stem in body.lower() for stem in LOGIN_STEMS) or logged_in_sign(response):
        return None
    return _said_by_short_page(response)


def said_in_headings(body: bytes, response: Response) -> str | None:
    found = re.search(rb"<title[^>]*>([^<]{1,300})", body) or TITLE.search(body)
    title = " ".join(unescape(found[1].decode("utf-8", "replace")).split()).lower() if found else ""
    if title:
        if _speaks_of_this_visit(title, response):
            return f"its title says {title[:80]!r}"
        if LOGIN_TITLE.match(_TITLE_PARTS.split(title, 1)[0]) and _asks_for_something(body):
            return f"its title says {title[:80]!r}"
    heading = _heading(body)
    if _speaks_of_this_visit(heading, response):
        return f"its heading says {heading[:80]!r}"
    return None


def _heading(body: bytes) -> str:
    """The text of the first heading of the highest level that has one."""
    read: list[tuple[bytes, int, str]] = []
    for found in islice(HEADING.finditer(body), 20):
        begin = body.find(b">", found.start()) + 1
        ends = [end for end in (body.find(b"</h", begin), body.find(b"</H", begin)) if end >= 0]
        text = plain_text(body[begin : ends[0]].decode("utf-8", "replace")).lower() if begin and ends else ""
        if text and not _is_dead(body, found.start()):
            read.append((found[1], found.start(), text))
    return min(read)[2] if read else ""


def logged_in_sign(response: Response) -> bool:
    if not response.is_html:
        return False
    body = response.body
    found = LANGUAGE.search(body, 0, 65_536)
    if found is None:
        words = [LOGOUT_STEMS[language][0][1] for language in USUAL]
    else:
        words = [stem for _, stem in LOGOUT_STEMS.get(found[1].decode().lower(), ())]
    return any(
        _is_way_out(body.lower(), place.start())
        for stem in (STEM, *words)
        for place in islice(stem.finditer(body.lower()), 200)
    )


def _is_way_out(lower: bytes, at: int) -> bool:
    opened = lower.rfind(b"<", max(0, at - 262_144), at)
    if opened < 0:
        return False
    closed = lower.find(b">", opened, opened + 262_144)
    if closed < 0 or _is_dead(lower, opened):
        return False
    if closed > at:
        tag = lower[opened : closed + 1]
        if not tag.startswith((b"<a ", b"<a\n", b"<form", b"<button", b"<input", b"<area")):
            return False
        labels = (found[1].decode("utf-8", "replace").strip() for found in LABEL.finditer(tag))
        return any(LOGOUT_ADDRESS.search(found[1]) for found in ADDRESS.finditer(tag)) or any(
            map(LOGOUT_TEXT.fullmatch, labels)
        )
    label = lower[closed + 1 : lower.find(b"<", at) if lower.find(b"<", at) >= 0 else len(lower)]
    if len(label) > 200 or not LOGOUT_TEXT.fullmatch(unescape(label.decode("utf-8", "replace")).strip()):
        return False
    around = lower[max(0, opened - 262_144) : closed + 1]
    start = max(around.rfind(b"<a "), around.rfind(b"<a\n"), around.rfind(b"<button"))
    return start > max(around.rfind(b"</a"), around.rfind(b"</button"))


def _is_dead(lower: bytes, at: int) -> bool:
    return lower.rfind(b"<script", 0, at) > lower.rfind(b"</script", 0, at) or (
        lower.rfind(b"<!--", 0, at) > lower.rfind(b"-->", 0, at)
    )
