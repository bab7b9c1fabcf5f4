"""Spider: what a user writes. A class with a name, start URLs, a login step and callbacks.

Importing this loads no engine and no store.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from crawler import habits
from crawler.callback_results import each_of
from crawler.errors import SpiderError
from crawler.identity import Identity as Identity
from crawler.identity import identities_of
from crawler.links import Rule
from crawler.nearest import nearest
from crawler.render import Render
from crawler.response import SPREAD, Request, Response, no_elements
from crawler.spider_checks import check_class, check_rules, check_sitemap_rules

if TYPE_CHECKING:
    from crawler.events import Event
    from crawler.sessions.session import Session

_NO_ARGUMENTS = frozenset(("name", "arguments", "custom_settings", "key", "keys", "rules", "sitemap_rules"))
_SITEMAP_LIMIT_BYTES = 64 * 1024 * 1024

__all__ = ["CrawlSpider", "Identity", "Rule", "SitemapSpider", "Spider"]


class Spider:
    """Subclass it, give it a name and a `parse` method.

    One object serves all worker threads of a process: callbacks must not change shared state. What must be kept goes
    into items, requests or `meta`.

    Attributes:
        name: The name given to ``crawl run``.
        start_urls: Where it begins, in each of its sessions.
        allowed_domains: Hosts (and their subdomains) that may be fetched; empty: those of the start URLs. Scheme and
            port are ignored if given; a path is refused.
        custom_settings: Settings of this spider; Scrapy's names are understood.
        sessions: Names (or `Identity` objects) of the identities; a request uses the first unless it says otherwise.
            One alone needs no list.
        keys: Kind of item to the fields that make its items records, as ``{"Order": "id"}``; for dicts
            ``{"items": ("shop", "sku")}``. With ``"@account"`` among them each session has its own records. An item
            class may say it itself: ``key = "id"``.
        key: The same for dicts alone: ``key = "id"`` is ``keys = {"items": "id"}``.
        handle_httpstatus_list: Statuses that callbacks want to see: errors, and redirects, which are not followed then.
        login_url: The login page; learned from the login step where it is not given.
        probe_url: Page that proves that a session is logged in; the first start URL where it is not given.
        logged_out_css, logged_out_text: A page on which one of them is found was fetched logged out.
        logged_in_css, logged_in_text: A page on which one of them is found was fetched logged in. ``""`` is none, and
            switches off that of a parent class.
        render: Render its pages in a browser: True, or a `Render`. A request may have its own.
        plugins: Classes that inherit from `crawler.Plugin`; the setting of the same name adds installed ones.
    """

    name: ClassVar[str] = ""
    start_urls: Sequence[str] = ()
    allowed_domains: Sequence[str] = ()
    custom_settings: ClassVar[dict[str, Any]] = {}
    sessions: Sequence[str | Identity] | Identity = ("default",)
    keys: Mapping[Any, str | Sequence[str]] = {}
    key: str | Sequence[str] = ()
    handle_httpstatus_list: Sequence[int] = ()
    login_url: str | None = None
    probe_url: str | None = None
    logged_out_css: str | None = None
    logged_out_text: str | None = None
    logged_in_css: str | None = None
    logged_in_text: str | None = None
    render: Render | bool | None = None
    plugins: Sequence[Any] = ()
    active_plugins: Sequence[Any] = ()  #: those of the run, made from the classes

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse what would be silently ignored, or fail on every page.

        Raises:
            SpiderError: A list is given as a text, each character of which would be taken for a URL or a host; a method
                is never called, is ``async``, or takes other parameters.
        """
        super().__init_subclass__(**options)
        check_class(cls)

    if not TYPE_CHECKING:  # a type checker reports by itself what is missing

        def __getattr__(self, name: str) -> Any:
            hint = habits.ATTRIBUTES.get(name)
            what = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(f"{what}; instead: {hint}" if hint else what, name=name, obj=self)

    def __init__(self, **arguments: str) -> None:
        """Take the arguments typed after ``-a``; each becomes an attribute.

        Raises:
            SpiderError: One is not a valid name, or names something that is not an argument.
        """
        self.arguments = arguments
        for name, value in arguments.items():
            if not name.isidentifier() or name.startswith("_"):
                raise SpiderError(f"spider argument {name!r} is not a name")
            known = getattr(type(self), name, None)
            if callable(known) or isinstance(known, property):
                raise SpiderError(f"spider argument {name!r} would replace a method of {type(self).__name__}")
            if name in _NO_ARGUMENTS:
                raise SpiderError(f"{name!r} of a spider is set in its class; choose another name for the argument")
            setattr(self, name, value)

    @property
    def logger(self) -> logging.Logger:
        return logging.getLogger(f"crawler.spider.{self.name}")

    def start(self) -> Iterable[Request]:
        """The first requests: each start URL in each session. Override it for others; it may be a generator."""
        for identity in self.identities():
            for url in self.start_urls:
                yield Request(url, session=identity.name)

    def login(self, session: Session) -> None:
        """Log *session* in: straight-line code on a `requests.Session`. Called by one thread at a time."""

    def is_logged_out(self, response: Response) -> Any:
        """Whether a page was fetched logged out. Override it, or set the ``logged_out_...`` attributes.

        The default (`sessions.login.signs`) looks at the status and where redirects ended, and for a password field.
        """
        return NotImplemented

    def parse(self, response: Response) -> Iterable[Any] | None:
        """Yield items and requests."""
        raise SpiderError(f"{type(self).__name__} has no parse method; write `def parse(self, response)`")

    def on_item(self, item: Any, response: Response | None) -> Any:
        """Look at each item before it is stored, on a worker thread. Return it, changed or not, or another one.

        Raise `DropItem` to leave it out. The row of a `File` comes later than its page and is not passed to it.

        Args:
            response: The page; None where an errback yields the item and no answer came.
        """
        return item

    def on_request(self, request: Request) -> Request:
        """Look at each request just before it is sent, on a worker thread. Return it, changed or not, or another one.

        Raise `IgnoreRequest` to leave it out: it is skipped. Login and robots.txt requests are not passed to it.
        """
        return request

    def on_response(self, response: Response) -> Response:
        """Look at each page before its callback, on a worker thread. Return it, changed or not, or another one.

        Raise `IgnoreRequest` to leave it out: it is skipped. Errors, files and logged-out pages are not passed to it; a
        web page that came in place of a file is, and there nothing counts but that `QuotaSpent` is raised.
        """
        return response

    def on_event(self, event: Event) -> None:
        """Called with each event (`crawler.events`) after it is committed, between two commits: keep it short."""

    def closed(self, reason: Any) -> None:
        """Called once when a run ends, with its ending; or with the `Summary` if the parameter is named ``summary``."""

    @classmethod
    def has_login_step(cls) -> bool:
        """Whether it says how to log in."""
        return cls.login is not Spider.login or cls.login_browser is not Spider.login_browser

    @classmethod
    def wants_login(cls, *, by_page: bool = True) -> bool:
        """Whether its pages need a login, as shown by a login step, a sign, or (*by_page*) a login page.

        Without a step, a person provides the session: ``crawl login NAME --browser``, ``crawl sessions import``.
        """
        return cls.has_login_step() or has_own_marks(cls) or bool(by_page and cls.login_url)

    def login_browser(self, page: Any, session: Session) -> None:
        """Drive a Playwright page through the login; used in a run without a `login`. Secrets: `session.account`."""

    def set_up_session(self, session: Session) -> None:
        """Give a new session adapters (`session.mount`) or hooks, in each process, before it sends anything."""

    def identities(self) -> list[Identity]:
        """Its sessions as `Identity` objects, in order, names unique.

        Raises:
            SpiderError: No session, a name twice, or a reserved one; something that is none.
        """
        found = identities_of(self.sessions)
        names = [identity.name for identity in found]
        if not found or len(set(names)) != len(names) or SPREAD in names or "" in names:
            raise SpiderError(f"sessions of {self.name} need different names, none of them {SPREAD!r}, not {names}")
        return found

    def callback(self, name: str) -> Any:
        """The method that a stored name stands for.

        Raises:
            SpiderError: No public method has that name: the contents of the store can call nothing else.
        """
        name = name or "parse"
        method = getattr(self, name, None) if not name.startswith("__") else None
        if not callable(method) or getattr(method, "__self__", None) is not self:
            near = nearest(name, [each for each in dir(self) if not each.startswith("_")])
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SpiderError(f"{type(self).__name__} has no method {name!r}, which a request names{hint}")
        return method


def has_own_marks(spider: Spider | type[Spider]) -> bool:
    """Whether it says itself what is logged in or out, by a check or a sign: then nothing is guessed from a page."""
    kind = spider if isinstance(spider, type) else type(spider)
    marks = (spider.logged_out_css, spider.logged_out_text, spider.logged_in_css, spider.logged_in_text)
    return kind.is_logged_out is not Spider.is_logged_out or any(marks)


def wants_summary(spider: Spider) -> bool:
    """Whether `closed` asks for the summary, by the name of its parameter."""
    return "summary" in inspect.signature(spider.closed).parameters


class CrawlSpider(Spider):
    """A spider that follows links by rules. Use `parse_start_url` for the start pages; leave `parse` alone."""

    rules: Sequence[Rule] | Rule = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse rules that would not be followed; one rule needs no list.

        Raises:
            SpiderError: A rule names a method that does not exist, or a `parse` of its own would replace the rules.
        """
        super().__init_subclass__(**options)
        if isinstance(vars(cls).get("rules"), Rule):
            cls.rules = (vars(cls)["rules"],)
        if not hasattr(cls.rules, "__get__"):
            check_rules(cls, several(cls.rules), CrawlSpider.parse)

    def parse(self, response: Response) -> Iterator[Any]:
        yield from each_of(self.parse_start_url(response), response.warnings.append)
        follows = False
        for request in self._follow(response):
            follows = True
            yield request
        if not follows and self.rules:
            response.warnings.append("no rule found a link on a page at which the crawl begins")

    def parse_start_url(self, response: Response) -> Iterable[Any] | None:
        return ()

    def parse_by_rule(self, response: Response, rule_number: int) -> Iterator[Any]:
        """Callback of every link that a rule found."""
        rule = several(self.rules)[rule_number]
        if rule.callback:
            method = self.callback(rule.callback) if isinstance(rule.callback, str) else rule.callback
            try:
                yield from each_of(method(response, **rule.cb_kwargs), response.warnings.append)
            except SpiderError as error:
                if not response.file_type or str(error) != str(no_elements(response)):
                    raise
                response.warnings.append(  # a link says nothing about what it leads to
                    f"a file and no page ({response.file_type}): the callback of its rule, which looks for elements,"
                    " ended there; response.file(link) keeps files"
                )
        if rule.follow:
            yield from self._follow(response)

    def _follow(self, response: Response) -> Iterator[Request]:
        if not response.is_html:
            return
        seen: set[str] = set()
        for number, rule in enumerate(several(self.rules)):
            for link in rule.extractor.extract_links(response):
                if link.url not in seen:
                    if not link.by_script:
                        seen.add(link.url)
                    arguments = {"rule_number": number}
                    yield response.follow(
                        link, self.parse_by_rule, cb_kwargs=arguments, max_age=rule.max_age, render=rule.render
                    )


def several(rules: Sequence[Rule] | Rule) -> Sequence[Rule]:
    """Those of a spider, which may be a single one: a comma is easily forgotten."""
    return (rules,) if isinstance(rules, Rule) else rules


class SitemapSpider(Spider):
    """A spider that begins at sitemaps (or the robots.txt that names them).

    Attributes:
        sitemap_urls: Sitemaps, sitemap indexes or robots.txt files; plain or gzip.
        sitemap_rules: (regular expression, name of a callback); the first that matches a URL wins.
        sitemap_follow: Regular expressions; sitemaps of an index are read when one matches.
    """

    sitemap_urls: Sequence[str] = ()
    sitemap_rules: Sequence[tuple[str, str]] = (("", "parse"),)
    sitemap_follow: Sequence[str] = ("",)

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse rules that would fail when the sitemaps are read, and all their URLs with them.

        Raises:
            SpiderError: One names a method that does not exist, or is no pair of a pattern and a name.
        """
        super().__init_subclass__(**options)
        if "sitemap_rules" in vars(cls) and not hasattr(cls.sitemap_rules, "__get__"):
            check_sitemap_rules(cls, cls.sitemap_rules)

    def start(self) -> Iterable[Request]:
        yield from super().start()
        for identity in self.identities():
            for url in self.sitemap_urls:
                yield Request(url, self.parse_sitemap, session=identity.name, priority=10)

    def sitemap_filter(self, entries: Iterable[Any]) -> Iterable[Any]:
        """Choose among the entries of a sitemap (each has loc, lastmod, priority). Override it."""
        return entries

    def parse_sitemap(self, response: Response) -> Iterator[Request]:
        yield from _requests_of_sitemap(self, response)


def _requests_of_sitemap(spider: SitemapSpider, response: Response) -> Iterator[Request]:
    from crawler.sitemaps import parse_sitemap, sitemaps_of_robots

    if response.url.endswith("/robots.txt"):
        for url in sitemaps_of_robots(response.text):
            yield response.follow(url, spider.parse_sitemap)
        return
    nesting = int(response.meta.get("sitemap_nesting", 0))
    read = parse_sitemap(response.body, url=response.url, max_bytes=_SITEMAP_LIMIT_BYTES, nesting=nesting)
    response.warnings.extend(read.warnings)
    for entry in spider.sitemap_filter(read.entries):
        if read.kind == "index":
            if any(re.search(pattern, entry.loc) for pattern in spider.sitemap_follow):
                meta = {"sitemap_nesting": nesting + 1}
                yield response.follow(entry.loc, spider.parse_sitemap, priority=10, meta=meta)
            continue
        for pattern, callback in spider.sitemap_rules:
            if re.search(pattern, entry.loc):
                yield response.follow(entry.loc, callback)
                break
