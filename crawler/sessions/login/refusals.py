"""What an answer says to a spider that never logs in: that a login is wanted, and what to do about it. Pure."""

from __future__ import annotations

from typing import Final

from crawler.response import Response
from crawler.sessions.login import signs
from crawler.spider import Spider

ASKS_TO_LOG_IN: Final = "it asks to log in"  #: begins what is noted of such a page
_SCHEMES: Final = frozenset({"basic", "digest", "bearer"})
_NO_LOGIN: Final = "and the spider has no `login` method"


def asked_to_log_in(spider: Spider, page: Response, asked_url: str) -> tuple[str, ...]:
    """What a page that came wants of a guest: a line for a person; none where it wants no login."""
    return (_by_page(spider),) if signs.wants_login(page, asked_url) else ()


def turned_away(spider: Spider, refusal: Response | None) -> tuple[str, ...]:
    """The same for an answer that refuses the page: 401, or 403 with a form or a link to log in.

    Where credentials came with the request, it is these that were refused.
    """
    if refusal is None or "Authorization" in refusal.request.headers:
        return ()
    if refusal.status_code == 401:
        scheme = str(refusal.headers.get("WWW-Authenticate") or "").partition(" ")[0].strip(",")
        if scheme.lower() in _SCHEMES:
            return (f"it asks for {scheme} authentication, {_NO_LOGIN}: write one that sets `session.auth`",)
        if not refusal.is_html:
            return (f"it answers guests with 401, {_NO_LOGIN}: write one that logs in or sets `session.auth`",)
        return (_by_page(spider),)
    if refusal.status_code == 403 and refusal.is_html and signs.leads_to_login(refusal):
        return (_by_page(spider),)
    return ()


def _by_page(spider: Spider) -> str:
    by_hand = f"`crawl login {spider.name} --browser`"
    return f"{ASKS_TO_LOG_IN}, {_NO_LOGIN}: write one, or give it a `login_url` and log in by hand with {by_hand}"
