"""A spider whose logins go as its argument `how` says; it is copied into the projects of tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import Response, Session, Spider
from crawler.errors import LoginFailed, NeedsHuman, NotEquipped, WrongPassword


class Unlucky(Spider):
    """Books behind a login that somebody cannot make: each is a start page, and none is fetched without it."""

    name = "unlucky"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        number = int(arguments.get("pages", "1"))
        self.start_urls = [f"{arguments['site']}/members/book/{each}" for each in range(1, number + 1)]

    def login(self, session: Session) -> None:
        how = self.arguments["how"]
        if how == "person":
            raise NeedsHuman("code from the mail")
        if how == "locked":
            raise WrongPassword("the account has been locked")
        if how == "unequipped":
            raise NotEquipped("the login needs a browser")
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})
        if how == "spent":
            raise LoginFailed("no page behind it")

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {"id": response.css("p.id::text").get()}
