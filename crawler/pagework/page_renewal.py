"""Loads a page of an app so that its scripts renew the session's token, in the browser that renders pages.

So the page may go where pages of the crawl may (`allowed_domains`, and `render_hosts` for its frames and scripts), by
the session's proxy, within its limits, and the browser ends with the crawl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from crawler.errors import FetchError, NotRendered
from crawler.render import Render
from crawler.rendering.page_requests import AsItIs, RenderingStopped
from crawler.response import Response
from crawler.sessions.auth.storage_token import PageRefresh
from crawler.sessions.login.renewal import IsRenewed
from crawler.sessions.session import Session
from crawler.urls import redact

if TYPE_CHECKING:
    from crawler.pagework.assembly import Assembly


def load(parts: Assembly, session: Session, refresh: PageRefresh, renewed: IsRenewed) -> Response:
    """As `sessions.login.renewal.LoadsPage`."""
    asked = session.prepare_request(requests.Request("GET", refresh.url, auth=AsItIs()))
    asked.signs_itself = True  # a browser sends no token with the address of a page
    document = session.send(asked)
    if document.status_code in parts.policy.statuses:
        raise parts.fetcher.status_error(document)
    if document.status_code >= 400 or not (document.is_html and document.body):
        return document
    if not parts.renderer.shows(document.url):
        document.warnings.append("that host is not in `allowed_domains`, so nothing of it was loaded")
        return document
    try:
        rendered = parts.renderer.render(session, document, refresh.render or Render(), parts.hop_guard, renewed)
    except RenderingStopped:
        raise NotRendered(redact(refresh.url), "the run ends") from None
    if not renewed():
        trouble = rendered.requests.trouble(parts.policy.statuses)
        if isinstance(trouble, FetchError):
            raise trouble
        if trouble is not None:
            raise parts.fetcher.status_error(trouble)
    return rendered.response
