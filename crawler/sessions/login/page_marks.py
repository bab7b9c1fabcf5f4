"""What is on a page: a login form, a text, a redirect. Pure, and cheap where the answer is no.

A way to log out is in `sessions.login.way_out`; `sessions.login.signs` and `login_answers` draw conclusions.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from crawler.errors import BadAnswer, InvalidURL
from crawler.late_pattern import late_pattern
from crawler.link_text import text_of
from crawler.sessions.login.dead_markup import DeadMarkup
from crawler.sessions.login.login_addresses import looks_like_login
from crawler.sessions.login.words import CHANGES_SOMETHING, LOGIN_TITLE
from crawler.urls import absolute

if TYPE_CHECKING:
    from crawler.response import Response

_MOST_FIELDS: Final = 500  # for passwords; no login has so many
_FEW: Final = 16  # steps in Python that cost less than one search through a page
_PASSWORD_INPUT: Final = late_pattern(rb"<input\s[^<>]*?type\s*=\s*[\"']?password", re.IGNORECASE)
_TAG: Final = late_pattern(
    r"<(script|style|template)\b(?:.*?</\1\s*+>|.*)|<!--(?:.*?-->|.*)|<[a-z/!?][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)  # what is never closed goes on to the end, as in browsers: no text is looked at twice
AT_ONCE_S: Final = 100.0  #: a page that is left within so many seconds is a redirect (as Scrapy has it)
REFRESH_WORDS: Final = (b"refresh", b"Refresh", b"REFRESH")  #: one of them is on a page with a meta refresh
_META: Final = late_pattern(rb"<[mM][eE][tT][aA]\s[^<>]{1,2000}>")
_IS_REFRESH: Final = late_pattern(rb"http-equiv\s*=\s*[\"']?\s*refresh\b", re.IGNORECASE)
_CONTENT: Final = late_pattern(rb"""\bcontent\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_DECLARED: Final = late_pattern(
    r"""\s*(?P<seconds>\d{0,9})[\d.]*\s*[;,\s]\s*(?:url\s*=\s*)?(?P<quote>["']?)(?P<url>[^"']{0,2000})""",
    re.IGNORECASE,
)
TYPED: Final = frozenset({"", "text", "email", "tel", "number", "url"})
_LABEL_CHARACTERS: Final = 256  # of a button
_MOST_TYPED: Final = 3  # tenant, name, domain: a login asks for no more besides the password
_UNSEEN_STYLE: Final = late_pattern(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def refresh_of(response: Response, *, within_s: float = AT_ONCE_S) -> str | None:
    """Where the page sends a browser on to by ``<meta http-equiv=refresh>``, absolute; None where it does not.

    The header Refresh says the same. What happens to a browser that is idle for longer than *within_s* seconds is no
    redirect.

    Source: HTML standard, "shared declarative refresh steps".
    """
    body, header = response.body, response.headers.get("Refresh", "")
    if header and (what := _DECLARED.match(header)) is not None and what["url"]:
        return _sent_on_to(response, what, within_s)
    if not any(word in body for word in REFRESH_WORDS) or not response.is_html:
        return None
    dead = DeadMarkup(body)
    for found in _META.finditer(body):
        if not _IS_REFRESH.search(found[0]) or dead.is_unseen(found.start()):
            continue
        content = _CONTENT.search(found[0])
        given = next((each for each in content.groups() if each is not None), b"") if content is not None else b""
        what = _DECLARED.match(unescape(given.decode("utf-8", "replace")))
        if what is None or not what["url"]:
            continue
        return _sent_on_to(response, what, within_s)
    return None


def _sent_on_to(response: Response, what: re.Match[str], within_s: float) -> str | None:
    if float(what["seconds"] or 0) > within_s:
        return None
    try:
        return absolute(response.base_url, what["url"].strip())
    except InvalidURL:
        return None


def is_marked(response: Response, css: str | None, text: str | None) -> bool:
    """Whether the page has the spider's mark: a text in it, or an element."""
    if text is not None and has_text(response, text):
        return True
    return css is not None and response.is_html and bool(response.css(css))


def has_text(response: Response, text: str) -> bool:
    """Whether *text* is in the body as it stands there. Plain ASCII is looked for in the bytes: nothing is decoded."""
    if text.isascii() and response.body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return text.encode() in response.body
    return text in response.text


def plain_text(markup: str) -> str:
    """Markup without tags, scripts and comments, white space made single. Quick and rough: for short texts."""
    return " ".join(unescape(_TAG.sub(" ", markup)).split())


# --- login forms ------------------------------------------------------------------------------------------------------


def mentions_password(body: bytes) -> bool:
    """Whether there may be a password field: the cheap question before the expensive one."""
    return b"assword" in body or _shouts_password(body)


def _shouts_password(body: bytes) -> bool:
    """Whether PASSWORD is there. By its rarest letter: one byte is found at memory speed, a word at a tenth of it."""
    at = body.find(b"W")
    for _ in range(_FEW):
        if at < 0 or body[at - 4 : at + 4] == b"PASSWORD":
            return at >= 0
        at = body.find(b"W", at + 1)
    return b"PASSWORD" in body


def has_login_form(response: Response) -> bool:
    """Whether a person would see a form with one password field.

    Forms with two and more are for signing up or changing the password; a field for a new password says so.
    """
    return 1 in _password_fields(response).values()


def has_new_password_form(response: Response) -> bool:
    """Whether it asks for a new password: a form with two visible password fields and more, or one that says so."""
    return any(weight > 1 for weight in _password_fields(response).values())


def asks_to_log_in(response: Response) -> bool:
    """Whether it has such a form, and it may be for logging in.

    It is not where it holds a password already or asks for much besides (settings), or where its button saves, changes
    or deletes something: then a member is to confirm who it is.
    """
    fields = _password_fields(response)
    visible = Visibility()
    return any(weight == 1 and not _changes_something(form, response, visible) for form, weight in fields.items())


def _password_fields(response: Response) -> dict[Any, int]:
    """Forms with visible password fields and how many these are; those for a new one count twice."""
    body = response.body
    if not mentions_password(body) or not response.is_html or not _PASSWORD_INPUT.search(body):
        return {}
    fields: dict[Any, int] = {}
    for_login: dict[Any, bool] = {}
    visible = Visibility()
    try:
        selector = response.selector
    except BadAnswer:  # too complex to be parsed; whoever asks for more than signs is told
        return {}
    inputs = selector.root.getroottree().iter("input")
    passwords = (each for each in inputs if (each.get("type") or "").strip().lower() == "password")
    for field in islice(passwords, _MOST_FIELDS):
        if visible(field) and field.get("disabled") is None:
            form = field.get("form") or next(field.iterancestors("form"), None)
            is_new = "new-password" in (field.get("autocomplete") or "")
            if is_new and form not in for_login:  # once for each form: it is looked through
                for_login[form] = _says_log_in(form, response, visible)
            fields[form] = fields.get(form, 0) + (2 if is_new and not for_login[form] else 1)
    return fields


def _says_log_in(form: Any, response: Response, visible: Visibility) -> bool:
    """Whether a form asks for a name as well, and says by its button or its address that it is for logging in.

    Many logins call their password new, so that browsers fill nothing in.
    """
    if form is None or isinstance(form, str):
        return False
    seen = [each for each in form.iter("input", "button") if visible(each)]
    kinds = [(each, each.tag, (each.get("type") or "").strip().lower()) for each in seen]
    if not any(tag == "input" and kind in TYPED for _, tag, kind in kinds):
        return False
    if any(
        LOGIN_TITLE.match((text_of(each, _LABEL_CHARACTERS) or each.get("value") or "").strip().lower())
        for each, tag, kind in kinds
        if tag == "button" or kind == "submit"
    ):
        return True
    with suppress(InvalidURL):
        return looks_like_login(absolute(response.url, form.get("action") or response.url))
    return False


def _changes_something(form: Any, response: Response, visible: Visibility) -> bool:
    if form is None or isinstance(form, str):
        return False
    with suppress(InvalidURL):
        if looks_like_login(absolute(response.url, form.get("action") or response.url)):
            return False
    inputs = [each for each in form.iter("input", "select", "textarea", "button") if visible(each)]
    kinds = [(each.tag, (each.get("type") or "").strip().lower()) for each in inputs]
    holds = any(kind == "password" and each.get("value") for each, (_, kind) in zip(inputs, kinds, strict=True))
    typed = sum(tag in ("select", "textarea") or (tag == "input" and kind in TYPED) for tag, kind in kinds)
    if holds or typed > _MOST_TYPED or any(tag == "textarea" for tag, _ in kinds):
        return True
    return any(
        (tag == "button" or kind in ("submit", "image"))
        and CHANGES_SOMETHING.search(f"{text_of(each, _LABEL_CHARACTERS)} {each.get('value') or ''}".lower())
        for each, (tag, kind) in zip(inputs, kinds, strict=True)
    )


class Visibility:
    """Whether the page itself shows an element, as far as attributes tell (style sheets are not read).

    One for each time that a page is looked through: it remembers what holds an element, so that each of these is looked
    at once, however many fields stand in it and however deep they stand. Used by one thread.
    """

    def __init__(self) -> None:
        self._known: dict[Any, bool] = {}  # of elements that hold others

    def __call__(self, element: Any) -> bool:
        way: list[Any] = []
        holder = element.getparent()
        while holder is not None and holder not in self._known:
            way.append(holder)
            holder = holder.getparent()
        shown = holder is None or self._known[holder]
        for each in reversed(way):
            shown = self._known[each] = shown and _shows_itself(each)
        return shown and _shows_itself(element)


def _shows_itself(element: Any) -> bool:
    if element.tag in ("template", "noscript", "head") or element.get("hidden") is not None:
        return False
    if element.tag == "dialog" and element.get("open") is None:
        return False
    return not _UNSEEN_STYLE.search(element.get("style") or "")
