"""A spider of the practice site's API, for logins by tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawler import BearerAuth, Response, Session, Spider
from crawler.testing import PracticeSite
from tests.engine.shop import stored


class Api(Spider):
    """The site's JSON pages: they want a token in a header."""

    name = "api"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/api/books?page=1"]
        self.probe_url = f"{arguments['site']}/api/me"

    def login(self, session: Session) -> None:
        account = session.account
        answer = session.post(
            f"{self.arguments['site']}/api/login", json={"username": account.username, "password": account.password}
        )
        session.auth = BearerAuth(answer.json()["access_token"])

    def parse(self, response: Response) -> Iterator[Any]:
        found = response.json()
        for url in found["books"]:
            yield response.follow(url, self.parse_book)
        if found["next"]:
            yield response.follow(found["next"])

    def parse_book(self, response: Response) -> Iterator[Any]:
        book = response.json()
        yield {"id": str(book["id"]), "price": str(book["price"]), "account": book["account"]}


def complete(site: PracticeSite, folder: Path) -> bool:
    rows = stored(folder, "id", "account")
    return [(int(row["id"]), row["account"]) for row in rows] == [
        (number, "alice") for number in range(1, site.options.books + 1)
    ]
