"""Makes the sessions of a spider: who they are, where they may go, what carries them, and who logs them in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from crawler.clock import unix_now
from crawler.errors import SpiderError
from crawler.fetching.retry import retry_after_s
from crawler.fetching.transport import Transport, limits_of
from crawler.frontier.admission import slot_of
from crawler.identity import Identity
from crawler.pagework.own_hosts import OwnHosts
from crawler.pagework.transports import Transports
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.accounts import Account
from crawler.sessions.credential_places import Ask
from crawler.sessions.from_spider import home_account, logs_in, origins_of, probe_url_of, session_key
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.renewal import LoadsPage
from crawler.sessions.origins import SURVIVES_ORIGIN, Origins
from crawler.sessions.quota import Allowance, BareAsking, Granted, Quota
from crawler.sessions.sending import ExchangeRecorder
from crawler.sessions.session import Session
from crawler.settings import Settings
from crawler.spider import Spider
from crawler.stores.session_desk import SessionDesk
from crawler.urls import redact

_ROBOTS_LIMIT_BYTES = 32 * 1024 * 1024  #: of which the first 500 KiB are read (RFC 9309, 2.5)
_ROBOTS_REDIRECTS = 5


def session_delays(spider: Spider) -> dict[str, float]:
    """Sessions with a delay of their own, in seconds."""
    return {identity.name: identity.delay for identity in spider.identities() if identity.delay}


@quick_dataclass
class Around:
    """Where the sessions are used: in a run, or for single pages.

    Attributes:
        stop: Set when nothing is to be waited for any more.
        ask: Asks a person for credentials; None when nobody is there.
        on_login_start: Told the session and the reason of each login that begins, and whether it only renews a token.
        on_token_login: Told the session of each good login that its auth has made by itself, for a token, and the
            milliseconds that it took.
        pace: Waits for the turn, at its host, of a request that is in no frontier; None where nothing is waited for.
        connection: Waits for a free connection to a host until a moment (of ``time.monotonic()``), and holds it: for
            what a rendered page requests.
        grants: Asks the store what a session (its key) may send by its quota; None where nothing is kept.
        expected_run_s: How long the run will take, as far as is known; 0 if unknown.
    """

    stop: threading.Event
    ask: Ask | None = None
    on_login_start: Callable[[str, str, bool], None] = lambda name, reason, renews: None
    on_token_login: Callable[[str, float], None] = lambda name, elapsed_ms: None
    pace: Callable[[str], None] | None = None
    connection: Callable[[str, float], AbstractContextManager[object]] = lambda slot, ends: nullcontext()
    expected_run_s: float = 0.0
    grants: Callable[[str, Quota | None, int, list[tuple[float, int]]], Granted] | None = None


class SessionMaker:
    """The sessions of one process for one spider, made when they are first wanted.

    Attributes:
        identities: By name.
        own_slots: Sessions with a delay of their own: politeness counts them apart.
    """

    def __init__(
        self,
        spider: Spider,
        settings: Settings,
        around: Around,
        hosts: OwnHosts,
        transports: Transports,
        recorder: ExchangeRecorder | None = None,
    ) -> None:
        self._spider, self._settings, self._around = spider, settings, around
        self._hosts, self._transports, self._recorder = hosts, transports, recorder
        self.identities = {identity.name: identity for identity in spider.identities()}
        self.own_slots = frozenset(session_delays(spider))
        self._made: dict[str, LoginManager] = {}
        self._bare_asking = BareAsking()

    def is_guarded(self, name: str) -> bool:
        """Whether a session may be logged in: by a step of the spider, or by a person."""
        made = self._made.get(name)
        return self._logs_in(name) if made is None else made.wants_login

    def slot_for(self, session: str, url: str) -> str:
        """What politeness counts a request of *session* under."""
        return slot_of(url) + (f"#{session}" if session in self.own_slots else "")

    def _logs_in(self, name: str) -> bool:
        identity = self.identities.get(name)
        return self._spider.wants_login() if identity is None else logs_in(self._spider, identity)

    def manager(self, name: str, desk: SessionDesk, loads_page: LoadsPage) -> LoginManager:
        """The login manager of a session, with the session; *loads_page* renews what a page of its app can renew."""
        identity, settings = self.identities[name], self._settings
        origins = origins_of(self._spider, identity, self._hosts.start_origins)
        origins.private = settings.allow_private
        file = Path(settings.accounts) if settings.accounts else None
        account = Account(name, site=home_account(self._spider, self._hosts.begins), file=file, ask=self._around.ask)
        user = account.get("username") if self._logs_in(name) else None
        transport = self._transports.get(identity.transport, identity.http)
        session = Session(
            identity,
            account=account,
            origins=origins,
            transport=transport,
            own_headers_alone=cast(Transport, transport).browser_headers,
            limits=limits_of(settings),
            key=session_key(self._spider, identity, user, self._hosts.begins, lambda name: account.get(name, "")),
            user_agent=settings.user_agent,
            headers=settings.headers,
            proxy=settings.proxy,
            verify=settings.verify,
            timeout_s=settings.timeout,
            deadline_s=settings.deadline,
            max_redirects=settings.max_redirects,
        )
        self._set_up(session)
        session.sending.pace, session.leads_inside = self._paced(name), self._logs_in(name)
        session.trusts, session.sending.recorder = self._hosts.trusted.add, self._recorder
        session.sending.allowance = self._allowance(identity, session)
        manager = self._made[name] = LoginManager(
            session,
            self._spider,
            desk,
            probe_url=probe_url_of(self._spider) or self._hosts.begins,
            on_login_start=self._around.on_login_start,
            on_token_login=self._around.on_token_login,
            expected_run_s=self._around.expected_run_s,
            retry_after_s=lambda header: retry_after_s(header, now=unix_now(), cap_s=settings.max_retry_after),
            loads_page=loads_page,
        )
        return manager

    def _set_up(self, session: Session) -> None:
        """Let the spider give a new session what it needs before its first request."""
        if type(self._spider).set_up_session is Spider.set_up_session:
            return
        try:
            self._spider.set_up_session(session)
        except Exception as error:
            what = f"{type(error).__name__}: {redact(str(error))}"
            raise SpiderError(f"{self._spider.name}.set_up_session failed: {what}") from error
        session.begins_as_it_is()

    def _allowance(self, identity: Identity, session: Session) -> Allowance | None:
        """What the account may send; None for a session without an account."""
        if not (identity.quota or self._logs_in(identity.name) or session.auth or identity.secret_headers):
            return None
        quota, grants = Quota.parse(identity.quota) if identity.quota else None, self._around.grants
        grant = None if grants is None else partial(grants, session.key, quota)
        return Allowance(identity.name, quota, grant, others=len(self.identities) > 1, bare=self._bare_asking)

    def _paced(self, session: str) -> Callable[[str], None] | None:
        """Waits for the turn of a request to a URL: by its host, or by host and session where that has a delay."""
        pace = self._around.pace
        return None if pace is None else lambda url: pace(self.slot_for(session, url))

    def bare(self, origins: Origins) -> Session:
        """For robots.txt: no credentials at all, small answers only."""
        settings = self._settings
        plain = {name: value for name, value in settings.headers.items() if name.lower() in SURVIVES_ORIGIN}
        transport = self._transports.get()
        session = Session(
            Identity("robots", login=False),
            account=Account("robots", environ={}),
            origins=origins,
            transport=transport,
            own_headers_alone=cast(Transport, transport).browser_headers,
            limits=replace(limits_of(settings), max_size_bytes=_ROBOTS_LIMIT_BYTES),
            user_agent=settings.user_agent,
            headers=plain,
            proxy=settings.proxy,
            verify=settings.verify,
            timeout_s=settings.timeout,
            deadline_s=min(settings.deadline, 30.0),
            max_redirects=_ROBOTS_REDIRECTS,
        )
        session.sending.pace, session.sending.recorder = self._paced("robots"), self._recorder
        return session
