"""A rendered page's requests, sent through its session: its jar, its proxy, its limits, its host's turn.

The browser itself has no network. So whatever holds for a request of the crawl holds for one of a page: which address
may be connected to, where credentials may go, how large an answer may be, how often a host may be asked.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import field, replace
from typing import Any, Final

import requests

from crawler.clock import unix_now
from crawler.errors import CrawlError, FetchError, GuardRefused, NotRendered, TimedOut, TooLarge
from crawler.fetching.limits import Limits
from crawler.quick_dataclass import quick_dataclass
from crawler.rendering.page_rules import PageRequest, PageRules
from crawler.rendering.script_cache import ScriptCache
from crawler.rendering.showing import OVERTAKEN, AsItIs, Showing
from crawler.request import Request
from crawler.response import Response
from crawler.sessions.auth.storage_token import in_storage
from crawler.sessions.flow import run
from crawler.sessions.session import Session
from crawler.urls import redact

_MOST_REQUESTS: Final = 500  #: of one page
LAPSED: Final = "its lease ran out while the page was rendered"
_DATA: Final = frozenset({"xhr", "fetch"})
#: headers of a page that the session, or its transport, decides
_OWN: Final = frozenset({"accept-encoding", "accept-language", "connection", "content-length", "cookie", "host"})


@quick_dataclass
class PagePolicy:
    """What requests of pages need from the crawl around them.

    Attributes:
        rules: Which of them are sent.
        limits: For one exchange, and for all requests of a page together.
        robots: Why robots.txt keeps a session from a URL, "" where it does not; None where it is not obeyed.
        connection: ``connection(session, url, ends)`` waits for a free connection and holds it.
        scripts: Scripts that other pages have loaded.
    """

    rules: PageRules
    limits: Limits
    robots: Callable[[Session, str], str] | None
    connection: Callable[[str, str, float], AbstractContextManager[object]]
    scripts: ScriptCache = field(default_factory=ScriptCache)


class NotSent(Exception):
    """A rule refuses a request of a page; the text says which."""


class PageRequests:
    """The requests of one page. `send` is called on threads that may wait; the rest is for the page's own thread.

    Args:
        session: Sends them, as it is logged in now; when it logs in anew, the page is void.
        page: Which one, with its logout guard.
        ends: When the page has to be finished, by ``time.monotonic()``.

    Attributes:
        has_lapsed: A request was not sent since the page may belong to another process by now.
        refused: Those that were not sent, by reason.
        data: Answers to scripts that fetched data, in order.
        last: The result of the last request of each method and URL to a host of the crawl.
    """

    def __init__(self, policy: PagePolicy, session: Session, page: Showing, ends: float) -> None:
        self._policy, self.session, self._page, self.ends = policy, session, page, ends
        self._began_at = self._answered_at = time.monotonic()
        self._epoch, self._jar = session.epoch, session.cookies
        self._lock = threading.Lock()  # guards the rest
        self._left_bytes = policy.limits.max_size_bytes
        self._count = 0
        self.has_lapsed = False
        self.refused: Counter[str] = Counter()
        self.data: list[Response] = []
        self.last: dict[tuple[str, str], Response | FetchError] = {}

    def is_overtaken(self) -> bool:
        """Whether the session has logged in anew since the page was begun."""
        return self.session.epoch != self._epoch or self.session.cookies is not self._jar

    @property
    def lasted_s(self) -> float:
        """Seconds from the start of the page to the last answer that it got."""
        return self._answered_at - self._began_at

    def refuse(self, reason: str) -> None:
        """Count a request that is not sent."""
        with self._lock:
            self.refused[reason] += 1

    def guarded(self, url: str, text: str, rel: str) -> str:
        """Why an element of the page may not be clicked; "" where it may."""
        guard = self._page.guard
        return (guard(url, text, rel) or "") if guard is not None else ""

    def send(self, asked: PageRequest) -> Response:
        """Send one request and follow its redirects.

        Raises:
            NotSent: A rule refuses it, or what it led to; it is counted.
            FetchError: There is no answer, or the page is void.
        """
        refusal = self._refusal(asked)
        if refusal:
            self.refuse(refusal)
            raise NotSent(refusal)
        scripts = self._policy.scripts
        kept = scripts.get(self.session, asked, unix_now())
        if kept is not None:
            return kept
        try:
            response = self._sent(asked)
        except GuardRefused as error:
            reason = error.why.rpartition("refused-by: ")[2]
            self.refuse(reason)
            raise NotSent(reason) from None
        except FetchError as error:
            self._note(asked, error)
            raise
        self._note(asked, response)
        scripts.put(self.session, asked, response, unix_now())
        return response

    def _refusal(self, asked: PageRequest) -> str:
        refusal = self._policy.rules.refusal(asked, self._page.guard)
        if not refusal and self._policy.robots is not None:
            refusal = self._policy.robots(self.session, asked.url)
        if not refusal:
            with self._lock:
                self._count += 1
                if self._count > _MOST_REQUESTS:
                    refusal = f"more than {_MOST_REQUESTS} requests of one page"
        return refusal

    def _sent(self, asked: PageRequest) -> Response:
        session = self.session
        prepared = self._prepared(asked)

        def hop_guard(url: str, text: str, rel: str) -> str | None:
            self._prove(url)
            refusal = self._refusal(replace(asked, url=url))
            return f"refused-by: {refusal}" if refusal else None

        prepared.hop_guard = hop_guard
        if session.sending.pace is not None:
            session.sending.pace(asked.url)
        prepared.has_turn = True
        with self._policy.connection(session.name, asked.url, self.ends):
            if self.is_overtaken():
                raise NotRendered(redact(asked.url), OVERTAKEN)
            self._prove(asked.url)
            left_s = self.ends - time.monotonic()
            if left_s <= 0:
                raise TimedOut(redact(asked.url), "the page took longer than its deadline")
            prepared.own_limits = replace(self._policy.limits, deadline_s=left_s, max_size_bytes=self._left_bytes)
            response = run(session.flow(prepared))
        response.asked = _request_of(asked)
        response.session_name = session.name
        if session.params:
            response.url = session.bare(response.url)
        return response

    def _prove(self, url: str) -> None:
        """Check before each sending, since the process may have been stopped, that the page is still ours."""
        if unix_now() > self._page.ours_until():
            self.has_lapsed = True
            raise NotRendered(redact(url), LAPSED)

    def _prepared(self, asked: PageRequest) -> Any:
        given = {name: value for name, value in asked.headers if _is_pages_own(name)}
        has_token = in_storage(self.session.auth) is not None
        request = requests.Request(asked.method, asked.url, headers=given, data=asked.body)
        request.auth = AsItIs() if "authorization" in given or has_token else None
        prepared = self.session.prepare_request(request)
        prepared.signs_itself = has_token
        return prepared

    def _note(self, asked: PageRequest, came: Response | FetchError) -> None:
        with self._lock:
            self._answered_at = time.monotonic()
            if isinstance(came, Response):
                if self._left_bytes is not None:
                    self._left_bytes = max(self._left_bytes - len(came.body), 1)
                if asked.kind in _DATA:
                    self.data.append(came)
            if self._policy.rules.allows_page(asked.url):
                self.last[asked.method, asked.url] = came

    def trouble(self, statuses: frozenset[int]) -> Response | FetchError | None:
        """What a page of the crawl lacks, so that it has to be fetched again; None for nothing.

        Args:
            statuses: Those that mean so.
        """
        for came in self.last.values():
            if isinstance(came, FetchError):
                if not isinstance(came, TooLarge):
                    return came
            elif came.status_code in statuses:
                return came
        return None


def _is_pages_own(name: str) -> bool:
    return not (name in _OWN or name.startswith(("sec-", ":", "proxy-")) or name == "user-agent")


def _request_of(asked: PageRequest) -> Request | None:
    headers = {name: value for name, value in asked.headers if _is_pages_own(name) and name not in ("accept",)}
    try:
        return Request(asked.url, method=asked.method, headers=headers, body=asked.body)
    except CrawlError:
        return None


def landed_at(response: Response) -> str:
    """Where a browser following the redirects itself would be: with the fragment that scripts look for.

    Source: RFC 9110, 10.2.2: a Location without a fragment inherits that of the address before.
    """
    fragment = ""
    for hop in response.history:
        _, mark, given = hop.headers.get("Location", "").partition("#")
        fragment = given if mark else fragment
    return f"{response.url}#{fragment}" if fragment else response.url
