"""Loads a page of an app so that its scripts renew the session's token, in the browser that renders pages.

So the page may go where pages of the crawl may (`allowed_domains`, and `render_hosts` for its frames and scripts),
through the session's proxy and within its limits, and the browser ends with the crawl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import requests

from crawler.clock import unix_now
from crawler.errors import FetchError, NotRendered
from crawler.render import Render
from crawler.rendering.showing import AsItIs, RenderingStopped, Showing
from crawler.response import Response
from crawler.sessions.auth.storage_token import PageRefresh, in_storage
from crawler.sessions.auth.tokens import jwt_end
from crawler.sessions.login.page_marks import has_login_form
from crawler.sessions.login.renewal import IsRenewed
from crawler.sessions.session import Session
from crawler.urls import redact

if TYPE_CHECKING:
    from crawler.pagework.assembly import Assembly

_SLOW_S: Final = 8.0
_CLOCKS_DIFFER_S: Final = 60.0


def load(parts: Assembly, session: Session, refresh: PageRefresh, renewed: IsRenewed) -> Response:
    """As `sessions.login.renewal.LoadsPage`.

    Tried once more where nothing came and the page asks for no login: apps wait some ten seconds for their frames,
    which soon pass on a busy machine or a slow site; and a token that has just ended may not have by the site's clock.
    """
    may_be_early = _has_just_ended(session)
    page, lasted_s = _loaded(parts, session, refresh, renewed)
    if (may_be_early or lasted_s > _SLOW_S) and not (renewed() or has_login_form(page)):
        page, _ = _loaded(parts, session, refresh, renewed)
    return page


def _has_just_ended(session: Session) -> bool:
    """Whether the token says that it has ended, and only recently."""
    token = in_storage(session.auth)
    ends = jwt_end(token.kept(session.storage)) if token is not None else None
    return ends is not None and unix_now() < ends + _CLOCKS_DIFFER_S


def _loaded(parts: Assembly, session: Session, refresh: PageRefresh, renewed: IsRenewed) -> tuple[Response, float]:
    """The page in its final state, and after how many seconds it had its last answer."""
    asked = session.prepare_request(requests.Request("GET", refresh.url, auth=AsItIs()))
    asked.signs_itself = True  # a browser sends no token when it loads a page
    document = session.send(asked)
    if document.status_code in parts.policy.statuses:
        raise parts.fetcher.status_error(document)
    if document.status_code >= 400 or not (document.is_html and document.body):
        return document, 0.0
    if not parts.renderer.shows(document.url):
        document.warnings.append("that host is not in `allowed_domains`, so nothing from it was loaded")
        return document, 0.0
    try:
        showing = Showing(document, refresh.render or Render(), parts.hop_guard, until=renewed)
        rendered = parts.renderer.render(session, showing)
    except RenderingStopped:
        raise NotRendered(redact(refresh.url), "the run ends") from None
    if not renewed():
        trouble = rendered.requests.trouble(parts.policy.statuses)
        if isinstance(trouble, FetchError):
            raise trouble
        if trouble is not None:
            raise parts.fetcher.status_error(trouble)
    return rendered.response, rendered.requests.lasted_s
