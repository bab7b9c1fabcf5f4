"""Restores a stored session and proves it: all that makes a session ready without logging in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from crawler.errors import CrawlError, QuotaSpent, StatusError, Transient
from crawler.sessions import snapshot
from crawler.sessions.auth.schemes import dump_auth
from crawler.sessions.auth.tokens import token_end
from crawler.sessions.desk import Desk, StoredSession
from crawler.sessions.login import login_errors, patience
from crawler.sessions.login.always_sent import mark_of, sent_nothing_else
from crawler.sessions.login.forecast import forecast
from crawler.sessions.login.patience import PROBE_PAUSES_S, probe_pause_s
from crawler.sessions.login.prove import Prover
from crawler.sessions.login.renewal import Renewal
from crawler.sessions.login.signs import FORM_AGAIN
from crawler.sessions.login.standing import Preparation, Standing
from crawler.sessions.login.states import Signal
from crawler.urls import redact

LONG_RUN_S = 60.0  #: shorter runs do not log in ahead of an end that is expected
_DOUBTFUL_PROBES = 3  #: probes that failed before a page that showed us logged out is believed


class Restorer:
    """Of one session; used by the thread that prepares it.

    Attributes:
        renewal: By a page of the app, where it has one.
    """

    def __init__(
        self,
        standing: Standing,
        desk: Desk,
        prover: Prover,
        *,
        renewal: Renewal,
        expected_run_s: float,
        retry_after_s: Callable[[str | None], float | None],
    ) -> None:
        self.renewal = renewal
        self._session, self._standing, self._desk, self._prover = standing.session, standing, desk, prover
        self._expected_run_s, self._retry_after_s = expected_run_s, retry_after_s

    def adopted(self) -> Preparation | None:
        """Take the session over when somebody has logged in meanwhile: another process, or a person."""
        row = self._desk.load(self._session.key)
        if row is None or row.epoch <= self._standing.record.epoch or not self.take_over(row):
            return None
        try:
            if self._prover.logged_out() is not None:
                return None
        except CrawlError:
            return None
        self._standing.became_ready(Signal.ADOPTED, epoch=row.epoch)
        return Preparation(True, "adopted")

    def put_back(self) -> StoredSession | None:
        """Give a session that nobody logs in the cookies that an earlier run has left.

        Returns:
            Its row in the store; None where there is none.
        """
        standing, record = self._standing, self._standing.record
        row: StoredSession | None = self._desk.load(self._session.key)
        if row is not None and row.readable and row.secret:
            if snapshot.put_back(self._session, row.secret):
                standing.base = row.secret
            record.version, standing.saved_as = row.version, snapshot.version_of(self._session)
        return row

    def restored(self) -> Preparation | None:
        """Prove the stored session. None when it is not good: a login has to follow."""
        standing, record = self._standing, self._standing.record
        row = self._desk.load(self._session.key)
        if row is not None and row.epoch > 0 and self.take_over(row):
            try:
                reason = standing.token_ended() or self.refused_before() or self._prover.logged_out()
            except QuotaSpent:
                raise
            except CrawlError as error:
                return self.unproved(error)
            standing.patience.over()
            reason = reason or self._prover.nothing or None  # then a login says more
            if reason is None and not self._would_outlive():
                standing.became_ready(Signal.PROBE_OK, epoch=row.epoch)
                return Preparation(True, "restored")
            if reason is None:
                standing.reason = "the stored session is expected to end before this run does"
            else:
                was = "is no longer good" if row.proved_at is not None else "was brought here and is not logged in"
                standing.reason = f"the stored session {was}: {reason}"
                standing.lost_stored_epoch, standing.proved_before_loss = row.epoch, row.proved_at or 0.0
                self._desk.expired(self._session.key, row.epoch, standing.proved_before_loss)
        record.signal(Signal.LOGGED_OUT, epoch=row.epoch if row is not None else 0)
        return None

    def doubts_settled(self) -> Preparation | None:
        """Ask the probe whether the page that showed us logged out was right. None: it was, a login has to follow."""
        standing, record = self._standing, self._standing.record
        if not standing.doubted:
            return None
        row = self._desk.load(self._session.key)
        if row is not None and row.epoch > record.epoch:
            standing.doubted = False  # whatever the page showed: there is a newer login to be taken
            return None
        if row is not None and row.epoch == record.epoch and row.version > record.version:
            self.take_over(row)  # another process has newer cookies of the same login
        try:
            reason = standing.token_ended() or self.refused_before() or self._prover.logged_out()
        except QuotaSpent:
            raise
        except CrawlError as error:
            standing.attempts += 1
            if standing.attempts < _DOUBTFUL_PROBES:
                asked_s = patience.asked_to_wait_s(error, None, self._retry_after_s)
                return Preparation(False, wait_s=max(PROBE_PAUSES_S[0], min(asked_s + 1.0, patience.PATIENCE_S)))
            reason = f"the probe failed: {redact(str(error))}"
        reason = reason or self._by_witness()  # first: where the quota is spent, the doubt stays
        standing.doubted, standing.attempts = False, 0
        if reason is not None:
            standing.elsewhere.heard(reason)
            self._desk.expired(self._session.key, record.epoch, standing.proved_before_loss)
            return None
        if standing.reason == FORM_AGAIN and standing.witness.page:
            self._learn_from(standing.witness.page)
        standing.became_ready(Signal.PROBE_OK, epoch=record.epoch)
        return Preparation(True, "still good")

    def refused_before(self) -> str | None:
        """Why nothing may be sent with the credentials that go with every request; None when something may.

        It is on record that the site has refused these very ones, whatever process sent them: a probe sends them, too.
        """
        mark = mark_of(self._session)
        return (self._desk.refused(self._session.key, mark) or None) if mark else None

    def _by_witness(self) -> str | None:
        """What the page that showed us logged out itself says, where the probe page may be one that everybody sees.

        That is a page that the spider has not named as its probe, without a sign of being logged in.
        """
        witness, page = self._standing.witness, self._standing.witness.page
        if not self._prover.may_be_for_all:
            return None
        if sent_nothing_else(self._session) and mark_of(self._session):
            return self._refused()
        if not page or witness.misled:
            return None
        if page in self._session.asked_again:  # it was led to another page, and is asked for again by itself
            return None
        reason = self._shows_out(page)
        if reason is not None:
            witness.believed = page
        return reason

    def _refused(self) -> str | None:
        """Why credentials that go with every request are refused, although the probe page is good."""
        if self._prover.telling.doubtful is None:
            return None
        try:
            refused_at = self._prover.telling.refused_at()
        except QuotaSpent:
            raise
        except CrawlError:
            return None
        if not refused_at:
            return None
        self._prover.was_refused(refused_at)
        return "status 401"

    def confirm(self) -> None:
        """After a login for the sake of a page: where that shows us logged out all the same, it is forbidden to the
        account, or ends the session, and no page is taken at its word any more in this run.
        """
        witness = self._standing.witness
        page, witness.believed = witness.believed, ""
        try:
            witness.misled = bool(page) and self._prover.shows_out_still(page) is not None
        except CrawlError:  # the login was good, whatever this page says
            return

    def _learn_from(self, page: str) -> None:
        """The session is good, and a page of it shows a form of the login: whether members have it, too."""
        with suppress(CrawlError):  # it is asked again when another page shows it
            self._prover.shows_out_still(page)

    def _shows_out(self, page: str) -> str | None:
        try:
            return self._prover.shows_out(page)
        except QuotaSpent:
            raise
        except CrawlError:
            return None

    def still_good(self) -> bool | None:
        """What the probe says about a session against which nothing speaks. None: nothing is known."""
        record, at = self._standing.record, self._standing.clock()
        if self._prover.url is None:
            return None
        try:
            reason = self._prover.logged_out()
        except CrawlError:
            return None
        if reason is not None:
            self._desk.expired(self._session.key, record.epoch, record.proved_at or 0.0)
            return False
        if self._prover.nothing:
            return None
        record.proved_at = at
        return True

    def _would_outlive(self) -> bool:
        """Whether this run is expected to be still going when the stored login ends."""
        if self._expected_run_s < LONG_RUN_S or self.renewal.by_page:  # which costs no login, when it is due
            return False
        session, now = self._session, self._standing.clock()
        expiries = [cookie.expires for cookie in session.cookies.cookies()]
        lives = self._desk.lives(session.key)
        ends = token_end(dump_auth(session.auth), session.headers, session.storage)
        expected = forecast(expiries, lives, logged_in_at=self._standing.record.logged_in_at, now=now, token_end=ends)
        return expected.outlived_by(self._expected_run_s, now=now)

    def take_over(self, row: StoredSession) -> bool:
        """Give the session what is stored of it; False when that is of no use."""
        standing, record = self._standing, self._standing.record
        if not row.readable:
            standing.reason = "the stored session cannot be read with the keys at hand"
            return False
        if not row.secret or not snapshot.put_back(self._session, row.secret):
            standing.reason = "the stored session went through another proxy or adapter"
            return False
        standing.base = row.secret
        record.version, record.logged_in_at = row.version, row.logged_in_at
        record.probe_showed = snapshot.probe_showed(row.secret)
        standing.saved_as = snapshot.version_of(self._session)  # the probe may change it
        return True

    def unproved(self, error: CrawlError) -> Preparation:
        """The probe of a stored session brought no usable answer: it is made again, while that may help."""
        standing = self._standing
        failure = login_errors.unproved(self._session, error)
        if not isinstance(error, Transient | StatusError):
            return standing.refused(failure, Signal.LOGGED_OUT)
        standing.attempts += 1
        standing.patience.answers = standing.patience.answers or isinstance(error, StatusError)
        standing.patience.begins(failure, standing.clock())
        asked_s = patience.asked_to_wait_s(error, None, self._retry_after_s)
        return standing.waits(probe_pause_s(standing.attempts, asked_s), failure, Signal.LOGGED_OUT)
