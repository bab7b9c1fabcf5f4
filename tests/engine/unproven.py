"""The spider of the tests of epochs: no page of its site proves itself. It is copied into a project folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import Response, Session, Spider


class Unproven(Spider):
    """Every book behind the login; only the store can say whether a page was fetched with the login that lasts."""

    name = "unproven"
    logged_in_text = "no page says this"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/members/book/{number}" for number in range(1, 41)]

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def is_logged_out(self, response: Response) -> bool:
        return "/login" in response.url

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {"id": response.css("p.id::text").get(), "price": response.css("p.price::text").get()}
