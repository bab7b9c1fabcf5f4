"""Single sign-on of the practice site: the other hosts let the first one authenticate visitors.

A guest on another host is sent to ``/sso/authorize?return=...`` on the first host; once signed in there, back with a
ticket that is valid once, for one host and for a minute; ``/sso/accept`` turns it into a session on that host.
"""

from __future__ import annotations

import secrets
import threading
import time
from urllib.parse import parse_qs, quote, urlsplit

from crawler.quick_dataclass import quick_dataclass
from crawler.testing.layout import Layout, VisitorRequest
from crawler.testing.login_pages import LoginForms
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import Recorder
from crawler.testing.wire import Answer

TICKET_S = 60.0


@quick_dataclass
class _Ticket:
    username: str
    host: str
    given_s: float


class SingleSignOn:
    """Issues and redeems tickets. Thread-safe."""

    def __init__(self, options: SiteOptions, forms: LoginForms, layout: Layout, recorder: Recorder) -> None:
        self.options = options
        self._forms, self._layout, self._recorder = forms, layout, recorder
        self._lock = threading.Lock()  # guards _tickets
        self._tickets: dict[str, _Ticket] = {}

    def handle(self, visit: VisitorRequest) -> Answer:
        """``/sso/authorize`` on the first host and ``/sso/accept`` on the others."""
        action = visit.parts[1] if len(visit.parts) > 1 else ""
        is_main = visit.call.host == self.options.hosts[0]
        if action == "authorize" and is_main:
            return self._authorize(visit)
        if action == "accept" and not is_main:
            return self._accept(visit)
        return self._layout.not_found(visit)

    def _authorize(self, visit: VisitorRequest) -> Answer:
        back = visit.call.query().get("return", "")
        target = urlsplit(back)
        main = visit.call.base
        known = any(
            f"{target.scheme}://{target.netloc}" == main.replace(visit.call.host, host)
            for host in self.options.hosts[1:]
        )
        if not known or target.path != "/sso/accept":
            return self._layout.page(visit, "Bad return address", '<p class="error">Unknown host</p>', 400)
        if visit.session is None:
            return Answer.redirect(f"/login?next={quote(visit.call.target, safe='')}")
        ticket = secrets.token_urlsafe(18)
        with self._lock:
            now = time.monotonic()
            self._tickets = {key: one for key, one in self._tickets.items() if now - one.given_s < TICKET_S}
            self._tickets[ticket] = _Ticket(visit.session.username, target.hostname or "", now)
        self._recorder.count("tokens", "sso-ticket")
        return Answer.redirect(f"{back}{'&' if target.query else '?'}ticket={ticket}")

    def _accept(self, visit: VisitorRequest) -> Answer:
        query = parse_qs(visit.call.query_text)
        with self._lock:
            ticket = self._tickets.pop(query.get("ticket", [""])[0], None)
        if ticket is None or ticket.host != visit.call.host or time.monotonic() - ticket.given_s >= TICKET_S:
            self._recorder.count("refused", "ticket")
            return self._layout.page(visit, "Bad ticket", '<p class="error">This ticket is not good</p>', 403)
        next_path = query.get("next", ["/"])[0]
        return self._forms.enter(visit, ticket.username, next_path if next_path.startswith("/") else "/", login=False)
