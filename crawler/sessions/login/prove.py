"""Asks the probe page whether a session is logged in. What its answers say is decided in `sessions.login.probe`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from crawler.errors import StatusError
from crawler.response import Response
from crawler.sessions.login.always_sent import LastRefusal
from crawler.sessions.login.probe import ProbePage, shown_by
from crawler.sessions.login.sent_forms import shown_forms
from crawler.sessions.login.signs import logged_in_sign
from crawler.sessions.login.states import LoginRecord
from crawler.sessions.login.telling_page import TellingPage
from crawler.sessions.login.watch import logged_out_reason, refuses_guests
from crawler.sessions.session import Session
from crawler.spider import Spider, has_own_marks
from crawler.urls import redact

_SHOWN: Final = {"member": "a page", "page": "a page", "data": "data", "nothing": "empty"}


class Prover:
    """Of one session; used by the thread that prepares it.

    Attributes:
        url: The page that tells; None where none is known yet.
        nothing: The last answer proved nothing: in a few words, or "".
        is_mute: It showed no sign of being logged in: it may be a page that everybody sees.
        is_named: The spider has chosen the page.
        retry_after_s: Understands the header Retry-After.
        telling: Finds the page that tells whether credentials that go with every request are good.
        status: Of its last answer; 0 before one.
        refused_at: Where the last answer, not right after a login, refused us as an API does (`refuses_guests`).
    """

    def __init__(
        self,
        session: Session,
        spider: Spider,
        record: LoginRecord,
        *,
        url: str | None,
        retry_after_s: Callable[[str | None], float | None],
    ) -> None:
        self.url, self.nothing, self.refused_at, self.is_mute = url, "", "", False
        self._session, self._spider, self._record, self.retry_after_s = session, spider, record, retry_after_s
        self._page, self._last_refusal = ProbePage(), LastRefusal()
        self.is_named, self.status = bool(spider.probe_url), 0
        self.telling = TellingPage(session, spider, retry_after_s=retry_after_s)

    def logged_out(self, *, fresh: bool = False) -> str | None:
        """Fetch the probe page. The reason when it shows that we are logged out, None when nothing speaks against us.

        Args:
            fresh: Right after a login. Then it is not fetched where its answer is known (`LastRefusal`).
        Raises:
            FetchError: It brought no usable answer, so nothing is known.
        """
        self.nothing = ""
        if self.url is None:
            return None
        if fresh and (known := self._last_refusal.again(self._session, self.url)) is not None:
            return known
        response = self._session.get(self.url)
        self.status = response.status_code
        if fresh:  # what the probe page shows after this login is no sign, while it lasts
            self._session.sent.forms -= shown_forms(response, self._session.sent.forms)
        reason = logged_out_reason(self._spider, self._session, response, self.url)
        self._last_refusal.saw(self._session, self.url, response.status_code, reason)
        self.is_mute = not logged_in_sign(response, css=self._spider.logged_in_css, text=self._spider.logged_in_text)
        if reason is None and (response.status_code >= 500 or response.status_code == 429):
            asked_s = self.retry_after_s(response.headers.get("Retry-After"))
            raise StatusError(redact(self.url), response.status_code, asked_s)
        if not fresh:
            self.refused_at = self.url if reason is not None and refuses_guests(response) else ""
        if reason is not None:
            return reason
        probed = self._page.judge(response.status_code, response.url, fresh=fresh)
        self.nothing = probed.nothing
        return probed.reason or self._is_another(response, fresh=fresh)

    @property
    def may_be_for_all(self) -> bool:
        """Whether the page that was asked last may be one that everybody sees."""
        return self.is_mute and not self.is_named

    def was_refused(self, url: str) -> None:
        """Another page than the one that was asked has just refused the credentials: from now on that one tells."""
        self.url, self.refused_at = url, url
        self._last_refusal.saw(self._session, url, 401, "status 401")

    def _is_another(self, response: Response, *, fresh: bool) -> str | None:
        """A page or data after the login, and now nothing, or the other one: some sites answer a guest like that.

        So do those whose start page everybody may see: it no longer has a way to log out. A page not seen right after a
        login has to show as much as those of other spiders that have the same session.
        """
        if self.url is None or has_own_marks(self._spider) or not 200 <= response.status_code < 300:
            return None
        showed = self._record.probe_showed
        shown, before = shown_by(response, offers_logout=not self.is_mute), showed.get(self.url, "")
        if not before and shown == "page" and "member" in showed.values():
            before = "member"
        if not fresh and (before, shown) == ("member", "page"):
            if self._is_mute_again(self.url):
                return "the probe page, which offered to log out after the login, no longer does"
            shown = "member"
        elif not fresh and before and shown != before and (before, shown) != ("page", "member"):
            return f"the probe page, which was {_SHOWN[before]} after the login, is {_SHOWN[shown]} now"
        others = {url: what for url, what in showed.items() if url != self.url}
        self._record.probe_showed = others if shown == "nothing" else {**others, self.url: shown}
        return None

    def _is_mute_again(self, url: str) -> bool:
        """Whether a second answer has no way to log out, either: one of them may have come from a cache for guests."""
        response = self._session.get(url)
        self.is_mute = not logged_in_sign(response)
        return self.is_mute

    def shows_out(self, url: str) -> str | None:
        """Fetch a page that showed us logged out once more: the reason when it does so again.

        Raises:
            FetchError: It brought no usable answer.
        """
        return logged_out_reason(self._spider, self._session, self._session.get(url), url)

    def shows_out_still(self, url: str) -> str | None:
        """As `shows_out`, of a session that is good: by a new login, or by its probe.

        A form of the login on a page that is another one for a stranger is no sign from now on: members have it, too.
        """
        response = self._session.get(url)
        reason = logged_out_reason(self._spider, self._session, response, url)
        shown = shown_forms(response, self._session.login_forms) if reason is not None else ()
        if not shown or self.telling.is_for_all(response):
            return reason
        self._session.are_for_members(shown)
        return logged_out_reason(self._spider, self._session, response, url)
