"""The layout of every page of the practice site: navigation, account line, logout links, footer."""

from __future__ import annotations

import secrets
from html import escape

from crawler.quick_dataclass import quick_dataclass
from crawler.testing.books import PRIVATE_PAGES
from crawler.testing.logins import SiteSession
from crawler.testing.site_options import SiteOptions
from crawler.testing.wire import Answer, WireRequest

LOGOUT_LINKS = (
    ("/logout", "Log out"),
    ("/account/log-off", "Bye"),
    ("/?do=signout", "Leave"),
    ("/abmelden", "Abmelden"),
    ("/exit?then=/", "Déconnexion"),
    ("/go?to=/logout", "Close"),
)
SNEAKY_LOGOUT = "/farewell"  # no rule matches this one; it can only be learned

_NAV = (
    '<nav><a href="/">Home</a> <a href="/catalogue/?page=1">Catalogue</a> <a href="/members/?page=1">Members</a> '
    '<a href="/account/">Account</a> <a href="/orders/?page=1">Orders</a> '
)
_SEARCH = '<form class="search" action="/search" method="get"><input name="q"><button>Search</button></form>'
_TRAPS = (
    '<p class="traps"><a href="/calendar/?month=2026-01">Events</a> <a href="/deep/a/">Deeper</a> '
    '<a href="/trail/?sessid=start">Trail</a> <a href="/crumbs/1">Crumbs</a></p>'
)


@quick_dataclass(frozen=False)
class VisitorRequest:
    """One request and who made it.

    Attributes:
        call: The request.
        parts: Its path, cut at slashes: ``/book/7`` is ``["book", "7"]``.
        sid: The session id sent with it.
        session: The live session with that id.
    """

    call: WireRequest
    parts: list[str]
    sid: str | None
    session: SiteSession | None

    @property
    def user_agent(self) -> str:
        """The visitor's User-Agent."""
        return self.call.headers.get("user-agent", "")

    def number(self, index: int = 1) -> int | None:
        """The number in one part of the path, or None."""
        text = self.parts[index] if index < len(self.parts) else ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None

    def page(self) -> int:
        """The number of the requested list page; 1 if none was given, 0 if it is not a number."""
        text = self.call.query().get("page", "1")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


class Layout:
    """Builds whole pages. Its options may be replaced while the site runs; thread-safe."""

    def __init__(self, options: SiteOptions) -> None:
        self.options = options
        self.base = self.plain_base = ""  # filled in once the site is listening

    def page(self, visit: VisitorRequest, title: str, content: bytes | str, status: int = 200) -> Answer:
        """A page of the shop around *content* (HTML)."""
        body = content.encode() if isinstance(content, str) else content
        head = (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head><body>'
        )
        return Answer(status, b"".join((head.encode(), self._top(visit).encode(), body, self._bottom(visit))))

    def not_found(self, visit: VisitorRequest) -> Answer:
        """The page for status 404."""
        return self.page(visit, "Not found", '<h1 class="error">There is no such page</h1>', 404)

    def _top(self, visit: VisitorRequest) -> str:
        search = _SEARCH if self.options.search_form else ""
        if visit.session is None:
            return f'{_NAV}<a href="/login">Sign in</a></nav>{search}'
        return f'{_NAV}<span class="account">{escape(visit.session.username)}</span>{self._leave()}</nav>{search}'

    def _leave(self) -> str:
        style = self.options.logout_links
        if style == "one":
            return ' <a href="/logout">Log out</a>'
        if style == "sneaky":
            return f' <a href="{SNEAKY_LOGOUT}">See you soon</a>'
        if style == "all":
            links = "".join(f' <a href="{url}">{text}</a>' for url, text in LOGOUT_LINKS)
            return f'{links} <a href="/signout?token={secrets.token_hex(6)}">Sign off</a>'
        return ""

    def _bottom(self, visit: VisitorRequest) -> bytes:
        options = self.options
        footer = '<footer><a href="/catalogue/?page=1#top">All books</a></footer></body></html>\n'
        if options.traps:
            footer = _TRAPS + footer
        if options.http_links:
            footer = f'<a class="plain" href="{self.plain_base}/members/book/1">Offer</a>{footer}'
        if options.padding_bytes:
            footer = f"<!--{'.' * options.padding_bytes}-->{footer}"
        return footer.encode()


def private_links() -> str:
    """Links to pages that robots.txt forbids."""
    return "".join(f'<a href="/private/{number}">Private {number}</a> ' for number in range(1, PRIVATE_PAGES + 1))
