"""The login manager, the one owner of a session's login: has it restored and proved (`restore`), or else logs it in.

The acting half of `sessions.login.states`.

Only one thread at a time prepares a session (the scheduler sees to it; a lock here guards direct callers), so no worker
ever waits for a login: requests of a session that is not ready stay with the scheduler. Processes take turns through
the store: a login is claimed there with a lease, and a process that finds a newer epoch takes its cookies instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

from crawler.clock import unix_now
from crawler.errors import LoginFailed, NeedsHuman, QuotaSpent, SessionError, WrongPassword
from crawler.sessions import snapshot
from crawler.sessions.desk import Desk, HeldClaim, LoginEnd, StoredSession
from crawler.sessions.from_spider import logs_in
from crawler.sessions.login import login_errors, patience
from crawler.sessions.login.always_sent import credentials_of_login, sent_nothing_else
from crawler.sessions.login.attempt import alive_at, take_steps
from crawler.sessions.login.blocked import blocked
from crawler.sessions.login.in_browser import logs_in_alone
from crawler.sessions.login.login_addresses import is_one_of
from crawler.sessions.login.no_step import WithoutStep
from crawler.sessions.login.patience import again_s
from crawler.sessions.login.prove import Prover
from crawler.sessions.login.public_probe import not_let_in
from crawler.sessions.login.renewal import LoadsPage, Renewal
from crawler.sessions.login.restore import Restorer
from crawler.sessions.login.sight import Sight, brought_by, last_sight, tries_of
from crawler.sessions.login.standing import Preparation, Standing
from crawler.sessions.login.states import LoginState, Signal
from crawler.sessions.login.token_grants import TokenGrants
from crawler.sessions.session import Session
from crawler.sessions.session_setup import begin_anew
from crawler.spider import Spider

_log = logging.getLogger("crawler.sessions")

MOST_FRUITLESS = 8  #: logins in a row that were good and brought no page


class LoginManager:
    """Restores, proves and logs in one session. `prepare` is safe from any thread and runs once at a time.

    Attributes:
        prover: Asks the probe page.
        without_step: What holds where there is no login step.
    """

    def __init__(
        self,
        session: Session,
        spider: Spider,
        desk: Desk,
        *,
        probe_url: str | None,
        on_login_start: Callable[[str, str, bool], None] = lambda name, reason, renews: None,
        on_token_login: Callable[[str, float], None] = lambda name, elapsed_ms: None,
        expected_run_s: float = 0.0,
        retry_after_s: Callable[[str | None], float | None] = lambda header: None,
        loads_page: LoadsPage | None = None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self.session, self.spider, self.desk = session, spider, desk
        self.wants_login = logs_in(spider, session.identity)
        self.is_guest = False  #: one of several sessions without a login, which may take each other's place
        self.standing = Standing(session, clock)
        self.record = self.standing.record
        self.prover = Prover(session, spider, self.record, url=probe_url, retry_after_s=retry_after_s)
        self._restorer = Restorer(
            self.standing,
            desk,
            self.prover,
            renewal=Renewal(session, loads_page),
            expected_run_s=expected_run_s,
            retry_after_s=retry_after_s,
        )
        grants = TokenGrants(
            session,
            desk,
            has_step=lambda: self.wants_login and type(spider).login is not Spider.login,
            blocked=self.blocked_by,
            on_start=lambda reason: on_login_start(session.name, reason, False),
            on_good=partial(on_token_login, session.name),
        )
        session.lends.leave = grants
        self.without_step = WithoutStep(self.standing, desk, self._restorer, self.prover, spider, grants)
        self._on_login_start, self._clock = on_login_start, clock
        self._flight = threading.Lock()  # one preparation at a time; held across its I/O on purpose
        self._fruitless: list[int] = []  # epochs of logins in a row that were good and brought no page
        self._tries_after_loss = 1  # more when the last login succeeded by its own last page, and was gone at once

    @property
    def reason(self) -> str:
        """Why a login was begun last, or why the last try of one failed."""
        return self.standing.reason

    @property
    def probe_url(self) -> str | None:
        """The page that tells whether the session is logged in; None where none is known yet."""
        return self.prover.url

    @property
    def by_browser(self) -> str:
        """What else `crawl login` needs for a spider without a login step."""
        by_hand = self.wants_login or not self.without_step.sends_credentials
        return " --browser" if by_hand and type(self.spider).login is Spider.login else ""

    def expire(self, epoch: int, reason: str, url: str = "", *, witness: bool = False) -> bool:
        """An answer of *epoch* was fetched logged out. True when that is news.

        Args:
            url: Where: the page that proves the session where the spider names none.
            witness: That page may be asked once more.
        """
        news = self.standing.expire(epoch, reason)
        if news:
            self.standing.witness.page = url if witness else ""
            self.prover.url = self.probe_url or url or None
        return news

    def take_news(self, row: StoredSession) -> None:
        """Another process has written the session: the cookies it was given since are ours, too, under one login."""
        record, standing = self.record, self.standing
        record.version = row.version
        if row.epoch == record.epoch and record.state is LoginState.READY and row.readable and row.secret:
            standing.base = snapshot.take_news(self.session, record, standing.base, row.secret)

    def brought_page(self) -> None:
        """A page came in that was fetched with this session: its login was worth it."""
        self._fruitless.clear()

    def prepare(self, *, force: bool = False, asks: bool = False) -> Preparation:
        """Make the session ready, or say why not. Errors of sites and spiders come back inside the answer.

        Args:
            force: Log in even when it is ready, parked or refused (a person asked for it).
            asks: A person asks whether what a session without a login step sends is good.
        """
        with self._flight:
            if asks and not force:
                return self.without_step.insisted(on_tokens=False)
            if force:
                self.standing.attempts = 0
                only_sends = not self.wants_login and self.without_step.sends_credentials
                return self.without_step.insisted() if only_sends else self._claim_and_login(force=True)
            try:
                return self._prepare()
            except QuotaSpent as spent:  # by a probe, whose answer nobody knows then
                self.standing.patience.waits = self.standing.clock() + spent.wait_s, spent.why
                return Preparation(False, wait_s=spent.wait_s, trouble=SessionError(self.session.name, spent.why))

    def _prepare(self) -> Preparation:
        state = self.record.state
        pool = self.session.sending.proxy_pool
        if pool is not None and state is LoginState.UNPROVEN:
            pool.take_over(self.desk.proxy_health(self.session.key))
        if pool is not None and self.session.proxies.get("https") != pool.current:
            self.session.go_through(pool.current)
            pool.is_between = self.wants_login
            self.standing.doubted = False  # no need to ask whether the old cookies are good through that one
        if state is LoginState.READY:
            return Preparation(True, "ready")
        if state in (LoginState.PARKED, LoginState.REFUSED):
            error = SessionError(self.session.name, self.record.why)
            return self._restorer.adopted() or Preparation(False, error=error)
        if not self.wants_login and not self._is_by_hand() and not self._is_let_in():
            return self.without_step.prepared()
        settled = self._restorer.restored() if state is LoginState.UNPROVEN else self._restorer.doubts_settled()
        if settled is None and not (self._restorer.renewal.may_help(self.record.epoch) or logs_in_alone(self.spider)):
            reasons = self.standing.reason, self._restorer.renewal.unequipped()
            settled = self._restorer.adopted() or self.without_step.brought_in(*reasons)
        return settled or self.standing.left_to_others() or self._claim_and_login()

    def still_good(self) -> bool | None:
        """Ask the probe, and do nothing about what it says. None: nothing is known."""
        with self._flight:
            return self._restorer.still_good() if self.record.state is LoginState.READY else None

    def _is_by_hand(self) -> bool:
        """Whether a person has put a login into the store (import, browser), for a spider without a login step.

        Such a session is proved like any other, and when it is lost, only a person can help.
        """
        row = self.desk.load(self.session.key) if self.session.identity.login else None
        if row is not None and row.epoch > 0:
            self.wants_login, self.is_guest = True, False
        return self.wants_login

    def _is_let_in(self) -> bool:
        """Whether cookies that the spider gives its session let it in: then it is watched like a login of a person."""
        if self.record.state is LoginState.UNPROVEN and self.without_step.is_let_in_by_cookies():
            self.wants_login, self.is_guest = True, False
        return self.wants_login

    def _claim_and_login(self, *, force: bool = False) -> Preparation:
        record = self.record
        stored = self.desk.load(self.session.key) if force else None  # a forced login is one after the stored one, too
        epoch = max(record.epoch, stored.epoch if stored is not None else 0)
        renews = self._restorer.renewal.may_help(epoch) and not force
        if renews and (left_s := self.standing.last_moments_left_s()):
            return Preparation(False, wait_s=left_s)  # a page that is still let in renews nothing
        if renews:
            claim = self.desk.claim(self.session.key, epoch, renews=True)
            begin: Callable[..., Preparation] = self._renew
        else:
            claim = self.desk.claim(self.session.key, epoch, credentials=self.session.account.mark(), force=force)
            begin = partial(self._login, force=force)
        row = claim.row
        if row is not None and row.epoch > record.epoch and not force:
            if self._restorer.take_over(row):
                self.standing.became_ready(Signal.ADOPTED, epoch=row.epoch)
                return Preparation(True, "adopted")
            record.signal(Signal.LOGGED_OUT, epoch=row.epoch)  # of no use to us: ours will be the login after it
        if claim.refused:
            error = self.blocked_by(claim.kind, claim.refused)
            if claim.kind == "passing":
                waits = self.standing.waits(claim.wait_s, self.standing.patience.trouble or error)
                return replace(waits, renews=renews)
            return self.standing.refused(error)
        if not claim.granted:
            return Preparation(False, wait_s=max(claim.wait_s, 0.05))
        if len(self._fruitless) >= MOST_FRUITLESS and self.desk.has_brought(self.session.name, self._fruitless[0]):
            self._fruitless.clear()  # to another process: of a short session others use up what it allows, too
        if len(self._fruitless) >= MOST_FRUITLESS and not force:
            self.desk.end_login(self.session.key, LoginEnd("unsent"))
            return self.standing.refused(login_errors.nothing_lasts(self.session, len(self._fruitless)))
        with self.without_step.grants.of_login():
            return begin(epoch=max(record.epoch, row.epoch if row is not None else 0) + 1)

    def blocked_by(self, kind: str, refused: str) -> SessionError:
        """Why the store grants no login now, and what to do about it."""
        before = self.desk.last_failure(self.session.key) or self.standing.reason
        insist = f"crawl login {self.spider.name} --session {self.session.name}{self.by_browser} --force"
        return blocked(self.session, kind, refused, before=before, command=insist)

    def _login(self, *, epoch: int, force: bool = False) -> Preparation:
        session, record = self.session, self.record
        record.signal(Signal.LOGIN_STARTED)
        self._on_login_start(session.name, self.standing.reason or "first login", False)
        self.standing.attempts, self._tries_after_loss = self.standing.attempts + 1, 1
        claim = HeldClaim(self.desk, session.key, self._clock)
        begin_anew(session, session.given)
        try:
            with session.login_jar(session.jar_for_login(now=self._clock())):
                with session.watching_login(claim.goes_on):
                    take_steps(session, self.spider, probe_url=self.probe_url)
                if sent_nothing_else(session) and not force and (why := self._restorer.refused_before()):
                    self.desk.end_login(session.key, LoginEnd("unsent"))  # they would go with the probe
                    return self.standing.refused(self.blocked_by("refused", why))
                self._check_login()
                self._restorer.confirm()
        except Exception as error:  # noqa: BLE001 - a login step is users' code: whatever it raises ends the login
            return self._ended_badly(error)
        own = [*self.spider.start_urls, *([self.probe_url] if self.probe_url else [])]  # may show a form to a guest
        session.login_urls -= {page for page in session.login_urls if any(is_one_of(url, (page,)) for url in own)}
        if self.probe_url is not None:
            session.login_forms = session.sent.forms - session.member_forms
        return self._keep(LoginEnd("ok", credentials=credentials_of_login(session)), "login", epoch=epoch)

    def _renew(self, *, epoch: int) -> Preparation:
        """Have a page of the app renew the session; where it wants a login, that is next."""
        session, record = self.session, self.record
        record.signal(Signal.RENEWAL_STARTED)
        self._on_login_start(session.name, self.standing.reason or "its token is to be renewed", True)
        self.standing.attempts += 1
        claim = HeldClaim(self.desk, session.key, self._clock)
        try:
            with session.watching_login(claim.goes_on), session.step("the page of the app"):
                self._restorer.renewal.renew(record.epoch)
                if reason := self.prover.logged_out(fresh=True) or self.prover.nothing:
                    self._restorer.renewal.was_in_vain(record.epoch)
                    raise NeedsHuman(session.name, f"a page renewed the token, but the probe page shows: {reason}")
        except NeedsHuman as error:
            self.standing.reason = error.why
            if not logs_in_alone(self.spider):
                return self._ended_badly(
                    NeedsHuman(session.name, login_errors.by_hand_again(self.spider, self.standing.reason))
                )
            self.desk.end_login(session.key, LoginEnd("unsent", error.why))
            record.signal(Signal.LOGIN_FAILED)
            return Preparation(False, wait_s=patience.AGAIN_S)
        except Exception as error:  # noqa: BLE001 - as in a login
            return self._ended_badly(error)
        return self._keep(LoginEnd("renewed"), "renewed", epoch=epoch)

    def _keep(self, ended: LoginEnd, how: str, *, epoch: int) -> Preparation:
        """It is logged in, or renewed: all of it is stored in one piece."""
        session, record = self.session, self.record
        record.logged_in_at = self._clock()
        self.standing.became_ready(Signal.LOGIN_OK, epoch=epoch)
        self.standing.attempts = 0
        self._fruitless.append(epoch)
        if how == "login":
            self.standing.credentials.were_good(brought_by(session))
        self.standing.saved_as = snapshot.version_of(session)
        taken = snapshot.take(session, record, url=how)
        if not self.desk.end_login(session.key, ended, taken):
            record.signal(Signal.LOGGED_OUT, epoch=epoch - 1)  # too late: whoever logged in meanwhile has the session
            return Preparation(False, wait_s=patience.AGAIN_S)
        self.standing.base = taken.secret
        row = self.desk.load(session.key)
        record.version = row.version if row is not None else 0
        return Preparation(True, how)

    def _check_login(self) -> None:
        """Raise what fits when the login step has not led to a page for logged-in users."""
        session = self.session
        reason = (
            self.prover.logged_out(fresh=True) if self.probe_url is not None else login_errors.said_at_last(session)
        )
        if reason is None and self.prover.nothing:
            reason = login_errors.refused_at_last(session, self.prover.nothing)
        if reason is None and self.prover.may_be_for_all and (why := not_let_in(session, self.probe_url or "")):
            raise why
        if reason is not None:
            sight, alive = last_sight(session), alive_at(session, self.spider)
            error = login_errors.still_out(
                session, reason, probe_url=self.probe_url, spider_name=self.spider.name, alive_at=alive
            )
            brought = brought_by(session)
            if sight is Sight.INSIDE:
                self.standing.credentials.were_good(brought)
            good = self.standing.credentials.are_good_lately(self.desk.load(session.key), self._clock())
            let_in = good and not login_errors.is_form_back(session)
            tries = tries_of(error, sight, let_in=let_in, alike=self.standing.credentials.is_alike(brought))
            self._tries_after_loss = 1 if alive else tries
            if isinstance(error, WrongPassword):
                session.sent.refused_after = credentials_of_login(session)
            raise error

    def adopt_manually(self, *, url: str, claimed: bool = False) -> None:
        """Cookies were put into the session by a person (browser, import): prove and keep them as a new login.

        Args:
            claimed: The login was claimed in the store: it ends there, too, when it is good.
        Raises:
            LoginFailed: The probe still shows the logged-out page.
        """
        with self._flight:
            self.without_step.adopt(url, claimed=claimed)

    def _ended_badly(self, error: Exception) -> Preparation:
        session, record = self.session, self.record
        pool = session.sending.proxy_pool
        if isinstance(error, QuotaSpent) or (pool is not None and pool.may_help(error)):
            ending: Literal["busy", "unsent"] = "busy" if session.sent.credentials else "unsent"
            self.desk.end_login(session.key, LoginEnd(ending, str(error), session.account.mark()))
            record.signal(Signal.LOGIN_FAILED)
            return Preparation(False, wait_s=error.wait_s if isinstance(error, QuotaSpent) else patience.AGAIN_S)
        found = login_errors.ended(
            error,
            session,
            self.spider,
            known=self.standing.credentials,
            retry_after_s=self.prover.retry_after_s,
        )
        lost_at_once = found.outcome == "failed" and self.standing.attempts < self._tries_after_loss
        self.standing.patience.answers = self.standing.patience.answers or session.sent.answers > 0
        self.standing.reason = f"the last try failed: {found.error.why}"
        outcome = "lost" if lost_at_once else found.outcome
        mark = session.sent.refused_after or session.account.mark()
        self.desk.end_login(session.key, LoginEnd(outcome, found.error.why, mark, found.asked_s))
        if isinstance(found.error, NeedsHuman):
            record.why = found.error.why
            record.signal(Signal.NEEDS_HUMAN)
            return Preparation(False, error=found.error)
        if lost_at_once:
            record.signal(Signal.LOGIN_FAILED)
            return Preparation(False, wait_s=again_s(self.standing.attempts))
        if found.passes and found.asked_s <= patience.PATIENCE_S:
            record.signal(Signal.LOGIN_FAILED)
            self.standing.patience.begins(found.error, self._clock())
            return Preparation(False, wait_s=patience.AGAIN_S)  # the store says then how long it takes
        failure = found.error
        if found.asked_s > patience.PATIENCE_S:
            failure = LoginFailed(session.name, f"{failure.why}; it asks to be left alone for {found.asked_s:,.0f} s")
        return self.standing.refused(failure, Signal.LOGIN_REFUSED)
