"""One session of one spider in the store, for the commands that put it in and take it out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from crawler.cli import options
from crawler.cli.text import counted, safe, say, tell
from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass

if TYPE_CHECKING:
    from crawler.sessions.formats.exchange import Imported
    from crawler.settings import Settings
    from crawler.spider import Spider
    from crawler.stores.base import SessionRow

_OF_THE_CONNECTION = re.compile(r"(user-agent|connection|accept-encoding|host)\Z", re.IGNORECASE)


@quick_dataclass
class SpiderSession:
    """Which session is meant.

    Attributes:
        name, key: Its own, in the spider and in the store.
    """

    spider: type[Spider]
    settings: Settings
    name: str
    key: str

    @classmethod
    def find(cls, spider: str, session: str | None, typed: dict[str, Any]) -> SpiderSession:
        """The session of that name, or the spider's first. Raises SpiderError, UsageError."""
        from crawler.engine import application

        found = options.find(spider)
        with application.visitor(found, settings=typed) as visitor:
            names = [identity.name for identity in visitor.spider.identities()]
            if session is not None and session not in names:
                raise UsageError(f"{spider} has no session {session!r}, only: {', '.join(names)}")
            mine = visitor.session(session or names[0])
            return cls(found, options.settings_of(found, typed), mine.name, mine.key)

    @property
    def start_url(self) -> str | None:
        """A page of the site."""
        return next(iter(self.spider.start_urls), None)


def keep(mine: SpiderSession, imported: Imported, source: str) -> None:
    """Store what was imported: the next run proves it.

    Args:
        source: Where it came from, for messages.
    Raises:
        UsageError: Nothing in it could log anyone in.
    """
    from crawler.engine import application
    from crawler.output.snapshots import unproven

    for why in imported.left_out:
        tell(f"crawl: left out: {safe(why)}")
    if not imported.shows_somebody:
        raise UsageError(f"{source}: no usable cookie or token")
    headers = dict(imported.headers) | ({"User-Agent": imported.user_agent} if imported.user_agent else {})
    secret = json.dumps({"cookies": imported.cookies, "headers": headers, **imported.more}, ensure_ascii=False)
    database = application.open_project_store(mine.settings)
    try:
        if any(not row.readable for row in database.sessions.all()):
            tell(
                "crawl: sessions that are stored here cannot be read with the keys at hand: a run that has another key"
                " (CRAWL_KEY, or another user's file) will not read this one either"
            )
        row = database.sessions.load(mine.key)
        epoch = (row.epoch if row is not None else 0) + 1
        database.sessions.save(unproven(mine.key, mine.name, secret, epoch=epoch, url="import"), run=None)
    finally:
        database.close()
    token = " and a token" if imported.more.get("auth") or "authorization" in map(str.lower, headers) else ""
    kept = imported.more.get("storage")
    storage = f" and the storage of {', '.join(map(safe, kept))}" if isinstance(kept, dict) and kept else ""
    held = counted(len(imported.cookies), "cookie") + token + storage
    say(f"{safe(mine.key)} has {held} now; the next run proves them")


def as_text(row: SessionRow, form: str, url: str | None = None) -> str:
    """A stored session in one of the formats that other programs read.

    Args:
        url: For ``curl``: what to fetch.
    Raises:
        UsageError: It cannot be read with the keys at hand.
    """
    from crawler.output.snapshots import contents, cookies_of, site_of_key
    from crawler.sessions.formats import exchange
    from crawler.urls import host_of, site_of

    if not row.readable:
        raise UsageError(f"session {row.key!r} cannot be read with the keys at hand")
    inside = contents(row.secret)
    headers = dict(inside.get("headers") or {})
    agent = next((value for name, value in headers.items() if name.lower() == "user-agent"), None)
    own = {name: value for name, value in headers.items() if not _OF_THE_CONNECTION.match(name)}
    if url and site_of(host_of(url)) != site_of_key(row.key):  # unlike cookies, headers and tokens know no host
        tell(f"crawl: {safe(url)} is not on this session's site: its headers and tokens are left out")
        own, inside = {}, {}
    page = next(iter(inside.get("login_urls") or []), "")  # says scheme and port, which no cookie does
    where = url or (urljoin(page, "/") if page else None)
    if lost := exchange.left_behind(form, inside):
        tell(f"crawl: {lost}")
    return exchange.write(cookies_of(row.secret), form, url=where, user_agent=agent, headers=own, more=inside)
