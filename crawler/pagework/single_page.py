"""A visit: single pages fetched by a person, logged in where the spider logs in."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

from crawler.errors import LoginFailed, SiteUnreachable
from crawler.frontier.guard_learned import guard_name
from crawler.frontier.robots import Robots
from crawler.loading import code_mark
from crawler.pagework.assembly import Assembly
from crawler.pagework.rendered import Rendering
from crawler.pagework.session_maker import Around
from crawler.render import Render
from crawler.response import Request, Response
from crawler.sessions import snapshot
from crawler.sessions.credential_places import Ask
from crawler.sessions.flow import run
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.standing import Preparation
from crawler.sessions.session import Session
from crawler.settings import Settings
from crawler.spider import Spider
from crawler.stores.base import Store
from crawler.stores.calls import StoreCalls, new_owner
from crawler.stores.policy.login_policy import Trying
from crawler.stores.session_desk import SessionDesk

_LOGIN_LEASE_S = 180.0
_ASKING_LEASE_S = 900.0  #: while a person may first have to find an e-mail
_PATIENCE_S = 300.0
_LONGEST_PAUSE_S = 30.0  #: longer ones are reported instead of keeping a person waiting


class Visitor:
    """Fetches single pages. Used by one thread, the one that opened the store."""

    def __init__(self, spider: Spider, parts: Assembly, desk: SessionDesk) -> None:
        self.spider = spider
        self._parts, self._desk = parts, desk
        self._rendering = Rendering(spider, parts)

    def session(self, name: str | None = None) -> Session:
        """A session by name; the spider's first for None. Raises SpiderError for a name that it does not have."""
        return self._manager(name).session

    def fetch(self, url: str | Request, *, session: str | None = None) -> Response:
        """One page, whatever its status; logged in first where the spider logs in.

        Args:
            url: Its address, or a whole request.
            session: None for that of the request, else for the spider's first.
        Raises:
            InvalidURL, FetchError: No answer that can be shown.
            SessionError: The login did not succeed.
        """
        request = url if isinstance(url, Request) else Request(url)
        manager = self._manager(session or request.session)
        request.session = manager.session.name
        self._prepare(manager)
        response = manager.session.send(manager.session.prepare_link(request))
        response.asked, response.session_name = request, manager.session.name
        response = self._rendered(manager, request, response)
        self._save(manager, request.url)
        return response

    def rendered(self, document: Response, wanted: Render) -> Response:
        """Render a page that was fetched without a browser.

        Raises:
            UsageError: There is no browser.
            NotRendered: It could not be rendered.
        """
        manager = self._manager(document.session_name)
        page = self._rendered(manager, Request(document.url, render=wanted), document)
        self._save(manager, document.url)
        return page

    def _rendered(self, manager: LoginManager, request: Request, document: Response) -> Response:
        wanted = self._rendering.wanted(request)
        if wanted is None or document.status_code >= 400:
            return document
        guard = self._parts.hop_guard if manager.wants_login else None
        return run(self._rendering.of(manager.session, wanted, guard, None).flow(document))

    def refusal(self, url: str, *, session: str | None = None) -> str:
        """Why the logout guard would not follow a link there in this session; "" where it would, or is not in force."""
        name = session or self._parts.pool.names[0]
        guard = self._parts.hop_guard
        return (guard(url, "", "") or "") if guard is not None and self._parts.is_guarded(name) else ""

    def robots(self, url: str) -> tuple[Robots, str] | None:
        """What the robots.txt of a URL's host says, and its name for us; None where it is not obeyed."""
        if self._parts.robots is None:
            return None
        answers = self._parts.robots.answers(self.session())
        return answers.rules.get(url), answers.agent

    def login(self, session: str | None = None, *, force: bool = False) -> str:
        """Make a session ready and keep it.

        Args:
            force: Log in anew even when the stored session is good.
        Returns:
            How, as in `sessions.login.standing.Preparation`.
        Raises:
            SessionError: It did not succeed; the message says why and what to do.
        """
        manager = self._manager(session)
        how = self._prepare(manager, force=force)
        if how == "ready" and self.only_sends_credentials(session):
            how = self._prepare(manager, asks=True)
        self._save(manager, "login")
        return how

    def only_sends_credentials(self, session: str | None = None) -> bool:
        """Whether nobody logs in, and credentials that can be put on record go with every request."""
        manager = self._manager(session)
        return not manager.wants_login and manager.without_step.sends_credentials

    def browser_login(
        self,
        session: str | None = None,
        *,
        headless: bool = False,
        picture: Path | None = None,
        force: bool = False,
    ) -> list[str]:
        """Log in once in a real browser and keep its cookies and User-Agent (extra ``browser``).

        Args:
            headless: No window: the spider's `login_browser` drives the page.
            picture: Where to save a screenshot of the page after the login, or None.
            force: Try credentials once more that the site has refused.
        Returns:
            How the app signs its requests, where its scripts do: lines for a person.
        Raises:
            SessionError: No browser, or the session is still logged out afterwards.
        """
        from crawler.sessions.login.by_browser import login_in_browser

        return login_in_browser(self._manager(session), self.spider, headless=headless, picture=picture, force=force)

    def _manager(self, name: str | None) -> LoginManager:
        return self._parts.pool.manager(name or self._parts.pool.names[0])

    def _prepare(self, manager: LoginManager, *, force: bool = False, asks: bool = False) -> str:
        ends = time.monotonic() + _PATIENCE_S
        while True:
            prepared: Preparation = manager.prepare(force=force, asks=asks)
            if prepared.ready:
                return prepared.how
            if prepared.error is not None:
                raise prepared.error
            if isinstance(prepared.trouble, SiteUnreachable):
                raise prepared.trouble  # a person looks on, and may try again
            if prepared.trouble is not None and prepared.wait_s > _LONGEST_PAUSE_S:
                why = f"{prepared.trouble.why}; the next try is due in {prepared.wait_s:,.0f} s, --force makes it now"
                raise type(prepared.trouble)(manager.session.name, why)
            if time.monotonic() + prepared.wait_s > ends:
                raise LoginFailed(
                    manager.session.name, manager.reason or "another process has been logging in for too long"
                )
            time.sleep(prepared.wait_s)

    def _save(self, manager: LoginManager, url: str) -> None:
        taken = snapshot.take(manager.session, manager.record, url=url, base=manager.standing.base)
        self._desk.save(taken)
        manager.standing.base = taken.secret

    def close(self) -> None:
        self._parts.close()


def make_visitor(
    spider: Spider, settings: Settings, store: Store, ask: Ask | None, *, code: str | None = None
) -> Visitor:
    """A visitor on the calling thread. *code* stands for the code of a spider that is not written yet."""
    calls = StoreCalls(store, lambda call: call())
    lease_s = _LOGIN_LEASE_S if ask is None else _ASKING_LEASE_S
    trying = Trying(spider.name, code_mark(spider) if code is None else code, budget=settings.login_budget)
    desk = SessionDesk(calls, run=None, owner=new_owner("visit"), lease_s=lease_s, trying=trying)
    parts = Assembly(spider, settings, desk, Around(threading.Event(), ask))
    learned = store.values.get(guard_name(spider.name))
    if isinstance(learned, str):
        with suppress(ValueError):  # knowledge of a run, which reports it itself when it cannot be read
            parts.guard.learned.loads(learned)
    return Visitor(spider, parts, desk)
