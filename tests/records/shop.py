"""A spider for the practice shop whose books are records, and what its tests need around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler import Request, Response, Session, Spider, Summary, run
from crawler.sessions.vault import Vault
from crawler.stores import Store, open_store
from crawler.testing.interface import Site


@dataclass
class Book:
    id: int
    title: str
    price: str | None
    stock: int

    key = "id"


class Books(Spider):
    """Every book of the public catalogue."""

    name = "books"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/catalogue/?page=1"]

    def parse(self, response: Response) -> Iterator[Request]:
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response: Response) -> Iterator[Any]:
        yield Book(
            id=int(response.css("p.id::text").get()),
            title=response.css("h1.title::text").get(),
            price=response.css("p.price::text").get(),
            stock=int(response.css("span.stock::text").get()),
        )


class MemberBooks(Books):
    """Every book behind the login, with the price of the customer."""

    name = "memberbooks"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/members/?page=1"]

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})


class Fresh(Books):
    """The same, from pages that are good for an hour."""

    name = "fresh"

    def start(self) -> Iterator[Request]:
        yield Request(self.start_urls[0], max_age=3600)

    def parse(self, response: Response) -> Iterator[Request]:
        yield from response.follow_all(css="a.book", callback=self.parse_book, max_age=3600)
        yield from response.follow_all(css="a.next", max_age=3600)


def crawl(spider: type[Spider], site: Site | str, folder: Path, **options: Any) -> Summary:
    """A crawl of its own (`fresh`), with a store in *folder*; further options are settings, or those of `run`."""
    fresh, retry = options.pop("fresh", True), options.pop("retry", False)
    settings = {"store": str(folder / "crawl.db"), "backoff": 0.05, "retries": 1, "min_speed": 0, **options}
    url = site if isinstance(site, str) else site.url
    return run(spider, arguments={"site": url}, settings=settings, fresh=fresh, retry=retry)


def opened(folder: Path) -> Store:
    return open_store(str(folder / "crawl.db"), cipher=Vault.load(), create=False, reading=True)


def changed(folder: Path, spider: str, crawl: int | None = None) -> list[tuple[str, str, dict[str, Any]]]:
    """What the last crawl (or one of that number) found: kind, key, changed fields; by key."""
    store = opened(folder)
    try:
        number = crawl if crawl is not None else store.runs.last(spider, limit=1)[0].frontier
        found = store.records.changes(spider, crawls=(number, number))
        return sorted((each.kind, " ".join(each.key.values()), dict(each.fields)) for each in found)
    finally:
        store.close()


def audited(folder: Path, spider: str) -> tuple[str, ...]:
    """What does not add up in the last crawl."""
    store = opened(folder)
    try:
        return store.care.audit(store.runs.last(spider, limit=1)[0].frontier).problems
    finally:
        store.close()
