"""What the tests of this folder share: a site with credentials at hand, and commands in a project of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler.testing import PracticeSite
from tests.cli.conftest import _clean, project
from tests.cli.conftest import crawl as command
from tests.engine.shop import credentials

__all__ = ["_clean", "command", "project"]

MakeSite = Callable[..., PracticeSite]

SPIDER = """
from crawler import Spider


class Orders(Spider):
    name = "{name}"
    start_urls = ["{url}/orders/?page=1"]
    {more}

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"username": session.account.username, "password": session.account.password}})

    def parse(self, response):
        for order in response.css("tr.order td.id ::text").getall():
            yield {{"order": order, "session": response.session_name}}
        yield from response.follow_all(css="a.next")
"""


@pytest.fixture
def member_site(make_practice_site: Any, monkeypatch: pytest.MonkeyPatch) -> MakeSite:
    """Starts a small site and puts alice's credentials where the usual session looks for them."""

    def make(**options: Any) -> PracticeSite:
        site: PracticeSite = make_practice_site(**{"books": 20, **options})
        credentials(monkeypatch, default=site.accounts[0])
        return site

    return make


@pytest.fixture
def shop(member_site: MakeSite, project: Path) -> PracticeSite:
    """The same, with a project whose spider "orders" takes alice's orders."""
    site = member_site()
    write_spider(project, site)
    return site


def write_spider(project: Path, site: PracticeSite, name: str = "orders", more: str = "") -> None:
    """Put a spider for the orders of *site* into the project; *more* is a line of its class."""
    (project / "spiders").mkdir(exist_ok=True)
    source = SPIDER.format(name=name, url=site.url, more=more)
    (project / "spiders" / f"{name}.py").write_text(source, encoding="utf-8")
