"""Joins the parts: from a spider and settings to a pool of sessions, a fetcher, an admission, doors.

No I/O but opening the store's vault; the order of building is the order of the layers.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from requests.adapters import BaseAdapter

from crawler.clock import unix_now
from crawler.errors import SpiderError
from crawler.fetching.fetcher import Fetcher
from crawler.fetching.retry import Backoff, RetryPolicy, retry_after_s
from crawler.fetching.transport import Transport, limits_of, make_transport, maker_of
from crawler.frontier.admission import Admission, AdmissionRules, allowed_hosts, domains_of, slot_of
from crawler.frontier.guard import LogoutGuard
from crawler.frontier.robots_ways import RobotsWays, Way, product_of
from crawler.frontier.start_requests import first_request_url
from crawler.frontier.traps import TrapGuard, TrapLimits
from crawler.identity import Identity
from crawler.pagework.file_desk import FileDesk
from crawler.pagework.file_work import FileRules, FileWork
from crawler.plugins import make_plugins
from crawler.sessions.accounts import Account
from crawler.sessions.credential_places import Ask
from crawler.sessions.from_spider import home_site, known_urls, origins_of, probe_url_of, session_key
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.watch import logged_out_reason
from crawler.sessions.origins import SURVIVES_ORIGIN, Origins
from crawler.sessions.pool import SessionPool
from crawler.sessions.proxy_pool import ProxyPool
from crawler.sessions.quota import Allowance, BareAsking, Granted, Quota
from crawler.sessions.session import Session
from crawler.sessions.session_config import configured_identities
from crawler.settings import Settings
from crawler.spider import Spider, checked_keys
from crawler.stores.session_desk import SessionDesk
from crawler.urls import host_of, origin_of, redact

if TYPE_CHECKING:
    from crawler.rendering.renderer import Renderer

_ROBOTS_LIMIT_BYTES = 32 * 1024 * 1024  #: of which the first 500 KiB are read (RFC 9309, 2.5)
_ROBOTS_REDIRECTS = 5


def build_spider(spider: type[Spider], arguments: Mapping[str, str] | None, settings: Settings) -> Spider:
    """The spider object, with its sessions: its own, those of the setting, or those of the file of accounts.

    Raises:
        UsageError: Spider, setting or file are wrong.
    """
    given = dict(arguments or {})
    try:
        inspect.signature(spider).bind(**given)
    except TypeError as error:
        raise SpiderError(
            f"{spider.__name__}.__init__ and what `-a` gives do not fit: {error}; write"
            " `def __init__(self, **arguments)` and `super().__init__(**arguments)`: each argument becomes an attribute"
        ) from None
    made = spider(**given)
    if not hasattr(made, "arguments"):  # an __init__ without `super().__init__`
        made.arguments = given
    made.allowed_domains = allowed_hosts(made.allowed_domains)
    made.keys = checked_keys(spider, made.keys)
    file = Path(settings.accounts) if settings.accounts else None
    chosen = configured_identities(made, setting=settings.sessions, file=file)
    if chosen != made.identities():  # names stay names: a spider may go through its own list
        made.sessions = [each.name if each == Identity(each.name) else each for each in chosen]
    for name in {settings.transport, *(each.transport for each in made.identities())} - {"", "curl", "urllib3"}:
        maker_of(name)  # a wrong name is found here, before a run is opened
    for each in made.identities():
        _check(each)
    if renders(made):
        from crawler.rendering.launched import require_browser

        require_browser()  # what is missing is found here, before a run is opened
    made.active_plugins = make_plugins(made, settings.plugins)
    made.identities()
    for url in known_urls(made):
        host_of(url)  # a wrong one is found here, before a run is opened
    return made


def _check(identity: Identity) -> None:
    """What an identity says, before a run is opened. Raises UsageError."""
    if identity.quota:
        Quota.parse(identity.quota)
    if identity.proxies:
        ProxyPool(identity.name, identity.proxies)
    if identity.http not in ("", "1.1", "2", "3", "auto"):
        raise SpiderError(f"http of session {identity.name!r}: '1.1', '2', '3' or 'auto', not {identity.http!r:.20}")


def renders(spider: Spider) -> bool:
    """Whether the spider says by itself that pages are rendered; a request may say so, too."""
    rules = getattr(spider, "rules", ())
    return bool(spider.render) or any(getattr(each, "render", None) for each in rules)


def session_delays(spider: Spider) -> dict[str, float]:
    """Sessions with a delay of their own, in seconds."""
    return {identity.name: identity.delay for identity in spider.identities() if identity.delay}


@dataclass(frozen=True)
class Around:
    """Where the sessions are used: in a run, or for single pages.

    Attributes:
        stop: Set when nobody is to wait for anything any more.
        ask: Asks a person for credentials; None when nobody is there.
        on_login_start: Told the session and the reason of each login that begins.
        pace: Waits for the turn of a request to a host that is in no frontier; None where nothing is waited for.
        connection: Waits for a free connection to a host until a moment (of ``time.monotonic()``), and holds it: for
            what a rendered page asks for.
        grants: Asks the store what a session (its key) may send by its quota; None where nothing is kept.
        expected_run_s: How long the run will take, as far as anybody knows; 0 for not known.
    """

    stop: threading.Event
    ask: Ask | None = None
    on_login_start: Callable[[str, str], None] = lambda name, reason: None
    pace: Callable[[str], None] | None = None
    connection: Callable[[str, float], AbstractContextManager[object]] = lambda slot, ends: nullcontext()
    expected_run_s: float = 0.0
    grants: Callable[[str, Quota | None, int, list[tuple[float, int]]], Granted] | None = None


class Assembly:
    """The parts of one process for one spider. `close` hangs up."""

    def __init__(self, spider: Spider, settings: Settings, desk: SessionDesk, around: Around) -> None:
        self.spider, self.settings, self._desk, self._around = spider, settings, desk, around
        self._bare_asking = BareAsking()
        self._identities = {identity.name: identity for identity in spider.identities()}
        self._begins = first_request_url(spider)
        start_urls = known_urls(spider)
        self._trusted = {host_of(url) for url in start_urls} | set(spider.allowed_domains)
        for identity in self._identities.values():
            self._trusted |= {host_of(origin) if "://" in origin else origin for origin in identity.origins}
        self._https_hosts = {host_of(url) for url in start_urls if url.startswith("https://")}
        self._transports: dict[tuple[str, str], Transport] = {}  # by name and HTTP; under the lock of the pool
        self._start_origins: list[str] = []
        self._made: dict[str, LoginManager] = {}
        self._renderer: Renderer | None = None
        self._render_lock = threading.Lock()  # guards the making of it
        delays = session_delays(spider)
        self._own_slots = frozenset(delays)
        self.pool = SessionPool(self._identities, self._make_manager, delays=delays)
        self.guard = LogoutGuard()
        self.robots = self._make_robots() if settings.robots else None
        backoff = Backoff(settings.backoff, settings.max_backoff)
        self.policy = RetryPolicy(settings.retries, frozenset(settings.retry_statuses), backoff, around.stop)
        self.fetcher = Fetcher(self.policy, max_retry_after_s=settings.max_retry_after)
        traps = TrapGuard(TrapLimits(max_pages_per_host=settings.max_pages_per_host))
        self.admission = Admission(
            AdmissionRules(
                domains=domains_of(spider.allowed_domains, start_urls),
                default_session=self.pool.names[0],
                max_depth=settings.max_depth,
                guard=self.guard_rule if settings.logout_guard else None,
                traps=traps.refuses if settings.traps else None,
                guarded=self.is_guarded,
                own_slots=self._own_slots,
                host_full=traps.refuses_host if settings.max_pages_per_host else None,
                upgraded=self._https_hosts if settings.upgrade else None,
            )
        )
        if self._begins is not None:
            self.learn_start([origin_of(self._begins)])

    def learn_start(self, origins: Iterable[str]) -> None:
        """The start requests go there: these hosts belong to the crawl, to its sessions, and may be private."""
        for origin in origins:
            host = host_of(origin)
            self._trusted.add(host)
            if origin == f"https://{host}:443":
                self._https_hosts.add(host)
            self.admission.belongs(host)
            if origin not in self._start_origins:
                self._start_origins.append(origin)

    @property
    def hop_guard(self) -> Callable[[str, str, str], str | None] | None:
        """What redirects of logged-in sessions are asked; None where the guard is off, and so is what it learned."""
        return self.guard_rule if self.settings.logout_guard else None

    def guard_rule(self, url: str, text: str, rel: str) -> str | None:
        """The logout guard, except for pages of the login itself."""
        return self.guard.refuses(url, text, rel)

    def _logs_in(self, name: str) -> bool:
        identity = self._identities.get(name)
        return self.spider.wants_login() and (identity is None or identity.login)

    def is_guarded(self, name: str) -> bool:
        """Whether a session may be logged in: by a step of the spider, or by a person."""
        made = self._made.get(name)
        return self._logs_in(name) if made is None else made.wants_login

    def _make_manager(self, name: str) -> LoginManager:
        identity, settings = self._identities[name], self.settings
        origins = origins_of(self.spider, identity, self._start_origins)
        origins.private = settings.allow_private
        file = Path(settings.accounts) if settings.accounts else None
        account = Account(name, site=home_site(self.spider, self._begins), file=file, ask=self._around.ask)
        user = account.get("username") if self._logs_in(name) else None
        transport = self._transport(identity.transport, identity.http)
        session = Session(
            identity,
            account=account,
            origins=origins,
            transport=transport,
            own_headers_alone=cast(Transport, transport).browser_headers,
            limits=limits_of(settings),
            key=session_key(self.spider, identity, user, self._begins),
            user_agent=settings.user_agent,
            headers=settings.headers,
            proxy=settings.proxy,
            verify=settings.verify,
            timeout_s=settings.timeout,
            deadline_s=settings.deadline,
            max_redirects=settings.max_redirects,
        )
        self._set_up(session)
        session.pace, session.leads_inside = self._paced(name), self._logs_in(name)
        session.trusts = self._trusted.add
        session.allowance = self._allowance(identity, session)
        manager = self._made[name] = LoginManager(
            session,
            self.spider,
            self._desk,
            probe_url=probe_url_of(self.spider) or self._begins,
            on_login_start=self._around.on_login_start,
            expected_run_s=self._around.expected_run_s,
            retry_after_s=lambda header: retry_after_s(header, now=unix_now(), cap_s=settings.max_retry_after),
        )
        return manager

    def _set_up(self, session: Session) -> None:
        """Let the spider give a new session what it needs before its first request."""
        if type(self.spider).set_up_session is Spider.set_up_session:
            return
        try:
            self.spider.set_up_session(session)
        except Exception as error:
            what = f"{type(error).__name__}: {redact(str(error))}"
            raise SpiderError(f"{self.spider.name}.set_up_session failed: {what}") from error
        session.begins_as_it_is()

    def _allowance(self, identity: Identity, session: Session) -> Allowance | None:
        """What the account may send; None for a session that is nobody's account."""
        if not (identity.quota or self._logs_in(identity.name) or session.auth or identity.secret_headers):
            return None
        quota, grants = Quota.parse(identity.quota) if identity.quota else None, self._around.grants
        grant = None if grants is None else partial(grants, session.key, quota)
        return Allowance(identity.name, quota, grant, others=len(self._identities) > 1, bare=self._bare_asking)

    def _paced(self, session: str) -> Callable[[str], None] | None:
        """What waits for the turn of a request to a URL: by its host, or by host and session where that has a delay."""
        pace = self._around.pace
        return None if pace is None else lambda url: pace(self.slot_for(session, url))

    def slot_for(self, session: str, url: str) -> str:
        """What politeness counts a request of *session* under."""
        return slot_of(url) + (f"#{session}" if session in self._own_slots else "")

    def _make_robots(self) -> RobotsWays:
        settings = self.settings
        proxies = (("http", settings.proxy), ("https", settings.proxy)) if settings.proxy else ()
        usual = Way(product_of(settings.user_agent), proxies, settings.verify)
        return RobotsWays(self._bare_session, usual, self._transport())

    def _bare_session(self, origins: Origins) -> Session:
        """For robots.txt: no credentials of anybody, small answers only."""
        settings = self.settings
        plain = {name: value for name, value in settings.headers.items() if name.lower() in SURVIVES_ORIGIN}
        transport = self._transport()
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
        session.pace = self._paced("robots")
        return session

    def _transport(self, name: str = "", http: str = "") -> BaseAdapter:
        """That of the setting, or of a name; sessions share it, and it is closed here."""
        kind = name or self.settings.transport, http or self.settings.http
        if kind not in self._transports:
            self._transports[kind] = make_transport(self.settings, self._trusted, *kind)
        return cast(BaseAdapter, self._transports[kind])  # requests asks for nothing that it has not

    @property
    def renderer(self) -> Renderer:
        """What renders pages; no browser is started before the first one."""
        with self._render_lock:
            if self._renderer is None:
                self._renderer = make_renderer(self, self._around)
            return self._renderer

    def abort_all(self) -> None:
        """Make every transfer under way fail, and every later one."""
        if self._renderer is not None:
            self._renderer.abort_all()
        for each in list(self._transports.values()):
            each.abort_all()

    def close(self) -> None:
        """Close sessions, browser and transports; safe to call twice."""
        if self._renderer is not None:
            self._renderer.close()
        self.pool.close()
        for each in list(self._transports.values()):
            each.close()


def make_renderer(parts: Assembly, around: Around) -> Renderer:
    """What renders the pages of a crawl, by its settings."""
    from crawler.rendering.page_requests import PagePolicy
    from crawler.rendering.page_rules import PageRules
    from crawler.rendering.renderer import BrowserCare, Renderer

    settings = parts.settings
    rules = PageRules(parts.admission.allows_host, more_hosts=settings.render_hosts, allow=settings.render_allow)
    robots = parts.robots.refusal if parts.robots is not None else None
    care = BrowserCare(
        pages=settings.render_pages,
        memory_bytes=settings.browser_memory,
        age_s=settings.browser_age,
        patience_s=settings.timeout,
        deadline_s=settings.deadline,
    )

    def connection(session: str, url: str, ends: float) -> AbstractContextManager[object]:
        return around.connection(parts.slot_for(session, url), ends)

    return Renderer(PagePolicy(rules, limits_of(settings), robots, connection), care)


def file_work(spider: Spider, settings: Settings, parts: Assembly, desk: FileDesk) -> FileWork:
    """What workers do with requests of files."""
    limits = replace(limits_of(settings), deadline_s=settings.file_deadline, max_size_bytes=settings.max_file_size)
    return FileWork(
        parts.fetcher,
        desk,
        FileRules(limits, settings.max_image_pixels),
        allows_host=parts.admission.allows_host,
        logged_out=partial(logged_out_reason, spider),
        keys=spider.keys,
    )
