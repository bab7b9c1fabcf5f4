"""A way to log out on a page: it proves that the page was fetched logged in. Pure, and cheap on most pages."""

from __future__ import annotations

import re
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, Final

from crawler.late_pattern import late_pattern
from crawler.sessions.login.dead_markup import DeadMarkup
from crawler.sessions.login.page_marks import is_marked
from crawler.sessions.login.words import LOGOUT_ADDRESS, LOGOUT_STEM, LOGOUT_STEMS, LOGOUT_TEXT

if TYPE_CHECKING:
    from crawler.response import Response

_Stems = tuple[tuple[bytes, re.Pattern[bytes]], ...]
_HEAD_BYTES: Final = 65_536  # in which the html element stands, behind comments of any length that people write
_EDGE_BYTES: Final = 65_536  # the way out of a longer page is looked for in its head and its foot first
_ICON_BYTES: Final = 262_144  # a picture drawn in the page may stand before the word
_MOST_LOOKED_AT: Final = 200  # places of one word: a page may speak of it before it offers it
_ADDRESS_IN_TAG: Final = late_pattern(rb"""\b(?:form)?(?:href|action)\s*=\s*["']?([^"'>\s]*)""")
_LABEL_IN_TAG: Final = late_pattern(rb"""\b(?:value|title|aria-label|name)\s*=\s*["']([^"'>]{1,80})["']""")
_LANGUAGE: Final = late_pattern(rb"""<html\s[^<>]*?\blang\s*=\s*["']?([a-z]{2})""", re.IGNORECASE)
_USUAL_STEMS: Final = tuple(LOGOUT_STEMS[language][0] for language in ("de", "fr", "es", "nl"))


def logged_in_sign(response: Response, *, css: str | None = None, text: str | None = None) -> bool:
    """Whether the page itself proves that it was fetched logged in: by the spider's mark, else by a way to log out.

    A way to log out is a link, form or button whose address or whole label means that; a help page that tells how to
    log out has none. False proves nothing.
    """
    if css is not None or text is not None:
        return is_marked(response, css, text)
    if not response.is_html:
        return False
    body = response.body
    stems = _stems(body)
    if len(body) <= 2 * _EDGE_BYTES:
        return _offers_logout(body, stems)
    edges = body[:_EDGE_BYTES], body[-_EDGE_BYTES:]  # it is nearly always there
    return any(_offers_logout(edge, stems) for edge in edges) or _offers_logout(body, stems)


def _offers_logout(body: bytes, stems: _Stems) -> bool:
    dead = DeadMarkup(body)
    for found in islice(LOGOUT_STEM.finditer(body.replace(b"G", b"g")), _MOST_LOOKED_AT):
        if _is_way_out(body, found.start(), dead):
            return True
    if stems:
        lower = body.lower()
        for beginning, stem in stems:
            if beginning in lower:
                for found in islice(stem.finditer(lower), _MOST_LOOKED_AT):
                    if _is_way_out(body, found.start(), dead):
                        return True
    return False


def _stems(body: bytes) -> _Stems:
    """The words of the page's language, besides the English ones; of the largest where the page does not say."""
    found = _LANGUAGE.search(body, 0, _HEAD_BYTES)
    if found is None:
        return _USUAL_STEMS
    return LOGOUT_STEMS.get(found[1].decode().lower(), ())


def _is_way_out(body: bytes, at: int, dead: DeadMarkup) -> bool:
    opened = body.rfind(b"<", max(0, at - _ICON_BYTES), at)
    if opened < 0:
        return False
    closed = body.find(b">", opened, opened + _ICON_BYTES)
    if closed < 0:
        return False
    offers = _is_of_link(body[opened : closed + 1].lower()) if closed > at else _is_label(body, opened, closed, at)
    return offers and not dead.holds(opened)


def _is_of_link(tag: bytes) -> bool:
    """Whether the tag, lower case, is that of a link, form or button whose address or label means "log out"."""
    if not tag.startswith((b"<a ", b"<a\n", b"<form", b"<button", b"<input", b"<area")):
        return False
    addresses = (found[1] for found in _ADDRESS_IN_TAG.finditer(tag))
    labels = (found[1].decode("utf-8", "replace").strip() for found in _LABEL_IN_TAG.finditer(tag))
    return any(map(LOGOUT_ADDRESS.search, addresses)) or any(map(LOGOUT_TEXT.fullmatch, labels))


def _is_label(body: bytes, opened: int, closed: int, at: int) -> bool:
    """Whether the text around *at*, behind the tag at *opened*, is all that a link or button says."""
    end = body.find(b"<", at)
    label = body[closed + 1 : end if end >= 0 else len(body)]
    if len(label) > 200 or not LOGOUT_TEXT.fullmatch(unescape(label.lower().decode("utf-8", "replace")).strip()):
        return False
    around = body[max(0, opened - _ICON_BYTES) : closed + 1].lower()  # the label may stand in a span, after an icon
    start = max(around.rfind(b"<a "), around.rfind(b"<a\n"), around.rfind(b"<button"))
    end = max(around.rfind(b"</a"), around.rfind(b"</button"))
    return start > end
