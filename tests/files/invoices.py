"""The spider of the kill tests of files; it is copied into the project folders that they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import Response, Session, Spider


class Invoices(Spider):
    """All invoices of the practice site; told by number and version where ``-a keyed=yes`` says so."""

    name = "invoices"
    keyed = ""

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/invoices/"]
        self.probe_url = f"{arguments['site']}/account/"

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response: Response) -> Iterator[Any]:
        for row in response.css("tr.invoice"):
            number, version = row.css("td.number::text").get(), row.css("td.version::text").get()
            key = (number, version) if self.keyed else None
            yield response.file(row.css("a.pdf")[0], key=key, type="application/pdf", number=int(number or 0))
