"""A page to be rendered: from its document to what is parsed. The browser itself is in `rendering`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from crawler.errors import FetchError, NotRendered
from crawler.pagework.assembly import Assembly
from crawler.render import Render, render_of
from crawler.rendering.showing import OVERTAKEN, RenderingStopped, Showing
from crawler.request import Request
from crawler.response import Response
from crawler.sessions.flow import Call, Flow
from crawler.sessions.login import signs
from crawler.sessions.prepared import HopGuard
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import redact

LoggedOut = Callable[[Response], str | None]


class Rendering:
    """Which pages are rendered, and how. Safe from any thread."""

    def __init__(self, spider: Spider, parts: Assembly) -> None:
        self._of_spider, self._parts = render_of(spider.render), parts

    def wanted(self, request: Request) -> Render | None:
        """How a page is rendered; None where it is not."""
        wanted = self._of_spider if request.render is None else render_of(request.render)
        return wanted if isinstance(wanted, Render) and request.file is None else None

    def of(
        self,
        session: Session,
        wanted: Render,
        guard: HopGuard | None,
        logged_out: LoggedOut | None,
        ours_until: Callable[[], float] = lambda: math.inf,
    ) -> RenderedPage:
        """One page.

        Args:
            guard: The logout guard, for a session that is logged in.
            logged_out: Why a page was fetched logged out; None where that does not matter.
            ours_until: Until when no other process may request it, seconds since 1970.
        """
        showing = partial(Showing, wanted=wanted, guard=guard, ours_until=ours_until)
        return RenderedPage(self._parts, session, showing, logged_out)


class RenderedPage:
    """One page on its way through the browser. Used by one flow."""

    def __init__(
        self,
        parts: Assembly,
        session: Session,
        showing: Callable[[Response], Showing],
        logged_out: LoggedOut | None,
    ) -> None:
        self._parts, self._session, self._showing = parts, session, showing
        self._seen = logged_out
        self._lost = ""
        self._judged: tuple[Response, str | None] | None = None

    def flow(self, document: Response) -> Flow[Response]:
        """The page after its scripts; *document* itself where there is nothing to render.

        Raises:
            FetchError: It could not be rendered, or one of its requests brought no good answer: worth another try.
            RenderingStopped: It may belong to another process by now.
        """
        self._lost = ""
        renderer = self._parts.renderer
        if not (document.is_html and document.body) or not renderer.shows(document.url):
            return document
        rendered = yield Call(partial(renderer.render, self._session, self._showing(document)))
        if rendered.requests.has_lapsed:  # the process that has it now renders it
            raise RenderingStopped
        page: Response = rendered.response
        self._lost = self._lost_in_data(page)
        if rendered.requests.is_overtaken():
            if self._seen is None:  # nobody's login
                raise NotRendered(redact(document.url), OVERTAKEN)
            self._lost = OVERTAKEN  # from a past epoch: it is sent again
        if self.logged_out(page):
            return page
        trouble = rendered.requests.trouble(self._parts.policy.statuses)
        if isinstance(trouble, FetchError):
            raise trouble
        if trouble is not None:
            raise self._parts.fetcher.status_error(trouble)
        if rendered.missing:
            raise NotRendered(redact(document.url), f"it did not appear: {rendered.missing}")
        return page

    def logged_out(self, page: Response) -> str | None:
        """Why the page was fetched logged out, or the data that it asked for."""
        if self._judged is None or self._judged[0] is not page:  # asked twice, the check may say something else
            self._judged = page, (self._seen(page) if self._seen is not None else None) or self._lost or None
        return self._judged[1]

    def _lost_in_data(self, page: Response) -> str:
        """A page may look as usual while an API tells it that nobody is logged in.

        Where a page repeated a request with success, the last answer counts: this is how apps renew their tokens.
        """
        if self._seen is None or signs.logged_in_sign(page):
            return ""
        last = {(each.request.method, each.url): each for each in page.requests}
        for each in last.values():
            if each.status_code == 401 and self._session.origins.covers(each.url) and self._seen(each):
                return f"status 401 from {redact(each.url.partition('?')[0])}, which the page asked for"
        return ""
