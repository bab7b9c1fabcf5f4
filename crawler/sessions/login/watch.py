"""Whether a page was fetched logged out: the spider's own check first, the built-in signs otherwise."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from crawler.errors import SpiderError
from crawler.pages.parsing import StandIn, is_json
from crawler.response import Response
from crawler.sessions.login import signs
from crawler.sessions.login.elsewhere import with_word_of_another
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import canonical, redact

_MOST_ASKED_AGAIN = 10_000
_ENOUGH_IN_VAIN = 10  #: in a row: this site leads many of its URLs by way of its login page, to everybody


def logged_out_reason(spider: Spider, session: Session, response: Response, asked_url: str) -> str | None:
    """Why *response* was fetched logged out; None when it was not. The spider's own check comes first.

    Raises:
        SpiderError: That check has failed.
    """
    reason = _reason(spider, session, response, asked_url)
    return with_word_of_another(reason, response) if reason else None


def _reason(spider: Spider, session: Session, response: Response, asked_url: str) -> str | None:
    if type(spider).is_logged_out is not Spider.is_logged_out:
        try:
            answer = _said_by_spider(spider, response)
        except Exception as error:
            what = f"{type(error).__name__}: {redact(str(error))}"
            raise SpiderError(f"{spider.name}.is_logged_out failed on {redact(response.url)}: {what}") from error
        if answer is not NotImplemented:
            return "is_logged_out of the spider says so" if answer else None
    return signs.logged_out_sign(
        response,
        asked_url=asked_url,
        login_urls=(spider.login_url,) if spider.login_url else (),
        learned_urls=session.login_urls,
        login_forms=session.login_forms,
        css=spider.logged_out_css,
        text=spider.logged_out_text,
        logged_in_css=spider.logged_in_css,
        logged_in_text=spider.logged_in_text,
    )


def refuses_guests(response: Response | None) -> bool:
    """Whether an answer to somebody who is logged out is that of an API: 401, or data, from the address itself."""
    return (
        response is not None
        and not response.history
        and (response.status_code == 401 or is_json(response.content_type))
    )


def _said_by_spider(spider: Spider, response: Response) -> Any:
    """What its own check says; NotImplemented for "nothing".

    JSON has no elements. A check that asks for some is asked twice, as if none and as if one were there: an answer that
    rests on that says nothing, and the built-in signs decide. "No login form" would otherwise hide a 401, and "no link
    to log out" would be a lost session.
    """
    if response.has_elements:
        return spider.is_logged_out(response)
    response.stand_in = StandIn(finds=False)
    try:
        if_none = spider.is_logged_out(response)
        response.stand_in = StandIn(finds=True)
        with suppress(Exception):  # it takes what "was found" for something that it is not
            if if_none is not NotImplemented and bool(spider.is_logged_out(response)) == bool(if_none):
                return if_none
    finally:
        response.stand_in = None
    return NotImplemented


def led_elsewhere(spider: Spider, session: Session, response: Response, asked_url: str) -> str | None:
    """Why *response* is not the page that was asked for: it came by way of the login page, and is another one.

    A single sign-on may let a session in again on the way, without a login step; some then show the page that
    they always begin with. Asked for once more, the right page comes. A URL that leads elsewhere the second time, too,
    does so for everybody, and what it brings is taken.
    """
    again = session.asked_again
    if not response.history or canonical(response.url) == canonical(asked_url):
        if again and asked_url in again:
            again.discard(asked_url)
            session.asked_in_vain = 0
        return None
    if session.asked_in_vain >= _ENOUGH_IN_VAIN:
        return None
    known = [*session.login_urls, *([spider.login_url] if spider.login_url else [])]
    hop = next((each.url for each in response.history if signs.is_one_of(each.url, known)), None)
    if hop is None or signs.is_one_of(asked_url, known):
        return None
    if asked_url in again or len(again) >= _MOST_ASKED_AGAIN:
        again.discard(asked_url)
        session.asked_in_vain += 1
        return None
    again.add(asked_url)
    return f"led through the login page {redact(hop.partition('?')[0])} to another page than the one asked for"
