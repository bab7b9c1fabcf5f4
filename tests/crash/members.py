"""The spider of the crash tests; it is copied into the project folders that they make.

It logs in, lists every book behind the login and opens each. Its probe page is none of the pages that it collects, so
that the hits of those pages count fetches and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import Request, Response, Session, Spider


class Members(Spider):
    """Every book behind the login, with what only members see."""

    name = "members"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/members/?page=1"]
        self.probe_url = f"{arguments['site']}/account/"

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response: Response) -> Iterator[Request]:
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {
            "id": response.css("p.id::text").get(),
            "title": response.css("h1.title::text").get(),
            "upc": response.css("p.upc::text").get(),
            "price": response.css("p.price::text").get(),
        }
