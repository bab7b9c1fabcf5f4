"""A spider for the practice site's members, and what tests of whole crawls need around it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from crawler import Request, Response, Session, Spider, run
from crawler.events import Observer, Summary
from crawler.testing import Account


class Members(Spider):
    """Every book behind the login, with what only members see."""

    name = "members"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/members/?page=1"]

    def login(self, session: Session) -> None:
        with session.step("password form"):
            page = session.get(f"{self.arguments['site']}/login")
            session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response: Response) -> Iterator[Request]:
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next, a.last")

    def parse_book(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {
            "id": response.css("p.id::text").get(),
            "title": response.css("h1.title::text").get(),
            "upc": response.css("p.upc::text").get(),
            "price": response.css("p.price::text").get(),
        }


def credentials(monkeypatch: Any, **sessions: Account) -> None:
    """Put accounts into the variables that sessions of these names look at."""
    for name, account in sessions.items():
        monkeypatch.setenv(f"CRAWL_{name.upper()}_USERNAME", account.username)
        monkeypatch.setenv(f"CRAWL_{name.upper()}_PASSWORD", account.password)


def crawl(
    spider: type[Spider], site: str, folder: Path, *, observers: list[Observer] | None = None, **options: Any
) -> Summary:
    """Run *spider* on *site* with a store in *folder*; further options are settings, or those of `run`."""
    fresh, retry = options.pop("fresh", False), options.pop("retry", False)
    settings = {"store": str(folder / "crawl.db"), "backoff": 0.05, "min_speed": 0, **options}
    return run(spider, arguments={"site": site}, settings=settings, fresh=fresh, retry=retry, observers=observers or [])


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "crawl.db")) as database:
        yield database


def stored(folder: Path, *fields: str, table: str = "items") -> list[dict[str, str]]:
    """The result rows, in the order of their ids."""
    with opened(folder) as database:
        rows = database.execute(f"SELECT {', '.join(fields)} FROM {table}").fetchall()
    return sorted((dict(zip(fields, row, strict=True)) for row in rows), key=lambda row: int(row.get("id") or 0))
