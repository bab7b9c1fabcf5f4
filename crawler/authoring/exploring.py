"""Looks at a page for a first spider: a few requests, one after another, as robots.txt allows.

It requests robots.txt, the page, the login page if the page links to one, the sitemap if nothing names one, and,
if there are credentials, the page once more behind the login. `crawler.authoring.next_tried` may ask for a next page.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import field, replace
from itertools import islice
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from requests.auth import HTTPDigestAuth

from crawler.authoring.first_spider import FirstSpider, login_lines, reading_of, unseen_reading
from crawler.authoring.guests import guest
from crawler.authoring.login_forms import (
    LoginForm,
    asks_by_http,
    find_login,
    is_login_page,
    is_nothing_else,
    login_link,
)
from crawler.engine.application import visitor
from crawler.errors import CrawlError, FetchError, NoCredentials, Refused, SessionError, SpiderError, StatusError
from crawler.frontier.start_requests import start_requests
from crawler.loading import mark_of
from crawler.pagework.single_page import Visitor
from crawler.quick_dataclass import quick_dataclass
from crawler.request import Request
from crawler.response import Response
from crawler.sessions.accounts import Account
from crawler.sessions.accounts_file import account_place
from crawler.sessions.credential_places import Ask
from crawler.sessions.login.login_kinds import written_as
from crawler.sessions.login.signs import wants_login
from crawler.sessions.session import Session
from crawler.settings import Settings, load
from crawler.sitemaps import parse_sitemap
from crawler.spider import Spider
from crawler.urls import host_of, origin_of, redact, site_of

PAUSE_S: Final = 0.5  #: between two requests, unless something longer is required
_LONGEST_PAUSE_S: Final = 10.0
_SITEMAP_BYTES: Final = 16 * 1024 * 1024


@quick_dataclass(frozen=False)
class Explored:
    """What was found on a page.

    Attributes:
        spider: The spider to be written.
        told: What was found, a sentence each.
        is_unseen: The page is behind a login, and there were no credentials to log in with.
        error: Why the page behind the login could not be fetched, if that was tried; None otherwise.
        page: What was looked at; None where it is behind a login.
    """

    spider: FirstSpider
    told: list[str] = field(default_factory=list)
    is_unseen: bool = False
    error: CrawlError | None = None
    page: Response | None = None


@quick_dataclass(frozen=False)
class _Seen:
    """What is known so far."""

    page: Response
    login: LoginForm | None = None
    sitemaps: list[str] = field(default_factory=list)
    sitemap_entries: int = 0
    sitemap_holds: str = "addresses"
    told: list[str] = field(default_factory=list)


def explore(name: str, url: str, *, settings: Mapping[str, Any], ask: Ask | None) -> Explored:
    """Look at *url* and work out a first spider for it.

    Args:
        settings: Of the command line.
        ask: Asks a person for the credentials; None when there is nobody to ask.
    Raises:
        Refused: robots.txt forbids the page.
        FetchError: There is no page.
    """
    merged = load(command_line=settings)
    with guest(url, settings=settings) as visiting:
        seen = _look_outside(visiting, url, merged)
    explored = Explored(FirstSpider(name, [url], unseen_reading()), seen.told)
    page, login, inside = seen.page, seen.login, None
    if login is not None and not _is_outside(page, url):
        step = ["def login(self, session):", *(f"    {line}" for line in login_lines(login))]
        explored.spider.remarks = ["the page is public; pages behind the login need this step:", *step]
    elif login is not None:
        explored.spider.login = login_lines(login)
        unseen = replace(explored.spider)
        _with_sitemaps(unseen, seen)
        try:
            inside = _look_inside(unseen, login, {**settings, "accounts": merged.accounts}, ask)
        except (SessionError, FetchError) as error:
            explored.error = error
        page = page if inside is None or inside.status_code >= 400 else inside
    if _is_outside(page, url):
        explored.is_unseen = explored.error is None and login is not None and inside is None
        explored.told.append(
            "the page is behind the login and was not looked at"
            + (": no user name or no password was found" if explored.is_unseen else "")
            + (": there is no login step yet" if login is None else "")
            + (_after_login(inside, url) if inside is not None else "")
        )
    else:
        explored.page, explored.spider.reading = page, reading_of(page)
        explored.told += explored.spider.reading.found
    _with_sitemaps(explored.spider, seen)
    if seen.sitemaps:
        explored.told.append(f"sitemap: {seen.sitemaps[0]} names {seen.sitemap_entries:,} {seen.sitemap_holds}")
    return explored


def _after_login(inside: Response, url: str) -> str:
    """Why a page was not looked at although the login went well."""
    if inside.status_code >= 400:
        return f": after the login it answers {inside.status_code}"
    if inside.url == url and is_login_page(inside):
        return ": it is the login page itself; name a page that is seen after the login"
    return ": after the login it asks for a login again; name another page that is seen after it"


def _is_outside(page: Response, url: str) -> bool:
    """Whether the answer is the login page instead of the page."""
    is_elsewhere = page.url.partition("?")[0] != url.partition("?")[0]
    if page.status_code in (401, 403) or is_login_page(page) or wants_login(page, url):
        return True
    login = find_login(page)
    return login is not None and (is_elsewhere or is_nothing_else(page, login))


def _with_sitemaps(spider: FirstSpider, seen: _Seen) -> None:
    if not seen.sitemaps:
        return
    if spider.reading.is_guess and not spider.login and seen.sitemap_entries:
        spider.sitemaps = seen.sitemaps[:1]
    else:
        spider.remarks = [*spider.remarks, f"sitemap, for a SitemapSpider: {seen.sitemaps[0]}"]


def _look_outside(visiting: Visitor, url: str, settings: Settings) -> _Seen:
    """The page as a guest sees it, its login page, and its sitemaps."""
    rest_s = pause_s(visiting, url, settings)
    page = fetch_as_allowed(visiting, url)
    seen = _Seen(page, find_login(page) or asks_by_http(page))
    if page.status_code >= 400 and page.status_code not in (401, 403):
        raise StatusError(redact(page.url), page.status_code)
    link = login_link(page)
    if seen.login is None and link is not None and site_of(host_of(link)) == site_of(host_of(page.url)):
        time.sleep(rest_s)
        try:
            seen.login = find_login(fetch_as_allowed(visiting, link))
        except (FetchError, Refused) as error:
            seen.told.append(f"the page to log in was not looked at: {error}")
    if page.status_code >= 400 and seen.login is None:
        raise StatusError(redact(page.url), page.status_code)
    if seen.login is not None and seen.login.scheme:
        seen.told.append(f"login: the server asks for credentials by HTTP, {seen.login.scheme.capitalize()}")
    elif seen.login is not None:
        seen.told.append(f"login form: {redact(seen.login.url)} with {', '.join(seen.login.fields)}")
        if seen.login.asks_twice:
            seen.told.append('its next page asks for the password and was not seen: a field "password" is assumed')
    elif is_login_page(page):
        seen.told.append(
            f"{redact(page.url)} is for logging in and has no form: its scripts make it;"
            " `crawl new NAME --from-har FILE` takes the login as a browser has recorded it"
        )
    time.sleep(rest_s)
    _look_for_sitemaps(visiting, page, seen)
    return seen


def _look_for_sitemaps(visiting: Visitor, page: Response, seen: _Seen) -> None:
    """The sitemaps that robots.txt names, else the usual address. One of them is read."""
    rules = visiting.robots(page.url)
    named = rules[0].sitemaps if rules is not None else []
    origin = origin_of(page.url).removesuffix(":443" if page.url.startswith("https") else ":80")
    for url in named[:1] or [f"{origin}/sitemap.xml"]:
        try:
            answer = fetch_as_allowed(visiting, url)
        except (FetchError, Refused):
            continue
        if answer.status_code != 200:
            continue
        read = parse_sitemap(answer.body, url=answer.url, max_bytes=_SITEMAP_BYTES, nesting=0)
        if read.entries:
            seen.sitemaps, seen.sitemap_entries = [*(named or [url])], len(read.entries)
            seen.sitemap_holds = "sitemaps" if read.kind == "index" else "addresses"


def fetch_as_allowed(visiting: Visitor, asked: str | Request) -> Response:
    """The answer to a request that robots.txt allows.

    Raises:
        Refused: It does not.
        FetchError: There is no answer.
    """
    url = asked.url if isinstance(asked, Request) else asked
    found = visiting.robots(url)
    if found is not None:
        rules, agent = found
        if rules.unreachable:
            if isinstance(rules.cause, FetchError):
                raise rules.cause
            raise Refused(redact(url), f"its robots.txt answers {rules.status}; `-s robots=false` requests it anyway")
        if not rules.allows(agent, url):
            raise Refused(redact(url), "robots.txt forbids it; `-s robots=false` requests it anyway")
    return visiting.fetch(asked)


def pause_s(visiting: Visitor, url: str, settings: Settings) -> float:
    """Seconds between two requests to the host of *url*."""
    found = visiting.robots(url)
    asked = found[0].delay(found[1]) if found is not None else None
    return min(max(settings.delay or PAUSE_S, asked or 0.0), _LONGEST_PAUSE_S)


def _look_inside(made: FirstSpider, form: LoginForm, settings: Mapping[str, Any], ask: Ask | None) -> Response | None:
    """What a logged-in user gets for the page; None if there are no credentials.

    The session is kept in the project's store: the spider's first run begins with it. So is a refusal: *made* is what
    is then written, and it sends the same credentials only after it has been changed.
    """
    name, url = made.name, made.start_urls[0]
    file = Path(settings["accounts"]) if settings.get("accounts") else None
    account = Account("default", site=account_place(url), file=file)
    if ask is None and not (account.get("username") and account.get("password")):
        return None
    spider = _by_http(form) if form.scheme else _by_form(form)
    spider.name, spider.start_urls = name, (url,)
    written_as(spider.login, indent("\n".join(["def login(self, session):", *login_lines(form)]), "    ")[4:])
    try:
        with visitor(spider, settings=settings, ask=ask, code=mark_of(made.source().encode())) as visiting:
            return visiting.fetch(url)
    except NoCredentials:
        return None


def _by_form(form: LoginForm) -> type[Spider]:
    """A spider that logs in like the one to be written: what a login sets besides cookies depends on its kind."""

    class ByForm(Spider):
        def login(self, session: Session) -> None:
            page = session.get(form.url)
            filled = {field: _part(session.account, part) for field, part in form.fields.items()}
            page = session.submit(page.form(), filled)
            if form.asks_twice:
                session.submit(page.form(), {"password": session.account.password})

    return ByForm


def _by_http(form: LoginForm) -> type[Spider]:
    class ByHttp(Spider):
        def login(self, session: Session) -> None:
            pair = session.account.username, session.account.password
            session.auth = HTTPDigestAuth(*pair) if form.scheme == "digest" else pair

    return ByHttp


def _part(account: Account, part: str) -> Any:
    if part in ("username", "password"):
        return getattr(account, part)
    return account.otp() if part == "otp" else account.get(part, "")


def look_as(spider: type[Spider], place: int, *, settings: Mapping[str, Any], ask: Ask | None) -> Response:
    """The answer to one of an existing spider's first requests, sent as a run sends it: logged in, with its headers.

    Args:
        place: Of the request among those of the spider's `start`, from 0.
    Raises:
        Refused: robots.txt forbids it.
        SpiderError: There is no such request.
        FetchError, SessionError: There is no page.
    """
    with visitor(spider, settings=settings, ask=ask) as visiting:
        request = next(islice(start_requests(visiting.spider), place, None), None)
        if request is None:
            raise SpiderError(f"spider {spider.name!r} has no first request number {place + 1}")
        response = fetch_as_allowed(visiting, request)
    if response.status_code >= 400:
        raise StatusError(redact(response.url), response.status_code)
    return response
