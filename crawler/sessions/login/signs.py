"""Signs on a page of being logged out or in. Pure, and cheap: it runs for every page of a crawl.

A page is taken for "logged out" by its status, by where its redirects ended, by a login form where none belongs, or by
what it says of itself. 403 alone says nothing: a logged-in user may lack a right. A way to log out speaks for the user,
so it overrules the guesses (a page where one confirms the password has a password field too); it does not overrule what
the spider says or a redirect to a login page that is known.

The quick way: costly questions are asked where a cheap one says that the answer may be yes. On a page that does not
hold the word "password" no form is looked for, and nothing is parsed; patterns of phrases are tried on a title that has
the stem of one; and whether the login page itself was asked for matters only where the page looks logged out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, AnyStr, Final

from crawler.errors import InvalidURL
from crawler.late_pattern import late_pattern
from crawler.sessions.login.data_signs import said_by_data
from crawler.sessions.login.login_addresses import is_login_address, is_one_of, looks_like_login
from crawler.sessions.login.login_answers import captcha_sign, one_time_code_sign, wrong_password_sign
from crawler.sessions.login.page_marks import (
    AT_ONCE_S,
    asks_to_log_in,
    has_login_form,
    is_marked,
    mentions_password,
    plain_text,
    refresh_of,
)
from crawler.sessions.login.sent_forms import shown_forms
from crawler.sessions.login.way_out import logged_in_sign
from crawler.sessions.login.words import (
    ASKS_TO_LOG_IN,
    HEADING_STEMS,
    LOGIN_AT_END,
    LOGIN_STEMS,
    LOGIN_TITLE,
    SAYS_LOGGED_OUT,
    SAYS_NO_ENTRY,
)
from crawler.urls import absolute, redact

if TYPE_CHECKING:
    from crawler.response import Response

__all__ = [
    "captcha_sign",
    "has_login_form",
    "is_one_of",
    "leads_to_login",
    "logged_in_sign",
    "logged_out_sign",
    "looks_like_login",
    "one_time_code_sign",
    "wants_login",
    "wrong_password_sign",
]

FORM_AGAIN: Final = "the form that the login step has sent, on a page that is not the login page"
_HEADING_STEMS: Final = tuple(stem.encode() for stem in HEADING_STEMS)
_TITLE_BYTES: Final = 300
_HEADING_BYTES: Final = 262_144  # of one heading: a picture may be drawn in it
_MOST_HEADINGS: Final = 20  # that are asked for a text: the first ones may hold a logo
_FEW_CHARACTERS: Final = 1_000  # a page that only says "log in" or sends on has no more to read
_HARDLY_MORE: Final = 400  #: characters of a page that says one sentence, with what stands around it
_FEW_TAGS: Final = 300  # more are a list, a table, an article: counted at memory speed
_FEW_WORDS: Final = 2  # "your", "la": more of them make the name of an article
_WORD: Final = late_pattern(r"\w+")
_PART: Final = late_pattern(r"\s[|\u2013\u2014\u00b7\u00bb-]\s|(?<!\s)\s*+[|\u2013\u2014\u00b7\u00bb]\s*")
_TYPED: Final = late_pattern(rb"<input\s[^<>]*?type\s*=\s*[\"']?(?:text|email|password|tel)[^>]*", re.IGNORECASE)
_SEARCH: Final = late_pattern(
    rb"""\b(?:name|id)\s*=\s*["']?(?:q|s|qs|kw|query|find|such\w*|search\w*|recherche|buscar?|zoek\w*)\b""",
    re.IGNORECASE,
)
_TITLE_TAG: Final = late_pattern(rb"<[tT][iI][tT][lL][eE]")
_HEADING_TAG: Final = late_pattern(rb"<[hH]([1-6])[\s>]")
_TITLE_PARTS: Final = late_pattern(r"\s[|:\u2013\u2014\u00b7\u00bb-]\s|(?<!\s)\s*+[|\u2013\u2014\u00b7\u00bb]\s*|:\s")
_SCRIPTED: Final = late_pattern(
    rb"""\blocation(?:\.href|\.assign|\.replace)?\s*(?:=|\()\s*["']([^"'\s]{1,500})["']""", re.IGNORECASE
)
_DELAY: Final = late_pattern(rb",\s*(\d[\d\s*]{0,40})\)")  # the last argument of setTimeout, such as 30 * 60 * 1000
_LINK: Final = late_pattern(rb"""<(?:a|form)\s[^<>]*?(?:href|action)\s*=\s*["']?([^"'>\s]+)""", re.IGNORECASE)


def logged_out_sign(
    response: Response,
    *,
    asked_url: str,
    login_urls: Collection[str] = (),
    learned_urls: Collection[str] = (),
    login_forms: Collection[str] = (),
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
        learned_urls: The same, of pages that showed a login form to somebody who was logged out: a redirect there is a
            sign, but so is a login form there (the home page may be one of them).
        login_forms: Forms that the login step has sent, as `sent_forms` writes them.
        css, text: What only the logged-out page has; given, they replace the guesses from its content.
        logged_in_css, logged_in_text: What every logged-in page has: a page of status 2xx without it is logged out, one
            with it is not.
    Returns:
        The reason in a few words, without secrets, or None.
    """
    if response.status_code == 401:
        return None if is_login_address(asked_url, login_urls) else "status 401"  # so anybody may be asked
    led_to = _leads_to(response)
    if response.history or led_to != asked_url:
        asked_login = is_login_address(asked_url, login_urls)
        led_to_login = is_one_of(led_to, login_urls) or is_one_of(led_to, learned_urls)
        if led_to_login and not asked_login and not is_one_of(asked_url, learned_urls):
            return f"redirected to the login page {redact(led_to.partition('?')[0])}"
        if looks_like_login(led_to) and not asked_login and not logged_in_sign(response):
            return f"redirected to what looks like a login page, {redact(led_to.partition('?')[0])}"
    if logged_in_css is not None or logged_in_text is not None:
        if is_marked(response, logged_in_css, logged_in_text):
            return None
        if 200 <= response.status_code < 300 and response.is_html:
            return "the mark of a logged-in page is missing"
    if css is not None or text is not None:
        return "the mark of a logged-out page is there" if is_marked(response, css, text) else None
    if not response.is_html:
        return None if is_login_address(asked_url, login_urls) else said_by_data(response)
    return _guess(response, asked_url, login_urls) or _shows_form_again(response, asked_url, login_urls, login_forms)


def _leads_to(response: Response) -> str:
    """Where it came from; of a redirect that was not followed, since the callback wants to see it, where that leads."""
    if 300 <= response.status_code < 400 and (location := response.headers.get("Location")):
        with suppress(InvalidURL):
            return absolute(response.url, location)
    return response.url


def wants_login(response: Response, asked_url: str) -> bool:
    """Whether a page tells a visitor who never logs in that it wants a login.

    A login form alone does not say so: many public pages have one in their head.
    """
    led_to_login = response.url != asked_url and looks_like_login(response.url)
    if not led_to_login and not (response.is_html and (_says_so(response) or _says_nothing_else(response))):
        return False  # nearly always
    return not is_login_address(asked_url, ()) and not logged_in_sign(response)


def _says_so(response: Response) -> bool:
    return _said_in_headings(response) is not None or _refuses_beside_a_form(response)


def _says_nothing_else(response: Response) -> bool:
    """Whether a page says hardly more than that a session is over, or that one has to log in, and offers a way.

    "Log in to comment" beside an article is no refusal: there is the article to read.
    """
    body = response.body
    if body.count(b"<") > _FEW_TAGS or not _holds_one(body.lower(), LOGIN_STEMS):
        return False
    said = plain_text(response.text).lower()
    if len(said) > _HARDLY_MORE or not SAYS_LOGGED_OUT.search(said):
        return False
    return leads_to_login(response) or any(LOGIN_TITLE.match(label.strip().lower()) for label in _labels(response))


def _labels(response: Response) -> Iterator[str]:
    """What its buttons and links say."""
    for each in response.css("button, a[href], input[type=button], input[type=submit]")[:_MOST_HEADINGS]:
        yield " ".join(each.xpath("string()").get("").split()) or each.root.get("value") or ""


def _refuses_beside_a_form(response: Response) -> bool:
    """Whether a short page says that one may not, or is not logged in, or is about nothing else, and has a form for it.

    It is about nothing else if its only heading names it: a form in the head of a public page stands beside others.
    """
    if not mentions_password(response.body) or not asks_to_log_in(response):
        return False
    said = plain_text(response.text).lower()
    if len(said) > _FEW_CHARACTERS:
        return False
    return bool(SAYS_NO_ENTRY.search(said) or SAYS_LOGGED_OUT.search(said)) or _is_headed_by_login(response)


def _is_headed_by_login(response: Response) -> bool:
    headings = response.xpath("//h1 | //h2 | //h3 | //h4 | //h5 | //h6")[: _MOST_HEADINGS + 1]
    said = [text for each in headings if (text := " ".join(each.xpath("string()").get("").split()).lower())]
    return len(said) == 1 and bool(LOGIN_TITLE.match(said[0]) or LOGIN_AT_END.search(said[0]))


def _guess(response: Response, asked_url: str, login_urls: Collection[str]) -> str | None:
    body = response.body
    may_have_form, said = mentions_password(body), _said_in_headings(response)
    may_be_short = body.count(b"<") <= _FEW_TAGS and (
        "Refresh" in response.headers or _holds_one(body.lower(), LOGIN_STEMS)
    )
    if not (may_have_form or said or may_be_short) or is_login_address(asked_url, login_urls):
        return None
    if may_have_form and asks_to_log_in(response):
        return None if logged_in_sign(response) else "a login form on a page that is not the login page"
    if said is not None:
        return None if logged_in_sign(response) else said
    return _said_by_short_page(response) if may_be_short and not logged_in_sign(response) else None


def _shows_form_again(
    response: Response, asked_url: str, login_urls: Collection[str], login_forms: Collection[str]
) -> str | None:
    if not shown_forms(response, login_forms) or is_login_address(asked_url, login_urls) or logged_in_sign(response):
        return None
    return FORM_AGAIN


def _holds_one(text: AnyStr, stems: Iterable[AnyStr]) -> bool:
    for stem in stems:  # noqa: SIM110 - a generator costs as much as the search
        if stem in text:
            return True
    return False


# --- what a page says -------------------------------------------------------------------------------------------------


def _said_in_headings(response: Response) -> str | None:
    body = response.body
    title, heading = _title(body), _heading(body)
    if not _may_speak_of_login(title + b" " + heading):
        return None
    said = " ".join(unescape(title.decode("utf-8", "replace")).split()).lower()
    if said:
        if _speaks_of_this_visit(said, response):
            return f"its title says {said[:80]!r}"
        if LOGIN_TITLE.match(_TITLE_PARTS.split(said, 1)[0]) and _asks_for_something(body):
            return f"its title says {said[:80]!r}"
    said = plain_text(heading.decode("utf-8", "replace")).lower()
    if said and _speaks_of_this_visit(said, response):
        return f"its heading says {said[:80]!r}"
    return None


def _speaks_of_this_visit(said: str, response: Response) -> bool:
    """Whether a title or heading says that this visitor is logged out, and is not the name of an article about it.

    Where it says nothing else, it does; where it says more, the page has to be short or to offer a way to log in.
    """
    found = SAYS_LOGGED_OUT.search(said) or ASKS_TO_LOG_IN.search(said)
    if found is None:
        return False
    start = max((end.end() for end in _PART.finditer(said, 0, found.start())), default=0)
    following = _PART.search(said, found.end())
    more = said[start : found.start()] + " " + said[found.end() : following.start() if following else len(said)]
    return len(_WORD.findall(more)) <= _FEW_WORDS or _is_about_this_visit(response)


def _is_about_this_visit(response: Response) -> bool:
    """Whether the page is short or offers a way to log in: an article about logging out has much else to say."""
    if len(plain_text(response.text)) <= _FEW_CHARACTERS or asks_to_log_in(response):
        return True
    return leads_to_login(response)


def leads_to_login(response: Response) -> bool:
    """Whether a link or a form of a page leads to what looks like a login page."""
    return any(_leads_to_login(response, found[1]) for found in _LINK.finditer(response.body))


def _title(body: bytes) -> bytes:
    """The first title with a text as it is written, at most 300 bytes; b"" for none."""
    start = body.find(b"<title")
    while start >= 0:
        text, begin = _title_at(body, start)
        if text:
            return text
        start = body.find(b"<title", begin) if begin else -1
    found = _TITLE_TAG.search(body)
    while found is not None:
        text, begin = _title_at(body, found.start())
        if text or not begin:
            return text
        found = _TITLE_TAG.search(body, begin)
    return b""


def _title_at(body: bytes, start: int) -> tuple[bytes, int]:
    """What the title that begins there says, and where that begins: 0 where its tag has no end."""
    begin = body.find(b">", start) + 1
    if not begin:
        return b"", 0
    end = body.find(b"<", begin, begin + _TITLE_BYTES)
    return body[begin : end if end >= 0 else begin + _TITLE_BYTES], begin


def _heading(body: bytes) -> bytes:
    """What is in the first heading of the highest level as it is written; b"" for none.

    Headings without a text, and those in comments and scripts, are skipped.
    """
    at = body.find(b"<h1")
    if at >= 0 and body[at + 3 : at + 4] in b"> \n" and body.find(b"<H1", 0, at) < 0:  # most pages; ten times as quick
        inside = _inside(body, at)
        if inside and b"<" not in inside and not _is_dead(body, at):
            return inside
    first: tuple[bytes, bytes] = b"7", b""
    for found in islice(_HEADING_TAG.finditer(body), _MOST_HEADINGS):
        level = found[1]
        if level >= first[0]:
            continue
        inside = _inside(body, found.start())
        if inside and (b"<" not in inside or plain_text(inside.decode("utf-8", "replace"))):
            if _is_dead(body, found.start()):
                continue
            first = level, inside
            if level == b"1":
                break
    return first[1]


def _inside(body: bytes, at: int) -> bytes:
    """What is in the heading that begins there, b"" for nothing."""
    begin = body.find(b">", at) + 1
    end = body.find(b"</h", begin, begin + _HEADING_BYTES) if begin else -1
    if end < 0:
        end = body.find(b"</H", begin, begin + _HEADING_BYTES) if begin else -1
    return body[begin:end] if end >= 0 else b""


def _is_dead(body: bytes, at: int) -> bool:
    """Whether the place is in a comment or a script; quick for one place near the beginning."""
    comment = body.rfind(b"<!--", 0, at)
    if comment >= 0 and body.find(b"-->", comment, at) < 0:
        return True
    script = body.rfind(b"<script", 0, at)
    return script >= 0 and body.find(b"</script", script, at) < 0


def _may_speak_of_login(markup: bytes) -> bool:
    """Whether one of the phrases may be in it: the quick question before the patterns."""
    if b"&" in markup:  # a reference such as &#108; may hide a letter
        return _holds_one(unescape(markup.decode("utf-8", "replace")).lower(), HEADING_STEMS)
    return _holds_one(markup.lower(), _HEADING_STEMS)


def _asks_for_something(body: bytes) -> bool:
    """A form that one can type into, but for a search: a two-step login asks for the name first."""
    return any(not _SEARCH.search(found[0]) for found in _TYPED.finditer(body))


def _said_by_short_page(response: Response) -> str | None:
    body, said = response.body, plain_text(response.text).lower()
    if len(said) > _FEW_CHARACTERS:
        return None
    target = refresh_of(response)
    if (target is not None and looks_like_login(target)) or (b"location" in body and _scripted_to_login(response)):
        return "it sends the browser on to what looks like a login page"
    if SAYS_LOGGED_OUT.search(said):
        return f"it says little more than {said[:80]!r}"
    if SAYS_NO_ENTRY.search(said) and leads_to_login(response):
        return "it refuses entry and leads to what looks like a login page"
    return None


def _scripted_to_login(response: Response) -> bool:
    """Whether a script of the page leads to the login page at once; not after a long time, and not on a click."""
    body = response.body
    for found in _SCRIPTED.finditer(body):
        opened = body.rfind(b"<", 0, found.start())
        if opened >= 0 and body.find(b">", opened) > found.start():
            continue  # in an attribute such as onclick
        if not _waits_long(body[body.lower().rfind(b"<script", 0, found.start()) :]) and _leads_to_login(
            response, found[1]
        ):
            return True
    return False


def _waits_long(script: bytes) -> bool:
    if b"setTimeout" not in script and b"setInterval" not in script:
        return False
    delays_ms = (math.prod(map(int, re.findall(rb"\d+", each[1]))) for each in _DELAY.finditer(script))
    return any(delay_ms > AT_ONCE_S * 1000 for delay_ms in delays_ms)


def _leads_to_login(response: Response, link: bytes) -> bool:
    try:
        return looks_like_login(absolute(response.url, unescape(link.decode("utf-8", "replace"))))
    except InvalidURL:
        return False
