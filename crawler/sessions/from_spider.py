"""Which stored session an identity stands for, and which origins belong to it: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from crawler.errors import InvalidURL
from crawler.identity import Identity
from crawler.sessions.accounts_file import account_place
from crawler.sessions.auth.storage_token import in_storage
from crawler.sessions.login.login_choices import choices_of
from crawler.sessions.login.login_kinds import kind_of
from crawler.sessions.origins import Origins
from crawler.spider import SitemapSpider, Spider
from crawler.urls import host_of, site_of

_UNNAMED = "default"  #: name of the session of a spider that names none


def known_urls(spider: Spider) -> list[str]:
    """The URLs that the spider names: start, sitemap, login and probe URLs."""
    urls = [*spider.start_urls, spider.login_url or "", spider.probe_url or ""]
    if isinstance(spider, SitemapSpider):
        urls += list(spider.sitemap_urls)
    return [url for url in urls if url]


def origins_of(spider: Spider, identity: Identity, start_origins: Iterable[str] = ()) -> Origins:
    """Where the credentials of an identity may go: the origins and hosts that the spider names, and its own list.

    A host of `allowed_domains` counts itself, over https; its subdomains are crawled and get no credentials. A host of
    `Identity.origins` counts with its subdomains.

    Args:
        start_origins: Origins of the requests that the spider's `start` gives.

    Raises:
        InvalidURL: A URL of the spider is not one.
    """
    urls = [*known_urls(spider), *(f"{origin}/" for origin in start_origins)]
    domains: list[str] = []
    for origin in identity.origins:
        (urls if "://" in origin else domains).append(origin)
    return Origins(urls, domains, hosts=spider.allowed_domains)


def home_site(spider: Spider, begins: str | None = None) -> str:
    """The site that a spider is about: the registrable domain of the first URL that it names; "" for none.

    Args:
        begins: URL of the first request that its `start` gives, for a spider that names no URL.
    """
    urls = [*known_urls(spider), *([begins] if begins else [])]
    try:
        host = host_of(urls[0]) if urls else next(iter(spider.allowed_domains), "")
    except InvalidURL:
        return ""
    return site_of(host) if host else ""


def home_account(spider: Spider, begins: str | None = None) -> str:
    """What the accounts of a spider belong to: its `home_site`, with the port of the first URL that it names."""
    urls = [*known_urls(spider), *([begins] if begins else [])]
    try:
        return account_place(urls[0]) if urls else home_site(spider)
    except InvalidURL:
        return ""


def logs_in(spider: Spider | type[Spider], identity: Identity) -> bool:
    """Whether a session has to be logged in. One whose `auth` goes with each request needs no login page, unless a
    login has to bring that first.
    """
    brought = in_storage(identity.auth) is not None
    return identity.login and (brought or spider.wants_login(by_page=identity.auth is None))


def session_key(
    spider: Spider,
    identity: Identity,
    user: str | None,
    begins: str | None = None,
    field: Callable[[str], str | None] = lambda name: None,
) -> str:
    """The row that an identity has in the store.

    Spiders of one project share it when they go to the same site (and port, where that is not the usual one) with the
    same account, and their login steps set up the same kind of session and choose the same: one that switches to a
    customer, by an argument of the spider or the name of the session, has a session for each. Without an account the
    name of the session counts instead.

    A spider that says nothing about a login and names no session has one of its own: it never sends what was imported
    for another spider, or what that one logged in.

    Args:
        begins: As in `home_site`.
        field: Finds a further field of the account, which the login step may choose by.
    """
    site = home_account(spider, begins) or spider.name
    if not spider.wants_login() and identity.name == _UNNAMED:
        return f"{site}|spider|{spider.name}"
    told = (kind_of(type(spider)), choices_of(spider, identity.name, field)) if identity.login else ()
    more = "".join(f"+{each}" for each in told if each)
    return f"{site}|account{more}|{user}" if user else f"{site}|session{more}|{identity.name}"


def probe_url_of(spider: Spider) -> str | None:
    """The page that proves a session; None when the spider names no page."""
    return spider.probe_url or next(iter(spider.start_urls), None)
