"""Whole crawls of the practice site's members: the site, a spider that keeps all workers busy, and the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crawler import Request
from crawler.testing import PracticeSite
from tests.engine.shop import Members, credentials

FIELDS = ("id", "title", "upc", "price")


class Wide(Members):
    """Begins at every list page at once, so that all workers have something to do."""

    name = "wide"
    last_page = 1

    def start(self) -> Iterator[Request]:
        for page in range(1, self.last_page + 1):
            yield Request(f"{self.arguments['site']}/members/?page={page}")


def truth(site: PracticeSite, username: str) -> list[dict[str, str]]:
    return [{field: item[field] for field in FIELDS} for item in site.truth.member_items(username)]


@pytest.fixture
def member_site(make_practice_site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a site, and puts alice's password where the crawl finds it."""

    def make(**options: Any) -> PracticeSite:
        site: PracticeSite = make_practice_site(**{"books": 40, "log_limit": 5_000, **options})
        credentials(monkeypatch, default=site.accounts[0])
        return site

    return make
