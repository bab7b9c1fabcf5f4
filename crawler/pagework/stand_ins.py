"""Pages that came in place of what was asked for, with a good status: terms of use, maintenance, "please slow down".

The session is good, no sign speaks of a login, and the callback finds nothing; the rest of the list is then missing.
What gives such a page away is that other pages of its callback gave something, and that it differs from them: it is
empty, says that the site is not available, led elsewhere, has a form to send that they do not have, is JSON where they
are HTML or the other way round, is JSON that holds an error or nothing but a message, or XML that holds an error. A
crawl that goes on, or a later one, begins with what is kept of a good page of that callback.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from crawler.fetching.unasked import EMPTY
from crawler.late_pattern import late_pattern
from crawler.outcome import Outcome
from crawler.pages.parsing import is_json, is_xml
from crawler.response import Request, Response
from crawler.urls import redact

STANDS_IN: Final = "nothing came of it, unlike of other pages of its callback"  #: begins what is noted of such a page
_LOOKED_AT: Final = 3  #: pages of a callback that gave something, whose forms and names are looked at
_KINDS_OF: Final = 50  #: pages of a callback that gave something, of which is noted what kind they are
_SAID_CHARACTERS: Final = 80
_NAMES_TOLD: Final = 3
_ERROR_NAMES: Final = frozenset(
    ("error", "errors", "fault", "exception", "error_message", "errormessage", "error_code")
)
_WORDS: Final = frozenset(("message", "messages", "msg", "detail", "details", "title", "description", "reason", "type"))
_STATES: Final = frozenset(("code", "status", "success", "ok", "result", "instance", "path", "timestamp", "request_id"))
_TALK: Final = _WORDS | _STATES  #: an answer that holds nothing else only says how it went
_MESSAGE_NAMES: Final = ("message", "detail", "title", "description", "reason", "error_description", "msg")
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
        names: Of what has a value in their JSON, or what is in their XML, at its top.
        kinds: "HTML", "JSON", "XML", "" for others.
        lead_on: One of them came from another address than was asked for.
    """

    __slots__ = ("forms", "kinds", "lead_on", "looked_at", "names")

    def __init__(self) -> None:
        self.looked_at, self.lead_on = 0, False
        self.forms: frozenset[str] = frozenset()
        self.names: frozenset[str] = frozenset()
        self.kinds: frozenset[str] = frozenset()


class StandIns:
    """Tells pages that stand in for others, by what other pages of their callback were like. Safe from any thread.

    Args:
        kept: A good page of a callback that an earlier run has kept; asked where this one has seen none so far.
    """

    def __init__(self, kept: Callable[[str], Response | None] = lambda callback: None) -> None:
        self._kept = kept
        self._usual: dict[str, Usual] = {}

    def noted(self, outcome: Outcome, request: Request, page: Response) -> tuple[str, ...]:
        """A line for a person about a page that has been read; none where it gave something, or is like the others."""
        name = outcome.request.callback
        empty = next((each for each in page.warnings if each.startswith(EMPTY)), "") if page.warnings else ""
        if not empty and (outcome.item_count or outcome.requests or outcome.rejected or outcome.dropped):
            usual = self._usual.get(name)
            if usual is None:
                usual = self._usual.setdefault(name, Usual())
            if usual.looked_at < _KINDS_OF:
                _look_at(page, usual)
            usual.lead_on = usual.lead_on or (bool(page.history) and _led_on(request, page))
            return ()
        if page.status_code >= 400:
            return ()
        usual = self._usual.get(name) or self._before(name)
        if not usual.looked_at:
            return ()
        if empty:  # whatever the callback made of it: a row without values
            page.warnings.remove(empty)  # said once
            return (f"{STANDS_IN}: {empty}",)
        kind, is_members = _kind(page), bool(outcome.session_key)
        why = _said(page) if kind == "HTML" else _why_data(page, usual.names) if kind == "XML" else ""
        why = why or (_why(request, page, kind, usual) if is_members else "")
        return (f"{STANDS_IN}: {why}",) if why else ()

    def _before(self, callback: str) -> Usual:
        """What earlier runs know; asked once for each callback."""
        usual = self._usual.setdefault(callback, Usual())
        page = self._kept(callback)
        if page is not None and page.body.strip():
            _look_at(page, usual)
            usual.lead_on = True  # whether it did is not kept
        return usual


def _look_at(page: Response, usual: Usual) -> None:
    """Add what a page that gave something is like."""
    usual.looked_at += 1
    usual.kinds |= {_kind(page)}
    if usual.looked_at <= _LOOKED_AT:
        usual.forms |= {mark for form in _posts_to(page) for mark in form}
        usual.names |= _names(_data(page))


def _why(request: Request, page: Response, kind: str, usual: Usual) -> str:
    """What shows that a page from which nothing came is another one than was asked for; "" for nothing."""
    if kind and "" not in usual.kinds and kind not in usual.kinds:
        return f"it is {kind}, they are {' and '.join(sorted(usual.kinds))}"
    if kind and page.history and not usual.lead_on and _led_on(request, page):
        return f"it came from {redact(page.url)}"
    if kind == "JSON":
        return _why_data(page, usual.names)
    strange = [path for path, fields in _posts_to(page) if path not in usual.forms and fields not in usual.forms]
    return f"it has a form to send, to {min(strange)}" if strange else ""


def _kind(page: Response) -> str:
    if page.is_html:
        return "HTML"
    if is_json(page.content_type):
        return "JSON"
    return "XML" if is_xml(page.content_type) else ""


def _data(page: Response) -> Any:
    """What is in a page of JSON, or at the top of XML; None for anything else."""
    if is_xml(page.content_type):
        tops = page.xpath("/* | /*/*")
        return {each.root.tag.rpartition("}")[2]: {"message": each.xpath("string()").get("")} for each in tops}
    if not is_json(page.content_type):
        return None
    try:
        return page.json()
    except (ValueError, RecursionError):
        return None


def _names(data: Any) -> frozenset[str]:
    """The names of an object that have a value: an empty list is written in many ways."""
    return frozenset(name for name, value in data.items() if value) if isinstance(data, dict) else frozenset()


def _why_data(page: Response, usual: frozenset[str]) -> str:
    """What shows that data is other than was asked for: an error that others do not hold, or a message alone."""
    data = _data(page)
    names = _names(data)
    new = names - usual
    words = {name.lower() for name in new}
    if usual and words and (not words.isdisjoint(_ERROR_NAMES) or _TALK.issuperset(map(str.lower, names))):
        return f"it holds {_few(new)}{_message(data)}, they hold {_few(usual)}"
    return ""


def _few(names: frozenset[str]) -> str:
    return ", ".join(map(repr, sorted(names)[:_NAMES_TOLD]))


def _message(data: Any) -> str:
    """What an error says, in brackets; "" where it says nothing."""
    for each in _parts(data):
        for name in _MESSAGE_NAMES:
            text = each.get(name)
            if isinstance(text, str) and text.strip():
                return f" ({redact(' '.join(text.split())[:_SAID_CHARACTERS])!r})"
    return ""


def _parts(data: Any) -> Iterator[dict[str, Any]]:
    """The object, and the objects of its errors."""
    if isinstance(data, dict):
        yield data
        for name, value in data.items():
            if name.lower() in _ERROR_NAMES:
                yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict))


def _led_on(request: Request, page: Response) -> bool:
    return urlsplit(page.url).path.rstrip("/") != urlsplit(request.url).path.rstrip("/")


def _posts_to(page: Response) -> Iterator[tuple[str, str]]:
    """The path that each form of a page posts to, and the names of its fields."""
    if page.is_html and b"<form" in page.body.lower():
        for form in page.xpath("//form[translate(@method, 'POST', 'post') = 'post']"):
            names = " ".join(sorted({each.get() for each in form.xpath(".//@name")}))
            yield urlsplit(page.urljoin(form.attrib.get("action") or page.url)).path, f"fields: {names}"


def _said(page: Response) -> str:
    """That its title or a heading says that the site is not available; "" where none does."""
    for each in page.xpath("//title | //h1 | //h2"):
        text = " ".join(each.xpath("string()").get("").split())
        if len(text) <= _SAID_CHARACTERS and _SAYS.search(text):
            return f"it says {text!r}"
    return ""
