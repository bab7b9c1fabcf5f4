"""Pages that came in place of what was asked for, with a good status: terms of use, maintenance, "please slow down".

The session is good, no sign speaks of a login, and the callback finds nothing; the rest of the list is then missing.
What gives such a page away is that other pages of its callback gave something, and that it differs from them: it led
elsewhere, has a form to send that they do not have, or says that the site is not available.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from crawler.late_pattern import late_pattern
from crawler.outcome import Outcome
from crawler.response import Request, Response
from crawler.urls import redact

STANDS_IN: Final = "nothing came of it, unlike of other pages of its callback"  #: begins what is noted of such a page
_LOOKED_AT: Final = 3  #: pages of a callback that gave something, whose forms are looked at
_SAID_CHARACTERS: Final = 80
_SAYS: Final = late_pattern(
    r"\bmaintenance\b|wartung|mantenimiento|manutenzione|manutenç|onderhoud|slow(?:ing)? down"
    r"|too (?:many requests|fast)|try again (?:later|in )|temporarily (?:un|not )available"
    r"|(?:service|site|portal|system) (?:is )?unavailable"
    r"|zu viele anfragen|vorübergehend nicht|trop de requêtes|indisponible|demasiadas (?:peticiones|solicitudes)"
    r"|no disponible|troppe richieste|non disponibile|te veel verzoeken|niet beschikbaar",
    re.IGNORECASE,
)


class Usual:
    """What pages of one callback that gave something are like. Changed by any worker: one page more or less is no harm.

    Attributes:
        looked_at: How many of them were looked at.
        forms: Paths that their forms post to, and the fields of these forms: a path may have the number of its page.
        lead_on: One of them came from another address than was asked for.
    """

    __slots__ = ("forms", "lead_on", "looked_at")

    def __init__(self) -> None:
        self.looked_at, self.lead_on = 0, False
        self.forms: frozenset[str] = frozenset()


class StandIns:
    """Tells pages that stand in for others, by what other pages of their callback were like. Safe from any thread."""

    def __init__(self) -> None:
        self._usual: dict[str, Usual] = {}

    def noted(self, outcome: Outcome, request: Request, page: Response) -> tuple[str, ...]:
        """A line for a person about a page that has been read; none where it gave something, or is like the others."""
        name = outcome.request.callback
        usual = self._usual.get(name)
        if outcome.item_count or outcome.requests or outcome.rejected or outcome.dropped:
            if usual is None:
                usual = self._usual.setdefault(name, Usual())
            if usual.looked_at < _LOOKED_AT:
                usual.looked_at += 1
                usual.forms |= {mark for form in _posts_to(page) for mark in form}
            usual.lead_on = usual.lead_on or (bool(page.history) and _led_on(request, page))
            return ()
        if usual is None or not page.is_html or page.status_code >= 400:
            return ()
        why = _why(request, page, usual)
        return (f"{STANDS_IN}: {why}",) if why else ()


def _why(request: Request, page: Response, usual: Usual) -> str:
    """What shows that a page from which nothing came is another one than was asked for; "" for nothing."""
    if said := _said(page):
        return f"it says {said!r}"
    if page.history and not usual.lead_on and _led_on(request, page):
        return f"it came from {redact(page.url)}"
    strange = [path for path, fields in _posts_to(page) if path not in usual.forms and fields not in usual.forms]
    return f"it has a form to send, to {min(strange)}" if strange else ""


def _led_on(request: Request, page: Response) -> bool:
    return urlsplit(page.url).path.rstrip("/") != urlsplit(request.url).path.rstrip("/")


def _posts_to(page: Response) -> Iterator[tuple[str, str]]:
    """The path that each form of a page posts to, and the names of its fields."""
    if page.is_html and b"<form" in page.body.lower():
        for form in page.xpath("//form[translate(@method, 'POST', 'post') = 'post']"):
            names = " ".join(sorted({each.get() for each in form.xpath(".//@name")}))
            yield urlsplit(page.urljoin(form.attrib.get("action") or page.url)).path, f"fields: {names}"


def _said(page: Response) -> str:
    """What its title or a heading says of the site not being available; "" for nothing."""
    for each in page.xpath("//title | //h1 | //h2"):
        text = " ".join(each.xpath("string()").get("").split())
        if len(text) <= _SAID_CHARACTERS and _SAYS.search(text):
            return text
    return ""
