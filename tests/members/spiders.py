"""Spiders of the members' site, as somebody would write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crawler import Identity, Response, Session, Spider


class Html(Spider):
    name = "html"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/p/0"]

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"user": session.account.username, "password": session.account.password})

    def parse(self, response: Response) -> Iterator[Any]:
        number = response.css("#n::text").get()
        if number is not None:
            yield {"n": int(number)}
        yield from response.follow_all(css="a.p")


class Basic(Html):
    name = "basic"

    def login(self, session: Session) -> None:
        session.get(f"{self.arguments['site']}/login", auth=(session.account.username, session.account.password))


class Marked(Basic):
    name = "marked"
    logged_in_css = "a[href='/logout']"


class Serial(Html):
    name = "serial"
    sessions = (Identity("default", serial=True),)


class LinksToLogin(Basic):
    """Follows a link to the login page, too, which answers 401."""

    name = "linkstologin"

    def parse(self, response: Response) -> Iterator[Any]:
        yield from super().parse(response)
        yield response.follow("/login")


class Json(Html):
    name = "json"

    def is_logged_out(self, response: Response) -> Any:
        if response.status_code != 200 or "json" not in response.headers.get("Content-Type", ""):
            return NotImplemented
        return "error" in response.json()

    def parse(self, response: Response) -> Iterator[Any]:
        data = response.json()
        yield {"n": data["n"]}
        for number in range(1, data["pages"]):
            yield response.follow(f"/p/{number}")


class Token(Json):
    name = "token"

    def login(self, session: Session) -> None:
        answer = session.post(
            f"{self.arguments['site']}/login",
            data={"user": session.account.username, "password": session.account.password},
        )
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
