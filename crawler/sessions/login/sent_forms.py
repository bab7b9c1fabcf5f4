"""The forms that a login step has filled in: a page that shows one of them was fetched logged out. Pure.

Not every login has a password on its first page: many ask for the name alone, or for a number and a date, and some
answer with that page, status 200, at the address of any page once the session has ended.

A form is written as the address that it was sent to, with the names of its fields as a query: ``http://a.test/in?user``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote_plus, unquote_plus

from crawler.errors import BadAnswer, InvalidURL
from crawler.late_pattern import late_pattern
from crawler.sessions.login.page_marks import TYPED, Visibility
from crawler.urls import absolute

if TYPE_CHECKING:
    from crawler.response import Response

_MOST_FORMS: Final = 50  # of a page
_MOST_NAMES: Final = 50
_TYPED: Final = TYPED | {"password"}
_FORM: Final = late_pattern(rb"<form\b", re.IGNORECASE)


def forms_sent(request: Any) -> set[str]:
    """What a request has sent as a form, without values; empty where it has sent none.

    One that is sent to the page on which it stands is known there, and, without an address, on any page.
    """
    if request is None or request.method != "POST" or not request.body:
        return set()
    if not str(request.headers.get("Content-Type") or "").startswith("application/x-www-form-urlencoded"):
        return set()
    body = request.body.decode("utf-8", "replace") if isinstance(request.body, bytes) else str(request.body)
    names = {name for name, _ in parse_qsl(body, keep_blank_values=True) if name}
    if not 0 < len(names) <= _MOST_NAMES:
        return set()
    address, query = _address(str(request.url)), "&".join(map(quote_plus, sorted(names)))
    stood_on = _address(str(request.headers.get("Referer") or ""))
    return {f"{address}?{query}", *((f"?{query}",) if address == stood_on else ())}


def shown_forms(response: Response, forms: Collection[str]) -> set[str]:
    """Those of *forms* that a page shows: a visible form of the same address, none of whose fields is another one."""
    body = response.body
    likely = [form for form in forms if _may_show(body, form)] if forms else []
    if not likely or not response.is_html or not _FORM.search(body):
        return set()
    try:
        root = response.selector.root
    except BadAnswer:  # too complex to be parsed; whoever asks for more than signs is told
        return set()
    page, visible = _address(response.url), Visibility()
    shown = set()
    for element in islice(root.iter("form"), _MOST_FORMS):
        typed = _typed(element, visible)
        if not typed:
            continue
        try:
            target = _address(absolute(response.base_url, (element.get("action") or "").strip() or response.url))
        except InvalidURL:
            continue
        at = (target, "") if target == page else (target,)
        shown |= {form for form in likely if typed <= _names(form) and form.partition("?")[0] in at}
    return shown


def _typed(form: Any, visible: Visibility) -> set[str]:
    """Names of the fields that a person types into."""
    if (form.get("method") or "").strip().lower() != "post":
        return set()
    return {
        name
        for each in islice(form.iter("input"), _MOST_NAMES)
        if (name := each.get("name"))
        and (each.get("type") or "").strip().lower() in _TYPED
        and each.get("disabled") is None
        and visible(each)
    }


def _may_show(body: bytes, form: str) -> bool:
    """The quick question: whether the end of its address and one of its names are there, at memory speed."""
    _, names, end = _written(form)
    return end in body and any(name in body for name in names)


def _names(form: str) -> frozenset[str]:
    return _written(form)[0]


@lru_cache(maxsize=256)
def _written(form: str) -> tuple[frozenset[str], tuple[bytes, ...], bytes]:
    """Its names, these as bytes, and the last part of its address."""
    address, _, query = form.partition("?")
    names = frozenset(map(unquote_plus, query.split("&")))
    as_bytes = tuple(name.encode("utf-8", "replace") for name in names)  # they come out of the store
    return names, as_bytes, address.rpartition("/")[2].encode("utf-8", "replace")


def _address(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]
