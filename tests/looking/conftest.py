"""A crawl behind a login with two nights behind it, shared by all tests that only look."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Spider
from crawler.sessions import secrets
from crawler.sessions.cookie_secrets import COOKIES
from crawler.settings import load
from crawler.stores.project import open_project_store
from crawler.testing.practice import PracticeSite
from tests.cli.conftest import Crawl, Result, _clean, crawl, project

__all__ = ["Crawl", "Result", "_clean", "crawl", "project"]

TOKEN = "tok-5d1e7a90c4b2"  # stands in the address of a page, as a feed's does


@dataclass
class Book:
    upc: str
    title: str
    price: str
    stock: int

    key = "upc"


class Shop(Spider):
    """Books and their members' prices; one address has a token, one is gone."""

    name = "shop"
    custom_settings = {"retries": 0, "processes": 1}
    site = ""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{self.site}/members/?token={TOKEN}", f"{self.site}/gone/?token={TOKEN}"]
        self.probe_url = f"{self.site}/account/"

    def login(self, session: Any) -> None:
        page = session.get(f"{self.site}/login")
        account = session.account
        session.submit(page.form(), {"username": account.username, "password": account.password})

    def parse(self, response: Any) -> Any:
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response: Any) -> Any:
        yield Book(
            response.css("p.upc::text").get(),
            response.css("h1::text").get(),
            response.css("p.price::text").get(),
            int(response.css("span.stock::text").get()),
        )


@dataclass(frozen=True)
class Nights:
    """What is there after two nights.

    Attributes:
        store: The database.
        secrets: What nobody may read anywhere: password, cookies, token.
    """

    store: str
    secrets: tuple[str, ...]


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    folder = tmp_path_factory.mktemp("nights")
    settings = {"store": str(folder / "crawl.db"), "files": str(folder / "files")}
    with PracticeSite(books=12, per_page=5) as site, pytest.MonkeyPatch.context() as patch:
        account = site.accounts[0]
        patch.setenv("CRAWL_DEFAULT_USERNAME", account.username)
        patch.setenv("CRAWL_DEFAULT_PASSWORD", account.password)
        spider = type("Shop", (Shop,), {"site": site.url, "__module__": __name__})
        first = crawler.run(spider, settings=settings)
        site.revoke_all()
        site.edit({3: {"stock": 999}, 5: {"title": "Another <b>title</b>"}})
        second = crawler.run(spider, settings=settings)
        assert (first.ending, second.ending) == ("failures", "failures"), (first, second)
        assert (first.logins, second.logins) == (1, 1)
    found = Nights(settings["store"], (account.password, TOKEN, *_cookies(settings["store"])))
    _forget()
    return found


def _forget() -> None:
    """Whoever looks later is another process, which has never seen a secret."""
    secrets._known.clear()
    secrets._pattern = None
    for remembered in (COOKIES._last, COOKIES._uses, COOKIES._by_start):
        remembered.clear()


def _cookies(store: str) -> list[str]:
    """The values of all cookies that are stored."""
    opened = open_project_store(load(command_line={"store": store}), create=False)
    try:
        found = [json.loads(row.secret) for row in opened.sessions.all()]
    finally:
        opened.close()
    values = [each["value"] for secret in found for each in secret["cookies"] if len(each["value"]) > 8]
    assert values
    return values


def leaks(text: str, secrets: tuple[str, ...]) -> list[str]:
    """Secrets that stand in *text*."""
    return [each for each in secrets if each in text]


@pytest.fixture
def at_store(nights: Nights, project: Path) -> str:
    """Its path, from a folder of the test's own."""
    return os.path.abspath(nights.store)
