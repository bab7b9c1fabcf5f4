"""Which page tells whether credentials that go with every request are good: one that a stranger does not get.

A start page may be for everybody: it takes a wrong password like any other request. So where a page has answered 401,
the probe page counts if it is kept from a stranger, and else the last page that came in. Where all that ever came in is
for everybody, the page that answered 401 is taken at its word.
"""

from __future__ import annotations

from collections.abc import Callable

from crawler.errors import StatusError, TooLarge
from crawler.identity import Identity
from crawler.response import Response
from crawler.sessions.accounts import Account
from crawler.sessions.from_spider import probe_url_of
from crawler.sessions.login import signs
from crawler.sessions.login.always_sent import mark_of
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import redact


class TellingPage:
    """Of one session; used by the thread that prepares it.

    Attributes:
        last_page: That came in with this session, by a plain GET; set by the scheduler's thread.
    """

    def __init__(
        self, session: Session, spider: Spider, *, retry_after_s: Callable[[str | None], float | None]
    ) -> None:
        self._session, self._spider, self._retry_after_s = session, spider, retry_after_s
        self._kept: set[str] = set()  # pages that a stranger does not get
        self.last_page = ""

    @property
    def is_known(self) -> bool:
        """Whether there is a page that tells."""
        return bool(self._spider.probe_url or self._kept)

    def refused_at(self, doubtful: str) -> str:
        """The page that shows that the credentials are refused; "" where they are good.

        Args:
            doubtful: The page that answered 401; "" where none did.
        Raises:
            CrawlError: No usable answer came, so nothing is known.
        """
        for url in dict.fromkeys((probe_url_of(self._spider), self.last_page, doubtful)):
            if not url:
                continue
            try:
                answer = self._asked(self._session, url)
            except TooLarge:  # a file that comes is none that is refused
                return ""
            if self.is_refusal(answer):
                return url
            if url in (self._spider.probe_url, doubtful) or self._tells(url, answer):
                return ""
        return ""

    def is_kept_from_strangers(self, url: str) -> bool:
        """Whether a stranger does not get a page that this session gets.

        Raises:
            CrawlError: No usable answer came, so nothing is known.
        """
        return self._tells(url, self._asked(self._session, url))

    def is_refusal(self, answer: Response) -> bool:
        """Whether an answer refuses credentials of the session that were sent to it."""
        sent = answer.status_code == 401 and self._session.origins.covers(answer.url)
        return sent and bool(mark_of(self._session))

    def _tells(self, url: str, ours: Response) -> bool:
        """Whether a stranger does not get a page that we get."""
        if url not in self._kept and ours.status_code < 400:
            with _stranger(self._session) as stranger:
                if _is_kept_from(self._asked(stranger, url), ours):
                    self._kept.add(url)
        return url in self._kept

    def _asked(self, session: Session, url: str) -> Response:
        answer = session.get(url)
        if answer.status_code >= 500 or answer.status_code == 429:
            asked_s = self._retry_after_s(answer.headers.get("Retry-After"))
            raise StatusError(redact(url), answer.status_code, asked_s)
        return answer


def _is_kept_from(stranger: Response, ours: Response) -> bool:
    led_away = stranger.url != ours.url or (_wants_login(stranger) and not _wants_login(ours))
    return stranger.status_code >= 400 or led_away


def _wants_login(response: Response) -> bool:
    return signs.logged_out_sign(response, asked_url=response.url) is not None


def _stranger(session: Session) -> Session:
    """A session that goes the same way and has no credentials and no cookies."""
    sending = session.sending
    made = Session(
        Identity("stranger", login=False),
        account=Account("stranger", environ={}),
        origins=session.origins,
        transport=session.get_adapter("https://"),
        limits=sending.limits,
        user_agent=str(session.headers.get("User-Agent", "")),
        proxy=session.proxies.get("https", ""),
        verify=session.verify is None or session.verify,
        timeout_s=sending.timeout_s,
        deadline_s=sending.deadline_s,
    )
    made.sending.pace, made.sending.recorder = sending.pace, sending.recorder
    return made
