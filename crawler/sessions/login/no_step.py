"""A session of a spider without a login step: ready as it is, until the credentials that it sends are refused.

Basic, Digest, a fixed token or a key of an `Identity` go with every request, and each refusal may count against the
account. So the first page that answers 401 stops the session until it is known what that means: the credentials are
refused, which goes on record, and nothing more is sent by this run or a later one; or only that page is not for them.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from crawler.errors import CrawlError, LoginFailed, NeedsHuman, QuotaSpent, SessionError
from crawler.response import Request, Response
from crawler.sessions import snapshot
from crawler.sessions.auth.storage_token import in_storage
from crawler.sessions.desk import Desk, LoginEnd
from crawler.sessions.login.always_sent import mark_of, sent_names, token_auth
from crawler.sessions.login.login_errors import by_hand_again, refused_auth
from crawler.sessions.login.prove import Prover
from crawler.sessions.login.restore import Restorer
from crawler.sessions.login.standing import Preparation, Standing
from crawler.sessions.login.states import LoginState, Signal
from crawler.sessions.login.token_grants import TokenGrants
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import is_secret_name

_MOST_PAGES: Final = 10_000


class WithoutStep:
    """Of one session; `prepared` and `insisted` run on the thread that prepares it, the rest is safe from any.

    Args:
        grants: Asked before a password is sent for a token.

    Attributes:
        grants: The same.
        goes_alone: No answer has come yet to a request with the credentials: the next ones wait for it, since a wrong
            password would be sent by all that go together. Set before the session is ready, and so before anything is
            sent; ended by the scheduler's thread.
    """

    def __init__(
        self,
        standing: Standing,
        desk: Desk,
        restorer: Restorer,
        prover: Prover,
        spider: Spider,
        grants: TokenGrants,
    ) -> None:
        self._session, self._standing, self._desk, self._restorer = standing.session, standing, desk, restorer
        self._prover, self._telling, self._spider = prover, prover.telling, spider
        self.grants, self.goes_alone = grants, False
        self._not_for_us: set[int] = set()

    @property
    def sends_credentials(self) -> bool:
        """Whether what goes with every request, or is sent for its token, can be told from others: put on record."""
        return bool(mark_of(self._session)) or token_auth(self._session) is not None

    # --- on a worker thread -------------------------------------------------------------------------------------------
    def check(self, id: int, request: Request, statuses: Container[int] = ()) -> Callable[[Response], str | None]:
        """What tells why the answer to a request means that the session's credentials were refused.

        Args:
            id: Of the request, in the frontier.
            statuses: That its callback wants to see: a 401 among them is a page.
        """

        def refusal(response: Response) -> str | None:
            if response.status_code != 401 or 401 in statuses or id in self._not_for_us:
                return None
            if self._session.auth is None and sent_names(self._session) & set(map(str.lower, request.headers or ())):
                return None  # other credentials took their place
            return "status 401" if self._telling.is_refusal(response) else None

        return refusal

    # --- on the thread of the scheduler -------------------------------------------------------------------------------
    def is_not_for_us(self, request: int) -> None:
        """The credentials are good, and that page refuses them all the same: its next answer is its own."""
        if self.goes_alone and self._telling.several_refused:  # nothing has shown that they are
            return
        if len(self._not_for_us) < _MOST_PAGES:  # one more fails when it has been refused twice
            self._not_for_us.add(request)

    # --- on the thread that prepares it -------------------------------------------------------------------------------
    def prepared(self) -> Preparation:
        """Ready as it is, with the cookies that an earlier run has left; or why nothing may be sent."""
        standing, record = self._standing, self._standing.record
        if record.state is LoginState.UNPROVEN:
            return self._first()
        try:
            why = self._restorer.refused_before()
            if why:
                return standing.refused(self.grants.blocked("refused", why))
            if failure := self._no_token():
                return standing.refused(failure)
            refused_at = self._telling.refused_at()
        except QuotaSpent:
            raise
        except SessionError as error:  # no token is given
            return standing.refused(error)
        except CrawlError as error:
            return self._restorer.unproved(error)
        if refused_at:
            return self._put_on_record(refused_at)
        return self._goes_on(is_known=refused_at is not None)

    def insisted(self, *, on_tokens: bool = True) -> Preparation:
        """A person insists: the credentials are sent once, and what comes of it goes on record.

        Args:
            on_tokens: Also on what is sent for a token and is on record as refused.
        Raises:
            CrawlError: No usable answer came.
        """
        standing, record = self._standing, self._standing.record
        if record.state is LoginState.UNPROVEN:
            self._restorer.put_back()
            record.signal(Signal.LOGGED_OUT)
        with self.grants.insisted() if on_tokens else nullcontext():
            refused_at = self._telling.refused_at()
        if failure := self._no_token():
            return standing.refused(failure)
        if refused_at:
            return self._put_on_record(refused_at)
        if not (mark := mark_of(self._session)):  # what is sent for a token has told by itself how that went
            return self._goes_on()
        claim = self._desk.claim(self._session.key, record.epoch, credentials=mark, force=True)
        if claim.granted:
            self._desk.end_login(self._session.key, LoginEnd("ok", credentials=mark))
        ready = self._goes_on()
        return ready if self._telling.is_known else replace(ready, how="unproved")

    def _first(self) -> Preparation:
        row = self._restorer.put_back()
        if why := self._restorer.refused_before():
            return self._standing.refused(self.grants.blocked("refused", why), Signal.LOGGED_OUT)
        self.goes_alone = self.sends_credentials  # first: the scheduler hands out requests as soon as it is ready
        self._standing.became_ready(Signal.PROBE_OK, epoch=row.epoch if row is not None else 0, proved=False)
        return Preparation(True, "ready")

    def _goes_on(self, *, is_known: bool = True) -> Preparation:
        """It is ready again; the next request goes alone where it is not known that the credentials are good."""
        standing = self._standing
        standing.doubted, standing.attempts, self.goes_alone = False, 0, not is_known
        standing.became_ready(Signal.PROBE_OK, epoch=standing.record.epoch, proved=False)
        return Preparation(True, "still good")

    def _no_token(self) -> SessionError | None:
        """Why its auth is given no token; None where it has one, or may ask for it."""
        tokens = token_auth(self._session)
        return None if tokens is None else tokens.failure

    def _put_on_record(self, refused_at: str) -> Preparation:
        """Any process of any run that has these credentials knows from now on that they are refused."""
        standing, session = self._standing, self._session
        error, mark = refused_auth(session, refused_at), mark_of(session)
        claim = self._desk.claim(session.key, standing.record.epoch, credentials=mark, force=True)
        if not claim.granted:  # another process is writing the same
            return Preparation(False, wait_s=max(claim.wait_s, 0.05))
        self._desk.end_login(session.key, LoginEnd("refused", error.why, mark))
        standing.doubted = False
        return standing.refused(error)

    # --- sessions that a person, or the spider, has let in ----------------------------------------------------------
    def is_let_in_by_cookies(self) -> bool:
        """Whether the spider itself gives the session cookies that open what a stranger does not get.

        A header of the identity, or `set_up_session`; such cookies may as well hold a language, or a consent.
        """
        session = self._session
        if not (_brings_cookies(session) and session.identity.login and self._prover.url):
            return False
        self._restorer.put_back()  # the site may have changed them since
        try:
            return self._telling.lets_in(self._prover.url)
        except QuotaSpent:
            raise
        except CrawlError:  # nothing is known: it goes on as it is
            return False

    def brought_in(self, *reasons: str) -> Preparation:
        """There is no login step to run, and a login is needed: what the spider gives the session may be one.

        Nothing is claimed, and no attempt is counted.
        """
        why = ""
        if self._brings_something():
            try:
                if before := self._restorer.refused_before():
                    return self._standing.refused(self.grants.blocked("refused", before))
                why = self._prover.logged_out(fresh=True) or self._prover.nothing
            except QuotaSpent:
                raise
            except CrawlError as error:
                return self._restorer.unproved(error)
            if not why:
                return self._adopted("the spider")
            if self._prover.status == 401 and mark_of(self._session):
                return self._put_on_record(str(self._prover.url))
            why = f"the cookies or credentials that the spider gives the session do not let it in ({why})"
        return self._waits_for_person(*((why,) if why else reasons))

    def _brings_something(self) -> bool:
        """Whether the spider gives the session what may let it in; what a person has brought is not from there."""
        given, named = self._session.given, sent_names(self._session)
        by_itself = given.auth is not None and in_storage(given.auth) is None  # else a browser has to bring it first
        keys = any(name.lower() in named for name in given.headers) or any(map(is_secret_name, given.params))
        return by_itself or keys or _brings_cookies(self._session)

    def adopt(self, url: str, *, claimed: bool) -> None:
        """As `LoginManager.adopt_manually`."""
        if reason := self._prover.logged_out(fresh=True) or self._prover.nothing:
            raise LoginFailed(self._session.name, f"the probe page still shows: {reason}")
        self._adopted(url, claimed=claimed)

    def _adopted(self, url: str, *, claimed: bool = False) -> Preparation:
        standing, record = self._standing, self._standing.record
        row = self._desk.load(self._session.key)
        record.logged_in_at = standing.clock()
        if record.state not in (LoginState.READY, LoginState.UNPROVEN):
            record.signal(Signal.LOGIN_STARTED)
            signal = Signal.LOGIN_OK
        else:
            signal = Signal.PROBE_OK
        standing.became_ready(signal, epoch=max(record.epoch, row.epoch if row is not None else 0) + 1)
        taken = snapshot.take(self._session, record, url=url)
        ended = LoginEnd("ok", credentials=self._session.account.mark())
        if not claimed:
            self._desk.save(taken)
        elif not self._desk.end_login(self._session.key, ended, taken):
            raise LoginFailed(self._session.name, "somebody else has logged in meanwhile: that session is kept")
        standing.base = taken.secret
        return Preparation(True, "adopted")

    def _waits_for_person(self, *reasons: str) -> Preparation:
        record = self._standing.record
        error = NeedsHuman(self._session.name, by_hand_again(self._spider, *reasons))
        record.why = error.why
        record.signal(Signal.LOGIN_STARTED)
        record.signal(Signal.NEEDS_HUMAN)
        return Preparation(False, error=error)


def _brings_cookies(session: Session) -> bool:
    """Whether the spider itself gives the session cookies."""
    return bool(session.given.cookies) or any(name.lower() == "cookie" for name in session.given.headers)
