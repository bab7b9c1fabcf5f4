"""A spider over many hosts behind one login; it is copied into project folders.

Argument ``sites``: the addresses of the hosts, blanks between them. The first one has the login.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import File, Request, Response, Session, Spider


class Shelves(Spider):
    """Every page of every host, and the files that some of them have."""

    name = "shelves"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.sites = arguments["sites"].split()
        self.start_urls = [f"{site}/list/0" for site in self.sites]
        self.probe_url = f"{self.sites[0]}/me"

    def login(self, session: Session) -> None:
        page = session.get(f"{self.sites[0]}/login")
        account = session.account
        answer = session.submit(page.form(), {"username": account.username, "password": account.password})
        session.headers["X-Session"] = answer.css("#token::text").get()

    def parse(self, response: Response) -> Iterator[Request]:
        yield from response.follow_all(css="a.page", callback=self.parse_page)
        yield from response.follow_all(css="a.next")

    def parse_page(self, response: Response) -> Iterator[dict[str, Any] | File]:
        yield {"id": response.css("p.id::text").get(), "title": response.css("h1::text").get()}
        for link in response.css("a.file::attr(href)").getall():
            yield File(response.urljoin(link))
