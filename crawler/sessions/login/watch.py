"""Whether a page was fetched logged out: the spider's own check first, the built-in signs otherwise."""

from __future__ import annotations

from crawler.messages import Response
from crawler.sessions.login import signs
from crawler.sessions.session import Session
from crawler.spider import Spider


def logged_out_reason(spider: Spider, session: Session, response: Response, asked_url: str) -> str | None:
    """Why *response* was fetched logged out; None when it was not. The spider's own check comes first."""
    if type(spider).is_logged_out is not Spider.is_logged_out:
        answer = spider.is_logged_out(response)
        if answer is not NotImplemented:
            return "is_logged_out said so" if answer else None
    return signs.logged_out_sign(
        response,
        asked_url=asked_url,
        login_urls=(spider.login_url,) if spider.login_url else (),
        learned_urls=session.login_urls,
        css=spider.logged_out_css,
        text=spider.logged_out_text,
        logged_in_css=spider.logged_in_css,
        logged_in_text=spider.logged_in_text,
    )
