"""Joins the parts of the practice site: visitors, pages, faults, and the record."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any

from crawler.testing.books import Shop
from crawler.testing.faults import Faults
from crawler.testing.invoices import Invoices
from crawler.testing.layout import LOGOUT_LINKS, SNEAKY_LOGOUT, Layout, VisitorRequest
from crawler.testing.login_pages import LoginForms
from crawler.testing.logins import Sessions
from crawler.testing.shop import ShopPages
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import LoggedRequest, Recorder
from crawler.testing.sso import SingleSignOn
from crawler.testing.surroundings import Surroundings
from crawler.testing.token_logins import Tokens
from crawler.testing.wire import HTML, Answer, WireRequest

Handler = Callable[[VisitorRequest], Answer]

POSTED = frozenset({"login", "api", "oauth", "echo"})  # first parts of the paths that accept a POST
LOGGED_BODY_BYTES = 65536


class PracticeApplication:
    """Answers the calls of the server. Thread-safe."""

    def __init__(self, options: SiteOptions, closing: threading.Event) -> None:
        self.options = options
        self.recorder = Recorder(options.log_limit)
        self.shop = Shop(options)
        self.sessions = Sessions(options, self.recorder)
        layout = Layout(options)
        self.forms = LoginForms(options, layout, self.sessions, self.recorder)
        self.tokens = Tokens(options, self.shop, self.forms, layout, self.recorder)
        self.faults = Faults(options, layout, self.sessions, self.recorder, closing)
        sso = SingleSignOn(options, self.forms, layout, self.recorder)
        surroundings = Surroundings(options, self.shop, layout)
        invoices = Invoices(options, layout, self.forms, self.sessions, self.recorder)
        self._layout = layout
        self._changeable = (self.sessions, layout, self.forms, self.tokens, self.faults, sso, surroundings, invoices)
        shop_pages = ShopPages(self.shop, layout, self.forms, self.sessions, self.recorder)
        self._routes: dict[str, Handler] = {
            **shop_pages.routes(),
            **self.faults.routes(),
            **surroundings.routes(),
            **invoices.routes(),
            **self.tokens.routes(),
            "sso": sso.handle,
            "login": self.forms.login,
            "signout": self.forms.logout,
            SNEAKY_LOGOUT[1:]: self.forms.logout,
        }
        for address, _ in LOGOUT_LINKS:
            first = address[1:].partition("?")[0]
            if first and "/" not in first and first != "go":
                self._routes[first] = self.forms.logout

    def change(self, changes: dict[str, Any]) -> None:
        """Replaces options while the site runs.

        Raises:
            ValueError: An option does not exist, or can no longer change.
        """
        fixed = {"books", "per_page", "seed", "accounts", "hosts", "tls_certificate", "tls_key", "log_limit", "control"}
        if fixed & set(changes):
            raise ValueError(f"cannot change while the site runs: {', '.join(sorted(fixed & set(changes)))}")
        self.options = self.options.changed(changes)
        for part in self._changeable:
            part.options = self.options

    def listening(self, base: str, plain_base: str) -> None:
        """Sets where the site answers, which is known only after it was created.

        Args:
            base: Address of the first host.
            plain_base: Its plain http address; the same as *base* without a certificate.
        """
        self._layout.base, self._layout.plain_base = base, plain_base

    def connected(self, host: str) -> int:
        """A connection was opened; returns its number."""
        return self.recorder.connected(host)

    def answers_left(self, answered: int) -> bool:
        """Whether a connection stays open after *answered* answers."""
        limit = self.options.keep_alive_requests
        return limit is None or answered < limit

    def date_offset_s(self) -> float:
        """Offset of the answers' Date header, in seconds."""
        return self.options.clock_offset_s

    def answer(self, call: WireRequest) -> Answer:
        """Answers a request and records it."""
        start_s = self.recorder.begin(call.host)
        visit = VisitorRequest(call, call.path[1:].rstrip("/").split("/"), None, None)
        username = label = ""
        status = 0
        try:
            answer = self._answer(visit)
            if visit.session is not None:  # a logout ends the session, but this request was still made with it
                username, label = visit.session.username, visit.session.label
            status = 0 if answer.reset_after is not None else answer.status
            return answer
        finally:
            self.recorder.end(
                LoggedRequest(
                    start_s,
                    call.host,
                    call.method,
                    call.base + call.target,
                    username,
                    label,
                    status,
                    call.headers,
                    call.body[:LOGGED_BODY_BYTES].decode("utf-8", "replace"),
                    call.connection,
                )
            )

    def _answer(self, visit: VisitorRequest) -> Answer:
        call = visit.call
        if self.options.tls_certificate and call.base.startswith("http:"):
            if self.options.cookie_name in call.cookies():
                self.recorder.count("refused", "secure-cookie-in-clear")
            return Answer.redirect(f"{self._layout.base}{call.target}", 301)
        handler = self._routes.get(visit.parts[0])
        if handler is None:
            return self._layout.not_found(visit)
        if call.method not in ("GET", "HEAD") and visit.parts[0] not in POSTED:
            answer = self._layout.page(visit, "Method not allowed", "<h1>Not this way</h1>", 405)
            answer.headers.append(("Allow", "GET, HEAD"))
            return answer
        if "cookie" in call.headers:
            visit.sid = call.cookies().get(self.options.cookie_name)
        fault = self.faults.strike(visit)
        if fault is not None:
            visit.session = self.sessions.peek(visit.sid)  # for the record; a failed request uses up nothing
            return fault
        if visit.sid is not None:
            visit.session = self.sessions.find(visit.sid, call.host, visit.user_agent)
            if visit.session is None and self.sessions.is_stale(visit.sid) and visit.parts[0] != "login":
                self.recorder.count("refused", "stale-session")
                return self._layout.page(visit, "Stale session", '<h1 class="error">This session id is old</h1>', 401)
        session = visit.session
        answer = handler(visit)
        if session is not None and (self.options.rotate_cookie or visit.parts[0] == "rotating"):
            new_sid = self.sessions.rotate(session)
            if new_sid is not None:
                answer.headers.append(("Set-Cookie", self.forms.session_cookie(visit, new_sid)))
        if self.options.page_validators and answer.status == 200 and answer.content_type == HTML:
            answer = self._as_asked(visit, answer)
        self.faults.cut(visit, answer)
        return answer

    def _as_asked(self, visit: VisitorRequest, answer: Answer) -> Answer:
        """A page with its validator, or 304 if it has not changed."""
        tag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        if visit.call.headers.get("if-none-match") == tag:
            self.recorder.count("pages", "unchanged")
            answer = Answer(304, headers=answer.headers)
        answer.headers.append(("ETag", tag))
        return answer
