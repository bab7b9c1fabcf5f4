"""Joins the parts: from a spider and settings to a pool of sessions, a fetcher, an admission, doors.

No I/O except opening the store's vault; things are built in the order of the layers.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.errors import SpiderError
from crawler.fetching.fetcher import Fetcher
from crawler.fetching.retry import Backoff, RetryPolicy
from crawler.fetching.transport import limits_of, maker_of
from crawler.frontier.admission import Admission, AdmissionRules, allowed_hosts, domains_of
from crawler.frontier.endless_pagers import EndlessPagers
from crawler.frontier.guard import LogoutGuard
from crawler.frontier.robots_ways import RobotsWays, Way, product_of
from crawler.frontier.traps import TrapGuard, TrapLimits
from crawler.identity import Identity
from crawler.pagework.file_desk import FileDesk
from crawler.pagework.file_rules import FileRules
from crawler.pagework.file_work import FileWork
from crawler.pagework.own_hosts import OwnHosts
from crawler.pagework.session_maker import Around, SessionMaker, session_delays
from crawler.pagework.spider_steps import SpiderSteps
from crawler.pagework.transports import Transports
from crawler.plugins import make_plugins
from crawler.response import Response
from crawler.sessions.auth.storage_token import PageRefresh
from crawler.sessions.from_spider import known_urls
from crawler.sessions.login.renewal import IsRenewed
from crawler.sessions.login.watch import logged_out_reason
from crawler.sessions.pool import SessionPool
from crawler.sessions.proxy_pool import ProxyPool
from crawler.sessions.quota import Quota
from crawler.sessions.session import Session
from crawler.sessions.session_config import configured_identities
from crawler.settings import Settings
from crawler.spider import CrawlSpider, Spider, several
from crawler.spider_checks import check_marks, checked_keys
from crawler.stores.session_desk import SessionDesk
from crawler.url_users import NOT_IN_ARGUMENT, has_user
from crawler.urls import host_of, of_spider, origin_of

if TYPE_CHECKING:
    from crawler.rendering.renderer import Renderer
    from crawler.sessions.formats.har_file import HarFile


def build_spider(spider: type[Spider], arguments: Mapping[str, str] | None, settings: Settings) -> Spider:
    """The spider object, with its sessions: its own, those of the setting, or those of the file of accounts.

    Raises:
        UsageError: Spider, setting or file is wrong.
    """
    given = dict(arguments or {})
    try:
        inspect.signature(spider).bind(**given)
    except TypeError as error:
        raise SpiderError(
            f"{spider.__name__}.__init__ and the arguments of `-a` do not fit: {error}; write"
            " `def __init__(self, **arguments)` and `super().__init__(**arguments)`: each argument becomes an attribute"
        ) from None
    for name, value in given.items():
        if isinstance(value, str) and has_user(value):
            raise SpiderError(f"argument {name}: {NOT_IN_ARGUMENT}")
    made = spider(**given)
    if not hasattr(made, "arguments"):  # an __init__ without `super().__init__`
        made.arguments = given
    made.allowed_domains = allowed_hosts(made.allowed_domains)
    made.keys = checked_keys(spider, made.keys)
    check_marks(made, spider.__name__, vars(made))
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
    if settings.har:
        from crawler.sessions.formats.har_file import HarFile  # loaded where exchanges are recorded

        HarFile.check(Path(settings.har))
    made.active_plugins = make_plugins(made, settings.plugins)
    made.identities()
    for url in known_urls(made):
        of_spider(url)  # a wrong one is found here, before a run is opened
    return made


def _check(identity: Identity) -> None:
    """Check an identity before a run is opened. Raises UsageError."""
    if identity.quota:
        Quota.parse(identity.quota)
    if identity.proxies:
        ProxyPool(identity.name, identity.proxies)
    if identity.http not in ("", "1.1", "2", "3", "auto"):
        raise SpiderError(f"http of session {identity.name!r}: '1.1', '2', '3' or 'auto', not {identity.http!r:.20}")


def renders(spider: Spider) -> bool:
    """Whether the spider itself says that pages are rendered; a request may say so, too."""
    rules = several(spider.rules) if isinstance(spider, CrawlSpider) else ()
    return bool(spider.render) or any(each.render for each in rules)


class Assembly:
    """The parts of one process for one spider. `close` hangs up."""

    def __init__(self, spider: Spider, settings: Settings, desk: SessionDesk, around: Around) -> None:
        self.spider, self.settings, self._around = spider, settings, around
        self._hosts = OwnHosts(spider)
        self._transports = Transports(settings, self._hosts.trusted)
        self._har = har_file(settings)
        self._sessions = SessionMaker(spider, settings, around, self._hosts, self._transports, self._har)
        self._renderer: Renderer | None = None
        self._render_lock = threading.Lock()  # guards creating it
        self.pool = SessionPool(
            self._sessions.identities,
            lambda name: self._sessions.manager(name, desk, self.load_page),
            delays=session_delays(spider),
        )
        self.guard = LogoutGuard(allow=settings.guard_allow, begins_at=spider.start_urls)
        self.robots = self._make_robots() if settings.robots else None
        backoff = Backoff(settings.backoff, settings.max_backoff)
        self.policy = RetryPolicy(settings.retries, frozenset(settings.retry_statuses), backoff, around.stop)
        self.fetcher = Fetcher(self.policy, max_retry_after_s=settings.max_retry_after)
        traps = TrapGuard(TrapLimits(max_pages_per_host=settings.max_pages_per_host))
        self.admission = Admission(
            AdmissionRules(
                domains=domains_of(spider.allowed_domains, known_urls(spider)),
                default_session=self.pool.names[0],
                max_depth=settings.max_depth,
                guard=self.guard.refuses if settings.logout_guard else None,
                traps=traps.refuses if settings.traps else None,
                guarded=self.is_guarded,
                own_slots=self._sessions.own_slots,
                host_full=traps.refuses_host if settings.max_pages_per_host else None,
                counts=traps.counts,
                pagers=EndlessPagers() if settings.traps else None,
                upgraded=self._hosts.of_https if settings.upgrade else None,
            )
        )
        if self._hosts.begins is not None:
            self.learn_start([origin_of(self._hosts.begins)])

    def learn_start(self, origins: Iterable[str]) -> None:
        """The start requests go there: these hosts belong to the crawl and its sessions, and may be private."""
        for origin in origins:
            self._hosts.learn(origin)
            self.admission.belongs(host_of(origin))

    @property
    def hop_guard(self) -> Callable[[str, str, str], str | None] | None:
        """What checks redirects of logged-in sessions; None where the guard, and with it all it has learned, is off."""
        return self.guard.refuses if self.settings.logout_guard else None

    def is_guarded(self, name: str) -> bool:
        """Whether a session may be logged in: by a step of the spider, or by a person."""
        return self._sessions.is_guarded(name)

    def slot_for(self, session: str, url: str) -> str:
        """What politeness counts a request of *session* under."""
        return self._sessions.slot_for(session, url)

    def _make_robots(self) -> RobotsWays:
        settings = self.settings
        proxies = (("http", settings.proxy), ("https", settings.proxy)) if settings.proxy else ()
        usual = Way(product_of(settings.user_agent), proxies, settings.verify)
        return RobotsWays(self._sessions.bare, usual, self._transports.get())

    @property
    def renderer(self) -> Renderer:
        """What renders pages; no browser is started before the first one."""
        with self._render_lock:
            if self._renderer is None:
                self._renderer = make_renderer(self, self._around)
            return self._renderer

    def load_page(self, session: Session, refresh: PageRefresh, renewed: IsRenewed) -> Response:
        """Load a page of an app that renews its token (`sessions.login.renewal.LoadsPage`)."""
        from crawler.pagework.page_renewal import load

        return load(self, session, refresh, renewed)

    def abort_all(self) -> None:
        """Make every transfer under way fail, and every later one."""
        if self._renderer is not None:
            self._renderer.abort_all()
        self._transports.abort_all()

    def close(self) -> None:
        """Close sessions, browser and transports; safe to call twice."""
        if self._renderer is not None:
            self._renderer.close()
        self.pool.close()
        self._transports.close()
        if self._har is not None:
            self._har.close()


def har_file(settings: Settings) -> HarFile | None:
    """Where exchanges are recorded; None where they are not."""
    if not settings.har:
        return None
    from crawler.sessions.formats.har_file import HarFile  # loaded where exchanges are recorded

    return HarFile(Path(settings.har), most_bytes=settings.har_size, secrets=settings.har_unmasked)


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
        FileRules(limits, settings.max_image_pixels, SpiderSteps(spider).page_for_a_file),
        allows_host=parts.admission.allows_host,
        logged_out=partial(logged_out_reason, spider),
        keys=spider.keys,
    )
