"""Renews a session by a page of its app, as a browser does that comes back after a while: no login, and nobody types.

It is a login in all other ways: claimed in the store, so that one process does it for all; proved; kept in one piece
under an epoch of its own, at which the others take it over. Where the page renews nothing, a login follows.
"""

from __future__ import annotations

from typing import Protocol

from crawler.errors import NeedsHuman
from crawler.response import Response
from crawler.sessions.auth.storage_token import PageRefresh, StorageToken, in_storage
from crawler.sessions.browser_program import is_equipped
from crawler.sessions.login.page_marks import has_login_form
from crawler.sessions.session import Session
from crawler.urls import redact


class IsRenewed(Protocol):
    def __call__(self) -> bool:
        """Whether the session has what its page was loaded for. Asked again and again, from any thread."""


class LoadsPage(Protocol):
    def __call__(self, session: Session, refresh: PageRefresh, renewed: IsRenewed) -> Response:
        """Load the page of *refresh* with all that *session* has, and give it what the page has changed.

        Returns:
            The page in the end; *renewed* says whether it has renewed anything.
        Raises:
            FetchError: It could not be loaded, or what it asked for brought no answer: worth another try.
        """


class Renewal:
    """Of one session; used by the thread that prepares it.

    Args:
        loads: Loads pages; None where nothing does.
    """

    def __init__(self, session: Session, loads: LoadsPage | None) -> None:
        self._session, self._loads = session, loads
        self._in_vain_at = 0  # the epoch that could not be renewed

    @property
    def by_page(self) -> bool:
        """Whether a page of the app renews this session."""
        token = in_storage(self._session.auth)
        return token is not None and isinstance(token.refresh, PageRefresh)

    def may_help(self, epoch: int) -> bool:
        """Whether a page may renew a session that was good at *epoch*, and has not failed to do so before."""
        session = self._session
        something = bool(len(session.cookies) or len(session.storage))
        return self.by_page and self._loads is not None and epoch != self._in_vain_at and something and is_equipped()

    def unequipped(self) -> str:
        """Why the page that could renew it is not even tried, where that is so; else ""."""
        missing = self.by_page and not is_equipped()
        return "no browser is installed here that could load the page of the app" if missing else ""

    def renew(self, epoch: int) -> None:
        """Have the page renew what has ended.

        Args:
            epoch: Of what has ended.
        Raises:
            NeedsHuman: The page does not do it: it wants a login.
            FetchError: It could not be loaded: worth another try.
        """
        session, token = self._session, in_storage(self._session.auth)
        assert token is not None
        assert isinstance(token.refresh, PageRefresh)
        assert self._loads is not None
        old = token.kept(session.storage)

        def renewed() -> bool:
            return token.kept(session.storage) not in ("", old)

        page = self._loads(session, token.refresh, renewed)
        if not renewed():
            self.was_in_vain(epoch)
            raise NeedsHuman(session.name, _why(token, token.refresh, page))

    def was_in_vain(self, epoch: int) -> None:
        """Do not ask again to renew a session of *epoch*."""
        self._in_vain_at = epoch


def _why(token: StorageToken, refresh: PageRefresh, page: Response) -> str:
    """Why a page is taken to want a login."""
    where, seen = redact(refresh.url), redact(page.url.partition("?")[0])
    if has_login_form(page):
        what = f"asks for a login ({seen})" if seen != where else "asks for a login"
    elif page.status_code >= 400:
        what = f"answers with status {page.status_code}"
    else:
        what = f"has brought no new token to {token.at[0]!r} of the browser's storage of {redact(token.origin)}"
        what += f" (it ended at {seen})" if seen != where else ""
    told = "; ".join(page.warnings)
    return f"the page {where} {what}{f'; {told}' if told else ''}"
