"""Which page tells whether credentials that go with every request are good: one that a stranger does not get.

A start page may be for everybody: it takes a wrong password like any other request. So where a page has answered 401,
the probe page of the spider counts, and else one that is kept from a stranger: the start page, or one of those that
came in last, of each kind one. Where all of these are for everybody, the page that answered 401 is taken at its word.

A request that is no plain GET is not sent again for that. It is taken at its word where others were refused, too, and
no page came in between: one other where none has come in before, else so many that it is hardly by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from crawler.errors import CrawlError, QuotaSpent, SpiderError, StatusError, TooLarge
from crawler.identity import Identity
from crawler.outcome import Leased
from crawler.request import Request
from crawler.response import Response
from crawler.sessions.accounts import Account
from crawler.sessions.from_spider import probe_url_of
from crawler.sessions.login import signs
from crawler.sessions.login.always_sent import mark_of, token_auth
from crawler.sessions.login.page_marks import plain_text
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import is_secret_name, redact

_MOST_KINDS: Final = 4
_MOST_TROUBLES: Final = 4  #: a page that so often brought no usable answer is asked no more: it may never answer
_MOST_KNOWN: Final = 1_000
_REFUSED_AT_FIRST, _REFUSED_LATER = 2, 5  # requests in a row, before and after a page has come in
_NOT_ASKED: Final = ('"method":', '"cookies":', '"body":')  # keys of `Request.extras`


class PlainPage(NamedTuple):
    """What may be asked for once more, by anybody: a GET without cookies and credentials of its own."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()


class TellingPage:
    """Of one session; used by the thread that prepares it, and by the scheduler's thread where a method says so.

    Attributes:
        doubtful: The request whose answer made the credentials doubtful; None where none may be asked again. Set by the
            scheduler's thread before the session is prepared.
    """

    def __init__(
        self, session: Session, spider: Spider, *, retry_after_s: Callable[[str | None], float | None]
    ) -> None:
        self._session, self._spider, self._retry_after_s = session, spider, retry_after_s
        self._kept: dict[PlainPage, None] = {}  # pages that a stranger does not get, the last ones
        self._open: dict[PlainPage, None] = {}  # pages that everybody gets
        self._troubles: Counter[PlainPage] = Counter()
        self._came: dict[tuple[str, str], Leased] = {}  # the last one of each kind; a kind is a callback and a folder
        self._refused: set[int] = set()  # requests that were answered with 401 since a page came in
        self._has_come = False
        self.doubtful: Leased | None = None

    # --- on the thread of the scheduler -------------------------------------------------------------------------------
    def came(self, row: Leased) -> None:
        """A page came in with this session."""
        self._has_come = True
        if self._refused:
            self._refused = set()
        if row.extras and any(each in row.extras for each in _NOT_ASKED):
            return
        kind = row.callback, row.url.partition("?")[0].rpartition("/")[0]
        self._came.pop(kind, None)
        self._came[kind] = row
        if len(self._came) > _MOST_KINDS:
            self._came.pop(next(iter(self._came)), None)

    def was_refused(self, request: int) -> None:
        """A request was answered with 401."""
        self._refused.add(request)

    @property
    def several_refused(self) -> bool:
        """Whether so many requests were refused since a page came in that it is hardly because of each of them."""
        return len(self._refused) >= (_REFUSED_LATER if self._has_come else _REFUSED_AT_FIRST)

    # --- on the thread that prepares the session ----------------------------------------------------------------------
    @property
    def is_known(self) -> bool:
        """Whether there is a page that tells."""
        return bool(self._spider.probe_url or self._kept)

    def refused_at(self) -> str | None:
        """The page that shows that the credentials are refused; "" where they are good, None where nothing tells.

        Raises:
            CrawlError: No usable answer came, so nothing is known.
        """
        doubtful = _page_of(self.doubtful) if self.doubtful is not None else None
        try:
            if self._spider.probe_url:
                return self._refuses(PlainPage(self._spider.probe_url))
            said = self._said_by_others(doubtful)
            if said is not None or self.doubtful is None:
                return said
            if doubtful is not None:
                return self._refuses(doubtful)
        except TooLarge:  # a file that comes is none that is refused
            return ""
        return self.doubtful.url if self.several_refused else None

    def _said_by_others(self, doubtful: PlainPage | None) -> str | None:
        """As `refused_at`, by other pages than the doubtful one."""
        trouble: CrawlError | None = None
        for page in self._candidates():
            if page == doubtful or page in self._open or self._troubles[page] >= _MOST_TROUBLES:
                continue
            try:
                answer = self._asked(self._session, page)
                if self.is_refusal(answer):
                    return page.url
                if self._tells(page, answer):
                    return ""
            except (QuotaSpent, TooLarge):
                raise
            except CrawlError as error:  # another page may tell
                self._troubles[page] += 1
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        return None

    def _candidates(self) -> Iterator[PlainPage]:
        """Pages that may tell, each once: first those that are known to, then others, the newest first."""
        start = probe_url_of(self._spider)
        came = (_page_of(row) for row in reversed(list(self._came.values())))
        pages = [*reversed(self._kept), PlainPage(start) if start else None, *came]
        yield from dict.fromkeys(page for page in pages if page is not None)

    def lets_in(self, url: str) -> bool:
        """Whether a page that asks a stranger to log in, or refuses them, is there for this session.

        A page that leads a stranger to another place, such as a question for consent, or that has a login form for
        everybody does not show it.

        Raises:
            CrawlError: No usable answer came, so nothing is known.
        """
        page = PlainPage(url)
        ours = self._asked(self._session, page)
        if ours.status_code >= 400 or signs.logged_out_sign(ours, asked_url=url) is not None:
            return False
        with _stranger(self._session) as stranger:
            theirs = self._asked(stranger, page)
        return theirs.status_code in (401, 403) or signs.logged_out_sign(theirs, asked_url=url) is not None

    def is_for_all(self, ours: Response) -> bool:
        """Whether a stranger reads the same at this address.

        Raises:
            CrawlError: No usable answer came, so nothing is known.
        """
        with _stranger(self._session) as stranger:
            theirs = self._asked(stranger, PlainPage(ours.url))
        alike = theirs.url == ours.url and theirs.status_code == ours.status_code
        return alike and plain_text(theirs.text) == plain_text(ours.text)

    def is_refusal(self, answer: Response) -> bool:
        """Whether an answer refuses credentials of the session that were sent to it."""
        sent = answer.status_code == 401 and self._session.origins.covers(answer.url)
        tokens = token_auth(self._session)
        return sent and bool(mark_of(self._session) or (tokens is not None and tokens.failure is not None))

    def _refuses(self, page: PlainPage) -> str:
        return page.url if self.is_refusal(self._asked(self._session, page)) else ""

    def _tells(self, page: PlainPage, ours: Response) -> bool:
        """Whether a stranger does not get a page that we get."""
        if ours.status_code >= 400:
            self._kept.pop(page, None)
            return False
        if page not in self._kept:
            with _stranger(self._session) as stranger:
                is_kept = _is_kept_from(self._asked(stranger, page), ours)
            known = self._kept if is_kept else self._open
            known[page] = None
            if len(known) > (_MOST_KINDS if is_kept else _MOST_KNOWN):
                known.pop(next(iter(known)))
        return page in self._kept

    def _asked(self, session: Session, page: PlainPage) -> Response:
        answer = session.get(page.url, headers=dict(page.headers) or None)
        if answer.status_code >= 500 or answer.status_code == 429:
            asked_s = self._retry_after_s(answer.headers.get("Retry-After"))
            raise StatusError(redact(page.url), answer.status_code, asked_s)
        return answer


def _page_of(row: Leased) -> PlainPage | None:
    """What may be asked once more for a request, by anybody; None where it sends more than that."""
    if not row.extras:
        return PlainPage(row.url)
    try:
        request = Request.of_row(row)
    except SpiderError:
        return None
    headers = request.headers or {}
    more = request.method != "GET" or request.body is not None or request.cookies
    if more or any(is_secret_name(name) or name.lower() == "cookie" for name in headers):
        return None
    return PlainPage(request.url, tuple(headers.items()))


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
