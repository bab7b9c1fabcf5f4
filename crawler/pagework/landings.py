"""Where a page leads instead of what was requested: by redirects, and by meta refresh.

A page that sends a browser on within a few seconds and says next to nothing is no page of its own: what it leads to is
requested in its place, for the same callback. One with a text of its own is read, too.
"""

from __future__ import annotations

from crawler.errors import RedirectError
from crawler.frontier.admission import Admission
from crawler.outcome import Found, Leased, Outcome
from crawler.pagework.links_given import LinksGiven
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Request, Response
from crawler.sessions.login.page_marks import REFRESH_WORDS, refresh_of
from crawler.urls import canonical, host_of, origin_of, redact

_UNREAD_S = 5.0  # nobody reads a page that is left so soon
_MOST_IN_A_ROW = 20  # as many as redirects: a page may wait for ever for what it shows
_MOST_TIMES = 2  # that one page is requested in such a row: some set a cookie on the way, and lead back
_LARGE_BYTES = 8_192
_FEW_CHARACTERS = 300  # "You are being redirected. If nothing happens, click here."
_TEXTS = "//body//text()[normalize-space() and not(ancestor::script or ancestor::style or ancestor::noscript)]"


@quick_dataclass
class SentOn:
    """What a page leads to by meta refresh.

    Attributes:
        request: For the page that it leads to.
        alone: It says next to nothing itself.
    """

    request: Request
    alone: bool


def sent_on_by(page: Response, request: Request) -> SentOn | None:
    """Where a page sends a browser on to by meta refresh; None where it does not, or only to itself.

    Raises:
        RedirectError: Such pages lead to each other without an end, and this one says next to nothing.
    """
    if len(page.body) > _LARGE_BYTES and not any(word in page.body for word in REFRESH_WORDS):
        return None  # nearly always: a large page has no header Refresh, and headers are read only where asked for
    target = refresh_of(page)
    if target is None or page.requests or request.render:  # a browser has been there already
        return None
    if page.status_code >= 400 or request.meta.get("dont_redirect") is True:  # the callback wants to see it
        return None
    here = {canonical(page.url), canonical(request.url)}
    if canonical(target) in here:
        return None
    alone = refresh_of(page, within_s=_UNREAD_S) is not None
    alone = alone and sum(map(len, page.xpath(_TEXTS).getall())) < _FEW_CHARACTERS
    led = (*request.refreshes, page.url)
    times = list(map(canonical, led)).count(canonical(target))
    if len(led) > _MOST_IN_A_ROW or times >= _MOST_TIMES:
        why = f"it sends a browser on by meta refresh, as {len(led) - 1} before it that led here"
        if alone:
            raise RedirectError(page.url, why)
        page.warnings.append(f"{why}: it was not followed")
        return None
    onward = request.replace(url=target, refreshes=led, dont_filter=request.dont_filter or times > 0)
    onward.link = None
    if origin_of(target) != origin_of(request.url):  # as with redirects: what was meant for one site goes to no other
        onward.headers = onward.cookies = None
    if request.method != "GET":
        headers = {name: value for name, value in (onward.headers or {}).items() if name.lower() != "content-type"}
        onward.method, onward.body, onward.headers = "GET", None, headers or None
    return SentOn(onward, alone)


def take_sent_on(
    sent: SentOn, request: Request, outcome: Outcome, admission: Admission, notes: LinksGiven | None
) -> None:
    """Put the request for what a page leads to among those that it gives, and say so."""
    row = admission.admit(
        sent.request, depth=outcome.request.depth + 1, session=request.session, parent=outcome.request.id
    )
    if notes is not None:
        notes.one(sent.request, row)
    if row is not None:
        outcome.found = [*outcome.found, row]
    outcome.requests += 1
    if sent.alone:
        outcome.warnings += ("sends a browser on by meta refresh: it was not read, what it leads to was requested",)


def landing(leased: Leased, request: Request, page: Response, admission: Admission) -> tuple[str, Found | None]:
    """Where redirects ended: the rule that forbids it, or the row that marks it as seen."""
    if page.url == request.url or request.dont_filter:
        return "", None
    if not any(step.is_redirect for step in page.history):
        return "", None
    final_url = page.url
    if not admission.allows_host(host_of(final_url)):
        return f"off-site: redirected to {redact(final_url)}", None
    row = admission.admit(request.replace(url=final_url, dont_filter=False), depth=leased.depth, session=leased.session)
    if row is None and leased.again:  # known because this very request has been there
        return "", None
    if row is None:
        return f"duplicate: redirected to {redact(final_url)}", None
    if row.fingerprint == leased.fingerprint:
        return "", None
    return "", Found(
        row.fingerprint,
        final_url,
        row.slot,
        row.session,
        depth=leased.depth,
        skipped="read already: a redirect led there",
    )
