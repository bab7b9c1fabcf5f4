"""Pages that an earlier crawl has seen: whether to request one, how, and what is learned for the next crawl.

Decides by values and the time; the requests are sent by `page_work`, and the store keeps the visits. What counts
as the same page is strict: the same request by the same account, read by the same code of the spider. All else is
requested as if for the first time.

`ask` has the steps of such a request as a flow (`sessions.flow`): a 304 that does not confirm what was asked is not
believed, and the page is requested as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from crawler.fetching import freshness, validators
from crawler.fetching.fetcher import Fetched
from crawler.frontier.admission import Admission
from crawler.frontier.guard import allowing
from crawler.headers import pairs_of, value_of
from crawler.outcome import Found, KeptPage, Leased, Outcome, PageVisit, Verdict
from crawler.pagework.links_given import LinksGiven, groups_of, others_of
from crawler.quick_dataclass import quick_dataclass
from crawler.request import SPREAD, Request
from crawler.response import Response
from crawler.sessions.flow import Call, Flow
from crawler.sessions.session import Session
from crawler.settings import Settings


@quick_dataclass
class Asking:
    """How to request a page that an earlier crawl has seen.

    Attributes:
        visit: What that crawl knows about it.
        conditions: Headers that ask whether it has changed.
        reads_again: The spider's code has changed: an unchanged page is parsed anew, from the kept copy.
    """

    visit: PageVisit
    conditions: Mapping[str, str]
    reads_again: bool = False


class Revisits:
    """The rules of one run. Safe from any thread: it keeps nothing between pages.

    Args:
        code: Mark of the spider's code; "" where it cannot be determined, and nothing is relied on.
        admission: Looks at links again.
        key_of: Key of a session by its name.
        names: Names of all sessions.
    """

    def __init__(
        self,
        settings: Settings,
        code: str,
        admission: Admission,
        key_of: Callable[[str], str],
        names: tuple[str, ...],
    ) -> None:
        self._by_rfc = settings.http_cache == "rfc"
        self.learns = settings.http_cache != "off" and bool(code)  #: whether anything is kept for the next crawl
        self.recalls = self.learns and not settings.full  #: whether anything is used of earlier ones
        self._code, self._admission, self._guarded = code, admission, settings.logout_guard
        self._allows = allowing(settings.guard_allow)
        self._key_of, self._names = key_of, names

    # --- before a request is sent -----------------------------------------------------------------------------------
    def not_asked(self, leased: Leased, now: float) -> Outcome | None:
        """The outcome of a request for a page that is fresh: it is not sent. None when it has to be."""
        visit = leased.visit
        if visit is None or visit.code != self._code or not self._is_whose(visit, leased.session):
            return None
        max_age_s = _max_age_s(leased)
        if max_age_s is None and not self._by_rfc:
            return None
        if not (freshness.is_fresh(visit, now) if max_age_s is None else freshness.is_young(visit, max_age_s, now)):
            return None
        outcome = Outcome(leased, Verdict.ACCEPT, session_name="" if leased.session == SPREAD else leased.session)
        outcome.tries = 0
        self.carry(outcome, visit)
        return outcome

    def _is_whose(self, visit: PageVisit, session: str) -> bool:
        names = self._names if session == SPREAD else (session,)
        return any(visit.session == self._key_of(name) for name in names)

    def asking(self, leased: Leased, request: Request, session: Session) -> Asking | None:
        """How to ask whether a page has changed; None to request it as a whole."""
        visit = leased.visit
        if visit is None or visit.session != session.key or not validators.may_be_conditional(request):
            return None
        conditions = validators.conditions(visit)
        other_code = visit.code != self._code
        if not conditions or (other_code and not visit.has_body):
            return None
        sent = {**dict(pairs_of(session.headers)), **(request.headers or {})} if visit.vary else {}
        if visit.vary and not validators.is_alike(visit.vary, sent):
            return None
        return Asking(visit, conditions, other_code)

    # --- what an unchanged page gives -------------------------------------------------------------------------------
    def carry(self, outcome: Outcome, visit: PageVisit) -> None:
        """Put into *outcome* what the page gave at *visit*: links by today's rules; the store has the items."""
        outcome.unchanged = outcome.visit = visit
        outcome.found, outcome.requests = self._links(outcome.request, visit)

    def confirmed(self, visit: PageVisit, fetched: Fetched) -> PageVisit:
        """*visit* after an answer that confirms it, which may name other validators (RFC 9111, 3.2)."""
        response = fetched.response
        assert response is not None
        etag, modified = validators.validators_of(response.headers)
        caching = freshness.caching_lines(response.headers) if self._by_rfc else ""
        return replace(
            visit,
            checked_at=fetched.sent_at,
            etag=etag or visit.etag,
            modified=modified or visit.modified,
            caching=caching or visit.caching,
        )

    @staticmethod
    def of_old(visit: PageVisit, old: PageVisit) -> PageVisit:
        """*visit*, made from a kept page, with what only its answer could say."""
        return replace(
            visit, checked_at=old.checked_at, etag=old.etag, modified=old.modified, caching=old.caching, vary=old.vary
        )

    def _links(self, leased: Leased, visit: PageVisit) -> tuple[list[Found], int]:
        found: dict[bytes, Found] = {}
        groups, refused = groups_of(visit.links)
        count = 0
        depth = leased.depth + 1

        def take(link: Request) -> None:
            row = self._admission.admit(link, depth=depth, session=leased.session, parent=leased.id)
            if row is not None and row.fingerprint not in found:
                rule = refused.get(link.url, "") if self._guarded else ""
                if rule and self._allows is not None and self._allows(link.url):  # since then, by a setting
                    rule = ""
                found[row.fingerprint] = replace(row, skipped=rule) if rule else row

        for callback, session, urls in groups:
            count += len(urls)
            seen = self._admission.known.urls(session or leased.session)
            for url in urls:
                if url not in seen:
                    take(Request.of_link(url, callback, session))
        for link in others_of(visit.others):
            count += 1
            take(link)
        return list(found.values()), count

    # --- what the next crawl may know -------------------------------------------------------------------------------
    def notes(self, request: Request, response: Response) -> LinksGiven | None:
        """Where to note the links of a page; None where nothing is to be kept of it."""
        if response.status_code != 200 or request.dont_filter or request.method != "GET":
            return None
        if request.body is not None or (request.headers and not validators.may_be_conditional(request)):
            return None
        if response.url != request.url:
            return None  # its answer belongs to another address, to which this one may not lead next time
        headers = response.headers
        if request.max_age is None:
            said = self._by_rfc and freshness.caching_lines(headers)
            if not said and value_of(headers, "etag") is None and value_of(headers, "last-modified") is None:
                return None
            if self._by_rfc and freshness.forbids_keeping(headers):
                return None
        return LinksGiven(self._admission.known.refused)

    def visit_of(self, outcome: Outcome, response: Response, session: Session, notes: LinksGiven) -> PageVisit | None:
        """What the next crawl may know about a page whose callback has run; None for nothing."""
        packed = notes.packed()
        sent = response.request.headers if response.request is not None else {}
        vary = validators.varies_by(response.headers, sent)
        if packed is None or vary is None:
            return None
        items: dict[str, int] = {}
        records: dict[str, int] = {}
        for item in outcome.items:
            counts = records if item.key else items
            counts[item.table] = counts[item.table] + 1 if item.table in counts else 1
        etag, modified = validators.validators_of(response.headers)
        return PageVisit(
            checked_at=outcome.sent_at,
            etag=etag,
            modified=modified,
            caching=freshness.caching_lines(response.headers) if self._by_rfc else "",
            vary=vary,
            code=self._code,
            session=session.key,
            links=packed[0],
            others=packed[1],
            items=items,
            records=records,
        )


def _max_age_s(leased: Leased) -> float | None:
    if "max_age" not in leased.extras:
        return None
    return Request.of_row(leased).max_age


NOT_MODIFIED = 304


@quick_dataclass(frozen=False)
class Revisited:
    """What came.

    Attributes:
        fetched: How the request went.
        unchanged: The page is what it was at the visit.
        page: That page, where the spider of today has to read it.
    """

    fetched: Fetched
    unchanged: bool = False
    page: KeptPage | None = None


def ask(
    fetch: Callable[[Request], Flow[Fetched]],
    request: Request,
    asking: Asking,
    session: Session,
    kept: Callable[[int], KeptPage | None],
) -> Flow[Revisited]:
    """Send *request* with the conditions of *asking*; a 304 that does not confirm them is not believed.

    Args:
        fetch: Sends one request.
        kept: The kept page of a request of an earlier crawl.
    """
    fetched = yield from fetch(request.replace(headers={**(request.headers or {}), **asking.conditions}))
    response = fetched.response
    if response is not None:
        response.asked = request
    if response is None or response.status_code != NOT_MODIFIED:
        return Revisited(fetched)
    if fetched.error is None and validators.confirms(response, asking.visit, request.url):
        page = kept(asking.visit.request) if asking.reads_again else None
        if page is not None or not asking.reads_again:
            return Revisited(fetched, True, page)
    if session.sending.pace is not None:
        yield Call(partial(session.sending.pace, request.url))
    whole = yield from fetch(request)
    whole.tries += fetched.tries
    return Revisited(whole)
