"""A small practice site and a process that forks crawls, one of each for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing import SiteProcess
from tests.crash.project import Project
from tests.crash.warm import Warm

BOOKS, PER_PAGE = 10, 5


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm() as process:
        yield process


@pytest.fixture(scope="session")
def _shop() -> Iterator[SiteProcess]:
    with SiteProcess(books=BOOKS, per_page=PER_PAGE) as site:
        yield site


@pytest.fixture
def shop(_shop: SiteProcess) -> Iterator[SiteProcess]:
    """Twelve pages behind a login; nobody is logged in, nothing is counted."""
    _shop.revoke_all()
    _shop.reset_record()
    yield _shop
    _shop.change(latency_s=0.0, fault_paths=("/members/",))


@pytest.fixture
def project(shop: SiteProcess, tmp_path: Path) -> Project:
    """A project whose spider crawls the shop with two workers."""
    made = Project(tmp_path, shop.url, shop.accounts[0])
    made.settings.update(workers=2, login_budget=100, busy_timeout=5, throttle=False)
    return made
