"""One page, from a leased request to its Outcome: fetch, judge, parse, admit. Runs on a worker thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from crawler.built_forms import is_of_ended_session
from crawler.clock import unix_now
from crawler.errors import ItemRefused, QuotaSpent, SpiderError
from crawler.fetching.fetcher import Checks, Fetched
from crawler.fetching.kept import page_of, response_of
from crawler.frontier.host_slot import Learned
from crawler.frontier.leases import Hold
from crawler.judge import Known, describe, is_hosts_fault, judge, judge_broken, pause_s, skipped
from crawler.loading import short_trace
from crawler.outcome import Found, KeptPage, Leased, Outcome, PageVisit, Verdict
from crawler.pagework.account_rest import account_has_to_rest
from crawler.pagework.assembly import Assembly
from crawler.pagework.errbacks import Errbacks
from crawler.pagework.file_work import FileWork
from crawler.pagework.given import Bare, CallbackResults, CallbackWatch, StoppedAtItem
from crawler.pagework.landings import landing, sent_on_by, take_sent_on
from crawler.pagework.links_given import LinksGiven
from crawler.pagework.rendered import Rendering
from crawler.pagework.revisits import NOT_MODIFIED, Revisited, Revisits, ask
from crawler.pagework.samples import Samples
from crawler.pagework.spider_steps import SpiderSteps
from crawler.quick_dataclass import quick_dataclass
from crawler.rendering.showing import RenderingStopped
from crawler.response import Request, Response
from crawler.sessions.flow import Flow
from crawler.sessions.foreign_answers import changes_cookies
from crawler.sessions.login import refusals, signs
from crawler.sessions.login.always_sent import sends_credentials
from crawler.sessions.login.forged import took_for_forged
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.page_marks import plain_text
from crawler.sessions.login.watch import led_elsewhere, logged_out_reason, refuses_guests
from crawler.sessions.session import Session
from crawler.settings import Settings
from crawler.spider import Spider
from crawler.urls import redact

_trace = logging.getLogger("crawler.trace")  # shown with `--traceback`
AnswerIsIn = Callable[[Outcome], Learned]


@quick_dataclass
class Outside:
    """What the work on a page needs from other parts while it is under way.

    Attributes:
        portion: Takes found requests of a page that has very many, before the page is committed.
        kept: The kept page of a request of an earlier crawl.
        good: A good page of a callback, of an earlier run.
        hold: Whether a lease that was to end by itself has been extended; asked before a request is sent.
        callbacks: Watches callbacks while they run.
        files: What is done with requests of files.
    """

    portion: Callable[[list[Found]], None]
    kept: Callable[[int], KeptPage | None]
    good: Callable[[str], KeptPage | None]
    hold: Hold
    callbacks: CallbackWatch
    files: FileWork


class PageWork:
    """What workers do with a request. Safe from any thread: it keeps nothing between pages.

    Args:
        revisits: What is done with pages that an earlier crawl has seen.
        outside: What it needs from other parts while a page is under way.
    """

    def __init__(
        self, spider: Spider, settings: Settings, parts: Assembly, revisits: Revisits, outside: Outside
    ) -> None:
        self._spider, self._fetcher, self._admission = spider, parts.fetcher, parts.admission
        self._rendering = Rendering(spider, parts)
        self._guard, self._robots = parts.guard if settings.logout_guard else None, parts.robots
        self._keep_pages = settings.keep_pages
        self._kept, self._hold = outside.kept, outside.hold
        given = CallbackResults(spider, settings, parts.admission, portion=outside.portion, watch=outside.callbacks)
        self._revisits, self._files, self._samples = revisits, outside.files, Samples(outside.good)
        self._steps = SpiderSteps(spider)
        self._errbacks = Errbacks(spider, given, parts.admission, self._steps)
        self._statuses = frozenset(spider.handle_httpstatus_list)

    def flow(
        self,
        leased: Leased,
        manager: LoginManager,
        latest: float | None,
        answered: AnswerIsIn,
    ) -> Flow[Outcome]:
        """The steps of fetching and parsing one request. Never raises: whatever happens is in the outcome.

        Args:
            latest: For a host with a delay: the moment after which its turn is over, and it is given back unsent.
            answered: Called when the answer is in; returns what is known about its host from then on.
        """
        session = manager.session
        outcome = Outcome(leased, Verdict.RELEASE, session_name=session.name)
        outcome.session_key = session.key if manager.wants_login else ""
        patient = latest is None and not manager.is_guest  # another guest may be let in where this one is not
        try:
            now = unix_now()
            if (latest is not None and now > latest) or (now >= leased.until and not self._hold.is_ours(leased, now)):
                return outcome
            if now >= self._hold.stays_until:  # its connections may belong to others by now
                return outcome
            if not manager.record.may_send:  # lost while this waited for a worker
                return outcome
            request = Request.of_row(leased)
            rule = ""
            if self._steps.requests:
                rule, request = self._stepped(request, manager)
            if rule or (rule := self._rule_now(request, manager)):
                outcome.settle(skipped(rule))
            elif request.file is not None:
                yield from self._files.flow(
                    outcome,
                    request,
                    manager,
                    patient=patient,
                    hop_guard=self._guard.refuses if manager.wants_login and self._guard is not None else None,
                    answered=lambda done: _is_in(manager, answered, done, out=done.status == 401),
                )
            else:
                yield from self._fetch_and_judge(outcome, request, manager, patient, answered)
        except RenderingStopped:
            pass
        except QuotaSpent as spent:  # a callback or an errback says so
            again = session.rest(spent)
            self._broken(outcome, spent if again else SpiderError(f"{spent.why}; again and again, without any page"))
        except BaseException as error:  # noqa: BLE001 - a worker survives everything; the request carries the trace
            self._broken(outcome, error)
        outcome.is_answered = outcome.verdict is Verdict.FAIL
        return outcome

    def _stepped(self, request: Request, manager: LoginManager) -> tuple[str, Request]:
        """What the spider's steps make of a request; a URL that they change is checked like a link."""
        url = request.url
        rule, sent = self._steps.request(request)
        if not rule and sent.url != url and manager.wants_login and self._guard is not None:
            guarded = self._guard.refuses(sent.url)
            rule = f"guard: {guarded}" if guarded else ""
        return rule, sent

    def _rule_now(self, request: Request, manager: LoginManager) -> str:
        """A rule that was not known when the request was admitted: robots.txt, or what the guard has learned."""
        if self._robots is not None and not self._robots.allows(manager.session, request.url):
            return "robots"
        if manager.wants_login and self._guard is not None and (rule := self._guard.learned.rule(request.url)):
            return f"guard: {rule}"
        return ""

    def _fetch_and_judge(
        self, outcome: Outcome, request: Request, manager: LoginManager, patient: bool, answered: AnswerIsIn
    ) -> Flow[None]:
        session, leased = manager.session, outcome.request
        watched = manager.wants_login
        logs_in = watched or self._spider.wants_login()
        asking = None
        if leased.visit is not None and not self._rendering.wanted(request):
            asking = self._revisits.asking(leased, request, session)
        answer: Revisited | None = None
        if asking is None:
            fetched = yield from self._fetch(manager, leased, patient, request)
        else:
            fetch = partial(self._fetch, manager, leased, patient)
            answer = yield from ask(fetch, request, asking, session, self._kept)
            fetched = answer.fetched
        _describe_answer(outcome, fetched)
        account_rests = account_has_to_rest(outcome, fetched, session)
        learned = _is_in(manager, answered, outcome, out=bool(fetched.logged_out))
        outcome.pause_slot_until = learned.pause_until
        page = fetched.response if not (fetched.logged_out or fetched.error) else None
        unchanged = answer is not None and answer.unchanged
        if unchanged:
            outcome.proven = not watched  # nothing there by which it could prove itself
        elif watched and fetched.response is not None and not fetched.logged_out:
            outcome.proven = signs.logged_in_sign(
                fetched.response, css=self._spider.logged_in_css, text=self._spider.logged_in_text
            )
        rule, landed = (
            landing(leased, request, page, self._admission) if page is not None and page.history else ("", None)
        )
        if page is not None and not (rule or unchanged) and self._steps.responses:
            rule, page = self._steps.response(page)
        known = Known(
            leased.attempt,
            request.method,
            rule,
            manager.is_guest,
            learned.given_up,
            account_rests,
            old_form=watched and is_of_ended_session(leased, fetched.epoch),
        )
        judged = judge(fetched, known, self._fetcher.policy)
        outcome.settle(judged)
        if judged.verdict is Verdict.RETRY:
            outcome.not_before = unix_now() + judged.wait_s
        elif judged.verdict is Verdict.LOGIN:
            outcome.login_wanted, outcome.refuses_guests = fetched.epoch, refuses_guests(fetched.response)
        elif judged.verdict is Verdict.FAIL and request.errback and fetched.error is not None:
            self._errbacks.call(outcome, request, fetched.error, fetched.response, _bare(session))
        elif answer is not None and answer.unchanged and asking is not None:
            yield from self._unchanged(
                outcome, request, session, self._revisits.confirmed(asking.visit, fetched), answer.page
            )
        elif page is not None and judged.verdict is Verdict.ACCEPT:
            outcome.warnings += () if logs_in else refusals.asked_to_log_in(self._spider, page, request.url)
            try:
                yield from self._accept(outcome, request, page, session, landed)
            except QuotaSpent:
                raise
            except Exception as error:
                self._samples.failed(outcome, page, describe(error))
                raise
        if judged.verdict is Verdict.FAIL:
            self._samples.failed(outcome, fetched.response, judged.error)
            outcome.warnings += () if logs_in else refusals.turned_away(self._spider, fetched.response)

    def _fetch(self, manager: LoginManager, leased: Leased, patient: bool, request: Request) -> Flow[Fetched]:
        session, watched = manager.session, manager.wants_login
        statuses = self._statuses.union(request.handle_httpstatus_list)

        def logged_out(page: Response) -> str | None:
            if page.status_code == NOT_MODIFIED:
                return None  # there is nothing to look at
            return logged_out_reason(self._spider, session, page, request.url) or led_elsewhere(
                self._spider, session, page, request.url
            )

        guard = self._guard.refuses if watched and self._guard is not None else None
        seen = logged_out if watched else manager.without_step.check(leased.id, request, statuses)
        wanted = self._rendering.wanted(request)
        rendering = None
        if wanted is not None:
            ours = partial(self._hold.sends_until, leased)
            rendering = self._rendering.of(session, wanted, guard, logged_out if watched else None, ours)
        checks = Checks(
            statuses,
            request.meta.get("dont_redirect") is not True,
            logged_out=rendering.logged_out if rendering is not None else seen,
            hop_guard=guard,
            rendered=rendering.flow if rendering is not None else None,
        )
        return self._fetcher.flow(session, request, checks, attempt=leased.attempt, patient=patient)

    def _unchanged(
        self, outcome: Outcome, request: Request, session: Session, visit: PageVisit, page: KeptPage | None
    ) -> Flow[None]:
        """An unchanged page: it gives what it gave before, or what today's spider finds in the kept page."""
        if page is None:
            self._revisits.carry(outcome, visit)
            return
        rule, read = "", response_of(page, request, session.name)
        if self._steps.responses:
            rule, read = self._steps.response(read)
        if rule:
            outcome.settle(skipped(rule))
            return
        yield from self._accept(outcome, request, read, session)
        if outcome.visit is not None:
            outcome.visit = self._revisits.of_old(outcome.visit, visit)

    def _accept(
        self, outcome: Outcome, request: Request, page: Response, session: Session, landed: Found | None = None
    ) -> Flow[None]:
        """Run the callback."""
        method = self._spider.callback(request.callback)
        sent_on = sent_on_by(page, request)
        notes = self._revisits.notes(request, page) if self._revisits.learns else None
        stopped: ItemRefused | None = None
        try:
            keyed = self._errbacks.given.collect(
                outcome,
                request,
                lambda: () if sent_on is not None and sent_on.alone else method(page, **(request.cb_kwargs or {})),
                _bare(session),
                notes,
                self._steps.item_step(page) if self._steps.items else None,
            )
        except StoppedAtItem as stop:
            keyed, stopped = stop.keyed, stop.error
        if outcome.found and not keyed:
            said = partial(_text_to_compare, page)
            outcome.found = self._admission.after_page(page.url, outcome.found, outcome.items, said)
        if landed is not None:
            outcome.found = [*outcome.found, landed]
        if sent_on is not None:
            take_sent_on(sent_on, request, outcome, self._admission, notes)
        if keyed:
            yield from self._take_keyed(outcome, request, keyed, session, notes)
        if stopped is not None:
            raise stopped
        if notes is not None:
            outcome.visit = self._revisits.visit_of(outcome, page, session, notes)
        if session.sending.allowance is not None:
            session.sending.allowance.brought()
        if self._keep_pages:
            outcome.page = page_of(page)
        if outcome.request.callback not in self._samples.seen:
            self._samples.parsed(outcome, page)
        stands_in = self._samples.stand_ins.noted(outcome, request, page)
        outcome.warnings += (*page.warnings, *stands_in)

    def _take_keyed(
        self,
        outcome: Outcome,
        request: Request,
        keyed: list[Request],
        session: Session,
        notes: LinksGiven | None,
    ) -> Flow[None]:
        """Files with a key: those that are held become items of this page, and are not requested."""
        own = [link for link in keyed if link.session in (None, session.name)]
        held = dict(zip(map(id, own), (yield from self._files.held(session, own)), strict=True)) if own else {}
        fresh: dict[bytes, Found] = {}
        for link in keyed:
            item = held.get(id(link))
            if item is not None:
                outcome.items.append(item)
                outcome.files_held += 1
                continue
            row = self._admission.admit(
                link, depth=request.depth + 1, session=request.session, parent=outcome.request.id
            )
            if notes is not None:
                notes.one(link, row)
            if row is not None:
                fresh.setdefault(row.fingerprint, row)
        if fresh:
            outcome.found = [*outcome.found, *fresh.values()]

    def fail_unsent(self, outcome: Outcome, session: Session | None) -> None:
        """Call the errback of a request that fails without an answer of its own. Never raises; may take long.

        Args:
            session: The one that was to send it, where that is known.
        """
        try:
            self._errbacks.of_unsent(outcome, _bare(session) if session is not None else None)
        except BaseException as error:  # noqa: BLE001 - as in `flow`
            self._broken(outcome, error)
            if outcome.verdict is not Verdict.FAIL:  # it cannot wait for another account, or be left out, any more
                self._broken(outcome, SpiderError(str(error)))

    def _broken(self, outcome: Outcome, error: BaseException) -> None:
        _trace.debug("the whole trace for %s:", redact(outcome.request.url), exc_info=error)
        if not isinstance(error, ItemRefused):  # a page is whole, or the report says which part of it is there
            outcome.items, outcome.found, outcome.rejected = [], (), ()
        outcome.settle(judge_broken(error, short_trace(error)))


def _text_to_compare(page: Response) -> str:
    return plain_text(page.text) if page.is_html else page.text


def _bare(session: Session) -> Bare:
    return session.bare if session.params else None


def _is_in(manager: LoginManager, answered: AnswerIsIn, outcome: Outcome, *, out: bool) -> Learned:
    if out and sends_credentials(manager.session):
        manager.record.page_refused(outcome.request.id)  # first: the next one leaves once the connection is free
    return answered(outcome)


def _describe_answer(outcome: Outcome, fetched: Fetched) -> None:
    response = fetched.response
    outcome.sent_at, outcome.elapsed_ms, outcome.epoch = fetched.sent_at, fetched.elapsed_ms, fetched.epoch
    outcome.tries, outcome.host_fault = fetched.tries, is_hosts_fault(fetched.error)
    if fetched.error is not None:
        outcome.error = describe(fetched.error)
        asked_s = pause_s(fetched)
        outcome.pause_slot_until = unix_now() + asked_s if asked_s else None
    if response is not None:
        outcome.status, outcome.size_bytes = response.status_code, len(response.body)
        first: Any = response.history[0] if response.history else response  # redirects come after it
        outcome.changes_cookies = changes_cookies(first)
        outcome.final_url = response.url if response.history else ""
        outcome.warnings += took_for_forged(response)
    elif fetched.error is not None:
        outcome.status = getattr(fetched.error, "status", 0)
