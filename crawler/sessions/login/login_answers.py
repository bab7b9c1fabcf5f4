"""What the answer to a login says: wrong password, locked account, one-time code wanted, captcha. Pure.

`sessions.login.signs` tells whether a page was fetched logged in; here a login step has just run, and the question is
why it did not work. The answer decides whether anybody may try again, so doubt counts as no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from crawler.late_pattern import late_pattern
from crawler.sessions.login.page_marks import Visibility, has_login_form
from crawler.sessions.login.words import (
    ABOUT_CREDENTIALS,
    ABOUT_SOMETHING_ELSE,
    CAPTCHAS,
    LOCKED,
    ONE_TIME_NAME,
    ONE_TIME_TEXT,
    REFUSAL_CODES,
    WRONG,
)
from crawler.urls import printable

if TYPE_CHECKING:
    from crawler.response import Response

_MOST_CHARACTERS: Final = 20_000  # of an answer that is no page; of a page without a login form: ten printed pages
_MOST_FIELDS: Final = 2_000  # that one can type into: a page that asks for a code asks for little else
_LEAST_TEXT: Final = 100  # characters: "Loading ...", a name and a notice have fewer
_NEAR: Final = 100  # characters between the word for "wrong" and what is wrong
_SENTENCE_END: Final = late_pattern(r"[.!?]\s|\n")
_NOT_TEXT: Final = frozenset({"script", "style", "template", "noscript", "head", "select", "option", "a"})
_INLINE: Final = frozenset({"b", "strong", "em", "i", "span", "u", "small", "code", "font", "mark", "label"})
_ANSWERS_TYPED: Final = frozenset({"", "text", "tel", "number", "password"})


def wrong_password_sign(response: Response) -> str | None:
    """Why the site is taken to have refused the credentials, or locked the account; None when it did not say so.

    Give it the answer to the login POST (or the page after its redirects).

    Returns:
        The sentence of the page, on one line and at most 200 characters, or the status. Another try would be counted
        against the account.
    """
    if response.status_code == 401:
        return "status 401"
    if not response.is_html:
        if 400 <= response.status_code < 500 or response.status_code == 200:
            code = REFUSAL_CODES.search(response.text[:_MOST_CHARACTERS])
            if code is not None:
                return _shown(code)
            found = _refusal(response.text[:2_000].lower())
            return _shown(found, response.text[:2_000]) if found else None
        return None
    written = visible_text(response)
    text, asks_again = written.lower(), has_login_form(response)
    locked = LOCKED.search(text if asks_again else text[:_MOST_CHARACTERS])
    if locked is not None:
        return _shown(locked, written)
    if not asks_again:
        return None
    found = _refusal(text)
    return _shown(found, written) if found else None


def one_time_code_sign(response: Response) -> str | None:
    """Why the page is taken to ask for a one-time code, or None: answer it with ``session.account.otp()``."""
    if not response.is_html or b"<input" not in response.body.lower():
        return None
    visible = Visibility()
    inputs = response.selector.root.getroottree().iter("input")
    candidates = (each for each in inputs if (each.get("type") or "").strip().lower() in _ANSWERS_TYPED)
    typed = [each for each in islice(candidates, _MOST_FIELDS) if visible(each)]
    for field in typed:
        if (field.get("autocomplete") or "").strip().lower() == "one-time-code":
            return "a field for a one-time code"
        for name in (field.get("name") or "", field.get("id") or ""):
            if ONE_TIME_NAME.search(name):
                return f"a field named {printable(name)[:60]!r}"
    if typed and not has_login_form(response):
        found = ONE_TIME_TEXT.search(visible_text(response).lower())
        return f"it says {_shown(found)!r}" if found else None
    return None


def speaks_of_something_else(response: Response) -> bool:
    """Whether the answer, which refuses what was sent, speaks of a token, a cookie, a captcha or the like."""
    text = visible_text(response) if response.is_html else response.text
    return ABOUT_SOMETHING_ELSE.search(text.lower()) is not None


def captcha_sign(response: Response) -> str | None:
    """The name of the captcha on the page, or None: a person has to answer it (``raise NeedsHuman("captcha")``)."""
    if not response.is_html:
        return None
    body = response.body.lower()
    return next((word.decode() for word in CAPTCHAS if word in body), None)


def is_made_by_scripts(response: Response) -> bool:
    """Whether a page has scripts, no form to log in and, as it comes, next to no text of its own."""
    if not response.is_html or b"<script" not in response.body.lower() or has_login_form(response):
        return False
    return len(visible_text(response)) < _LEAST_TEXT


def visible_text(response: Response) -> str:
    """What a person reads on the page, blocks on lines of their own, without links."""
    lines = (" ".join(line.split()) for line in "".join(_texts(response.selector.root)).split("\n"))
    return "\n".join(line for line in lines if line)


def _texts(root: Any) -> Iterator[str]:
    """The texts of *root* that are shown, in order, and a line end before and after each block."""
    hidden = None  # the outermost element around us that is not shown
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            yield (element.tail or "") if hidden is None else ""
            continue
        if event == "start" and hidden is None:
            if element.tag in _NOT_TEXT or element.get("hidden") is not None or "display:none" in _style(element):
                hidden = element
                continue
            yield "" if element.tag in _INLINE else "\n"
            yield element.text or ""
        elif event == "end":
            if hidden is None:
                yield "" if element.tag in _INLINE else "\n"
            if hidden is element:
                hidden = None
            if hidden is None and element is not root:
                yield element.tail or ""


def _style(element: Any) -> str:
    return (element.get("style") or "").replace(" ", "").lower()


def _refusal(text: str) -> re.Match[str] | None:
    """The place where *text* (lower case) calls the credentials wrong."""
    for found in WRONG.finditer(text):
        before = _SENTENCE_END.split(text[max(0, found.start() - _NEAR) : found.start()])[-1]
        after = _SENTENCE_END.split(text[found.start() : found.end() + _NEAR])[0]
        sentence = before + after
        if ABOUT_CREDENTIALS.search(sentence) and not ABOUT_SOMETHING_ELSE.search(sentence):
            return found
    return None


def _shown(found: re.Match[str], written: str = "") -> str:
    """The sentence; as it stands in *written*, of which what was searched is the beginning in small letters."""
    text = found.string
    if written[: len(text)].lower() == text:  # a few letters have small ones of another length
        text = written[: len(text)]
    start = max((end.end() for end in _SENTENCE_END.finditer(text, 0, found.start())), default=0)
    following = _SENTENCE_END.search(text, found.end())
    end = following.start() + 1 if following else len(text)
    return printable(text[max(start, found.start() - 120) : min(end, found.end() + 120)].strip())[:200]
