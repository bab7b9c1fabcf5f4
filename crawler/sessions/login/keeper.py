"""The keeper of one session: restores it, proves it, logs it in. The acting half of `sessions.login.states`.

Only one thread at a time prepares a session (the scheduler sees to it; a lock here guards direct callers), so no worker
ever waits for a login: requests of a session that is not ready stay with the scheduler. Processes take turns through
the store: a login is claimed there with a lease, and whoever finds a newer epoch takes its cookies instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from crawler.clock import unix_now
from crawler.errors import (
    CrawlError,
    LoginBudgetSpent,
    LoginFailed,
    NeedsHuman,
    SessionError,
    StatusError,
    Transient,
    WrongPassword,
)
from crawler.sessions import snapshot
from crawler.sessions.auth.schemes import dump_auth
from crawler.sessions.auth.tokens import token_end
from crawler.sessions.desk import Claim, Desk, LoginEnd, StoredSession
from crawler.sessions.fittings import begin_anew
from crawler.sessions.login import errors as login_errors
from crawler.sessions.login import patience
from crawler.sessions.login.addresses import is_one_of
from crawler.sessions.login.attempt import alive_at, take_steps
from crawler.sessions.login.errors import Sight
from crawler.sessions.login.forecast import forecast
from crawler.sessions.login.patience import PROBE_PAUSES_S, Patience, again_s, probe_pause_s
from crawler.sessions.login.probe import Probed, ProbePage
from crawler.sessions.login.states import LoginRecord, LoginState, Signal
from crawler.sessions.login.watch import logged_out_reason
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import redact

_log = logging.getLogger("crawler.sessions")

LONG_RUN_S = 60.0  #: shorter runs do not log in ahead of an end that is expected
_RENEW_EVERY_S = 30.0  #: the claim of a login is prolonged so often at most
_DOUBTFUL_PROBES = 3  #: probes that failed before a page that showed us logged out is believed
MOST_FRUITLESS = 8  #: logins in a row that were good and brought no page


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of preparing a session.

    Attributes:
        ready: It may send.
        how: "ready", "restored", "login", "adopted", "still good" (after a doubt), or "" when not ready.
        wait_s: Not ready, but ask again after so many seconds.
        error: Why it will not be ready in this run by itself.
        trouble: What is waited for; None where nothing is wrong.
    """

    ready: bool
    how: str = ""
    wait_s: float = 0.0
    error: SessionError | None = None
    trouble: SessionError | None = None


class Keeper:
    """Restores, proves and logs in one session. `prepare` is safe from any thread and runs once at a time."""

    def __init__(
        self,
        session: Session,
        spider: Spider,
        desk: Desk,
        *,
        probe_url: str | None,
        on_login_start: Callable[[str, str], None] = lambda name, reason: None,
        expected_run_s: float = 0.0,
        retry_after_s: Callable[[str | None], float | None] = lambda header: None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self.session, self.spider, self.desk, self.probe_url = session, spider, desk, probe_url
        self.record = LoginRecord()
        self.wants_login = spider.wants_login() and session.identity.login
        self.is_guest = False  #: one of several sessions without a login, which may take each other's place
        self._expected_run_s, self._retry_after_s = expected_run_s, retry_after_s
        self._on_login_start, self._clock = on_login_start, clock
        self._flight = threading.Lock()  # one preparation at a time; held across its I/O on purpose
        self._attempts = 0
        self._patience = Patience()
        self._fruitless = 0  # logins in a row that were good and brought no page
        self._reason = ""
        self._renew_at = 0.0
        self._known_good = False  # its credentials have let us in before
        self._let_in = False  # in this very run
        self._tries_after_loss = 1  # more when the last login succeeded by its own last page, and was gone at once
        self._doubted = False  # READY was given up because of a page: the probe decides whether that page was right
        self._probe_page, self._probed = ProbePage(), Probed()
        self.proved_before_loss = 0.0
        self.saved_as = snapshot.version_of(session)  #: what of it is stored: see `snapshot.version_of`
        self.base = ""  #: the stored secret that the session is in step with: its changes are told from that
        self.lost_stored_epoch = 0  #: epoch of a stored session that turned out to be lost; 0 for none

    @property
    def reason(self) -> str:
        """Why a login was begun last, or why the last try of one failed."""
        return self._reason

    @property
    def by_browser(self) -> str:
        """What `crawl login` needs besides for a spider without a login step."""
        return " --browser" if type(self.spider).login is Spider.login else ""

    def expire(self, epoch: int, reason: str, url: str = "") -> bool:
        """An answer of *epoch* was fetched logged out. True when that is news.

        Args:
            url: Where: the page that proves the session where the spider names none.
        """
        news = self.record.logged_out(epoch)
        if news:
            self._reason, self._doubted = reason, True
            self.probe_url = self.probe_url or url or None
            self.proved_before_loss = self.record.proved_at or 0.0
        return news

    def brought_page(self) -> None:
        """A page came in that was fetched with this session: its login was worth it."""
        self._fruitless = 0

    def prepare(self, *, force: bool = False) -> Prepared:
        """Make the session ready, or say why not. Errors of sites and spiders come back inside the answer.

        Args:
            force: Log in even when it is ready, parked or refused (a person asked for it).
        """
        with self._flight:
            if force:
                self._attempts = 0
                return self._claim_and_login(force=True)
            state = self.record.state
            if state is LoginState.READY:
                return Prepared(True, "ready")
            if state in (LoginState.PARKED, LoginState.REFUSED):
                return self._adopted() or Prepared(False, error=SessionError(self.session.name, self.record.why))
            if not self.wants_login and not self._is_by_hand():
                return self._without_login()
            settled = self._restore() if state is LoginState.UNPROVEN else self._doubts_settled()
            if settled is None and type(self.spider).login is Spider.login:
                settled = self._adopted() or self._waits_for_person()
            return settled or self._claim_and_login()

    def _adopted(self) -> Prepared | None:
        """Take the session over when somebody has logged in meanwhile: another process, or a person."""
        row = self.desk.load(self.session.key)
        if row is None or row.epoch <= self.record.epoch or not self._take_over(row):
            return None
        try:
            if self._probe() is not None:
                return None
        except CrawlError:
            return None
        self._became_ready(Signal.ADOPTED, epoch=row.epoch)
        return Prepared(True, "adopted")

    def _is_by_hand(self) -> bool:
        """Whether a person has put a login into the store (import, browser), for a spider without a login step.

        Such a session is proved like any other, and when it is lost, only a person can help.
        """
        row = self.desk.load(self.session.key) if self.session.identity.login else None
        if row is not None and row.epoch > 0:
            self.wants_login, self.is_guest = True, False
        return self.wants_login

    def _without_login(self) -> Prepared:
        row = self.desk.load(self.session.key)
        if row is not None and row.readable and row.secret:
            if snapshot.put_back(self.session, row.secret):
                self.base = row.secret
            self.record.version, self.saved_as = row.version, snapshot.version_of(self.session)
        self._became_ready(Signal.PROBE_OK, epoch=row.epoch if row is not None else 0)
        return Prepared(True, "ready")

    def _restore(self) -> Prepared | None:
        """Prove the stored session. None when it is not good: a login has to follow."""
        row = self.desk.load(self.session.key)
        if row is not None and row.epoch > 0 and self._take_over(row):
            try:
                reason = self._probe()
            except CrawlError as error:
                return self._unproved(error)
            self._patience.over()
            reason = reason or self._probed.nothing or None  # then a login says more
            if reason is None and not self._would_outlive():
                self._became_ready(Signal.PROBE_OK, epoch=row.epoch)
                return Prepared(True, "restored")
            if reason is None:
                self._reason = "the stored session is expected to end before this run does"
            else:
                self._reason = f"stored session is no longer good: {reason}"
                self.lost_stored_epoch, self.proved_before_loss = row.epoch, row.proved_at or 0.0
                self.desk.expired(self.session.key, row.epoch, self.proved_before_loss)
        self.record.signal(Signal.LOGGED_OUT, epoch=row.epoch if row is not None else 0)
        return None

    def _doubts_settled(self) -> Prepared | None:
        """Ask the probe whether the page was right that showed us logged out. None: it was, a login has to follow."""
        if not self._doubted:
            return None
        row = self.desk.load(self.session.key)
        if row is not None and row.epoch > self.record.epoch:
            self._doubted = False  # whatever the page showed: there is a newer login to be taken
            return None
        if row is not None and row.epoch == self.record.epoch and row.version > self.record.version:
            self._take_over(row)  # another process has newer cookies of the same login
        try:
            reason = self._probe()
        except CrawlError as error:
            self._attempts += 1
            if self._attempts < _DOUBTFUL_PROBES:
                asked_s = login_errors.asked_to_wait_s(error, None, self._retry_after_s)
                return Prepared(False, wait_s=max(PROBE_PAUSES_S[0], min(asked_s + 1.0, patience.PATIENCE_S)))
            reason = f"the probe failed: {redact(str(error))}"
        self._doubted, self._attempts = False, 0
        if reason is not None:
            self.desk.expired(self.session.key, self.record.epoch, self.proved_before_loss)
            return None
        self._became_ready(Signal.PROBE_OK, epoch=self.record.epoch)
        return Prepared(True, "still good")

    def _would_outlive(self) -> bool:
        """Whether this run is expected to be still going when the stored login ends."""
        if self._expected_run_s < LONG_RUN_S:
            return False
        session, now = self.session, self._clock()
        expiries = [cookie.expires for cookie in session.cookies.cookies()]
        lives, ends = self.desk.lives(session.key), token_end(dump_auth(session.auth), session.headers)
        expected = forecast(expiries, lives, logged_in_at=self.record.logged_in_at, now=now, token_end=ends)
        return expected.outlived_by(self._expected_run_s, now=now)

    def _take_over(self, row: StoredSession) -> bool:
        if not row.readable:
            self._reason = "the stored session cannot be read with the keys at hand"
            return False
        if not row.secret or not snapshot.put_back(self.session, row.secret):
            self._reason = "the stored session went through another proxy or adapter"
            return False
        self.base = row.secret
        self.record.version, self.record.logged_in_at = row.version, row.logged_in_at
        self.saved_as = snapshot.version_of(self.session)  # the probe may change it
        return True

    def _claim_and_login(self, *, force: bool = False) -> Prepared:
        record = self.record
        stored = self.desk.load(self.session.key) if force else None  # a forced login is one after the stored one, too
        epoch = max(record.epoch, stored.epoch if stored is not None else 0)
        claim = self.desk.claim(self.session.key, epoch, credentials=self.session.account.mark(), force=force)
        row = claim.row
        if row is not None and row.epoch > record.epoch and not force:
            if self._take_over(row):
                self._became_ready(Signal.ADOPTED, epoch=row.epoch)
                return Prepared(True, "adopted")
            record.signal(Signal.LOGGED_OUT, epoch=row.epoch)  # of no use to us: ours will be the login after it
        if claim.refused:
            blocked = self.blocked_by(claim)
            if claim.kind == "passing":
                return self._waits(claim.wait_s, self._patience.trouble or blocked)
            return self._refused(blocked)
        if not claim.granted:
            return Prepared(False, wait_s=max(claim.wait_s, 0.05))
        if self._fruitless >= MOST_FRUITLESS and not force:
            self.desk.end_login(self.session.key, LoginEnd("unsent"))
            return self._refused(login_errors.nothing_lasts(self.session, self._fruitless))
        return self._login(epoch=max(record.epoch, row.epoch if row is not None else 0) + 1)

    def blocked_by(self, claim: Claim) -> SessionError:
        """Why the store grants no login now, and what to do about it."""
        name = self.session.name
        because = "" if claim.kind == "refused" else self.desk.last_failure(self.session.key) or self._reason
        why = f"{claim.refused}; before: {because}" if because else claim.refused
        if claim.kind == "passing":
            return LoginFailed(name, why)
        insist = f"crawl login {self.spider.name} --session {name}{self.by_browser} --force"
        why = f"{why}; a changed account or spider goes on at once, and so does `{insist}`"
        kinds: dict[str, type[SessionError]] = {"refused": WrongPassword, "human": NeedsHuman}
        return kinds.get(claim.kind, LoginBudgetSpent)(name, why)

    def _login(self, *, epoch: int) -> Prepared:
        session, record = self.session, self.record
        record.signal(Signal.LOGIN_STARTED)
        self._on_login_start(session.name, self._reason or "first login")
        self._attempts, self._tries_after_loss = self._attempts + 1, 1
        self._renew_at = self._clock() + _RENEW_EVERY_S
        begin_anew(session, session.given)
        try:
            with session.login_jar(session.jar_for_login(now=self._clock())):
                with session.watching_login(self._claim_goes_on):
                    take_steps(session, self.spider, probe_url=self.probe_url)
                self._check_login()
        except Exception as error:  # noqa: BLE001 - a login step is users' code: whatever it raises ends the login
            return self._ended_badly(error)
        record.logged_in_at = self._clock()
        self._became_ready(Signal.LOGIN_OK, epoch=epoch)
        self._attempts, self._fruitless = 0, self._fruitless + 1
        own = [*self.spider.start_urls, *([self.probe_url] if self.probe_url else [])]  # may show a form to a guest
        session.login_urls -= {page for page in session.login_urls if any(is_one_of(url, (page,)) for url in own)}
        self.saved_as = snapshot.version_of(session)
        ended, taken = LoginEnd("ok", credentials=session.account.mark()), snapshot.take(session, record, url="login")
        if not self.desk.end_login(session.key, ended, taken):
            record.signal(Signal.LOGGED_OUT, epoch=epoch - 1)  # too late: whoever logged in meanwhile has the session
            return Prepared(False, wait_s=patience.AGAIN_S)
        self.base = taken.secret
        row = self.desk.load(session.key)
        record.version = row.version if row is not None else 0
        return Prepared(True, "login")

    def _waits_for_person(self) -> Prepared:
        """There is no login step to run: nothing is claimed, and no attempt is counted."""
        error = NeedsHuman(self.session.name, self._by_hand_again())
        self.record.why = error.why
        self.record.signal(Signal.LOGIN_STARTED)
        self.record.signal(Signal.NEEDS_HUMAN)
        return Prepared(False, error=error)

    def _by_hand_again(self) -> str:
        """What a person has to do for a spider without a login step."""
        why = f"{self._reason}; " if self._reason else ""
        name = self.spider.name
        return (
            f"{why}the spider has no login step: log in with `crawl login {name} --browser`, or take a session from"
            f" elsewhere with `crawl sessions import {name}`"
        )

    def _claim_goes_on(self) -> None:
        """Prolong the claim of a login that takes long, or another process would take it for a dead one's."""
        now = self._clock()
        if now >= self._renew_at:
            self._renew_at = now + _RENEW_EVERY_S
            self.desk.renew(self.session.key)

    def _check_login(self) -> None:
        """Raise what fits when the login step has not led to a page of the logged in."""
        session = self.session
        reason = self._probe(fresh=True) if self.probe_url is not None else login_errors.said_at_last(session)
        if reason is None and self._probed.nothing:
            reason = login_errors.refused_at_last(session, self._probed.nothing)
        if reason is not None:
            sight, alive = login_errors.last_sight(session), alive_at(session, self.spider)
            error = login_errors.still_out(
                session, reason, probe_url=self.probe_url, spider_name=self.spider.name, alive_at=alive
            )
            known_good = self._known_good or sight is Sight.INSIDE
            tries = login_errors.tries(error, sight, known_good=known_good, let_in=self._let_in)
            self._known_good, self._tries_after_loss = known_good, 1 if alive else tries
            raise error

    def adopt_manually(self, *, url: str, claimed: bool = False) -> None:
        """Cookies were put into the session by a person (browser, import): prove and keep them as a new login.

        Args:
            claimed: The login was claimed in the store: it ends there, too, when it is good.
        Raises:
            LoginFailed: The probe still shows the logged-out page.
        """
        with self._flight:
            reason = self._probe(fresh=True) or self._probed.nothing
            if reason:
                raise LoginFailed(self.session.name, f"the probe page still shows: {reason}")
            row = self.desk.load(self.session.key)
            self.record.logged_in_at = self._clock()
            if self.record.state not in (LoginState.READY, LoginState.UNPROVEN):
                self.record.signal(Signal.LOGIN_STARTED)
                signal = Signal.LOGIN_OK
            else:
                signal = Signal.PROBE_OK
            self._became_ready(signal, epoch=max(self.record.epoch, row.epoch if row is not None else 0) + 1)
            taken = snapshot.take(self.session, self.record, url=url)
            ended = LoginEnd("ok", credentials=self.session.account.mark())
            if not claimed:
                self.desk.save(taken)
            elif not self.desk.end_login(self.session.key, ended, taken):
                raise LoginFailed(self.session.name, "somebody else has logged in meanwhile: that session is kept")
            self.base = taken.secret

    def _became_ready(self, signal: Signal, *, epoch: int) -> None:
        self.record.proved_at = self._clock()
        self.record.signal(signal, epoch=epoch)
        self.session.epoch, self._known_good = epoch, True
        self._let_in = self._let_in or signal in (Signal.LOGIN_OK, Signal.ADOPTED)
        self._patience.over()
        self._patience.answers = True

    def _probe(self, *, fresh: bool = False) -> str | None:
        """Fetch the probe page. The reason when it shows that we are logged out, None when nothing speaks against us.

        Args:
            fresh: Right after a login.
        Raises:
            FetchError: It brought no usable answer, so nothing is known.
        """
        self._probed = Probed()
        if self.probe_url is None:
            return None
        response = self.session.get(self.probe_url)
        reason = logged_out_reason(self.spider, self.session, response, self.probe_url)
        if reason is None and (response.status_code >= 500 or response.status_code == 429):
            asked_s = self._retry_after_s(response.headers.get("Retry-After"))
            raise StatusError(redact(self.probe_url), response.status_code, asked_s)
        if reason is None:
            self._probed = self._probe_page.judge(response.status_code, response.url, fresh=fresh)
        return reason or self._probed.reason

    def _ended_badly(self, error: Exception) -> Prepared:
        session, record = self.session, self.record
        found = login_errors.ended(
            error, session, self.spider, known_good=self._known_good, retry_after_s=self._retry_after_s
        )
        lost_at_once = found.outcome == "failed" and self._attempts < self._tries_after_loss
        self._patience.answers = self._patience.answers or session.sent.answers > 0
        self._reason = f"the last try failed: {found.error.why}"
        outcome = "lost" if lost_at_once else found.outcome
        mark = session.account.mark()
        self.desk.end_login(session.key, LoginEnd(outcome, found.error.why, mark, found.asked_s))
        if isinstance(found.error, NeedsHuman):
            record.why = found.error.why
            record.signal(Signal.NEEDS_HUMAN)
            return Prepared(False, error=found.error)
        if lost_at_once:
            record.signal(Signal.LOGIN_FAILED)
            return Prepared(False, wait_s=again_s(self._attempts))
        if found.passes and found.asked_s <= patience.PATIENCE_S:
            record.signal(Signal.LOGIN_FAILED)
            self._patience.begins(found.error, self._clock())
            return Prepared(False, wait_s=patience.AGAIN_S)  # the store says then how long it takes
        failure = found.error
        if found.asked_s > patience.PATIENCE_S:
            failure = LoginFailed(session.name, f"{failure.why}; it asks to be left alone for {found.asked_s:,.0f} s")
        return self._refused(failure, Signal.LOGIN_REFUSED)

    def _unproved(self, error: CrawlError) -> Prepared:
        """The probe of a stored session brought no usable answer: it is made again, while that may help."""
        failure = login_errors.unproved(self.session, error)
        if not isinstance(error, Transient | StatusError):
            return self._refused(failure, Signal.LOGGED_OUT)
        self._attempts += 1
        self._patience.answers = self._patience.answers or isinstance(error, StatusError)
        self._patience.begins(failure, self._clock())
        asked_s = login_errors.asked_to_wait_s(error, None, self._retry_after_s)
        return self._waits(probe_pause_s(self._attempts, asked_s), failure, Signal.LOGGED_OUT)

    def _waits(self, wait_s: float, trouble: SessionError, signal: Signal | None = None) -> Prepared:
        """Wait for what passes by itself, for as long as it makes sense; then give the session up."""
        given_up = self._patience.ends_with(trouble, wait_s, self._clock())
        if given_up is not None:
            return self._refused(given_up, signal)
        self._reason = trouble.why
        return Prepared(False, wait_s=wait_s, trouble=trouble)

    def _refused(self, error: SessionError, signal: Signal | None = None) -> Prepared:
        self.record.why = error.why
        if signal is Signal.LOGGED_OUT:
            self.record.signal(Signal.LOGGED_OUT)
        if self.record.state in (LoginState.EXPIRED, LoginState.LOGGING_IN):  # a forced login leaves others as they are
            self.record.signal(Signal.LOGIN_REFUSED)
        return Prepared(False, error=error)
