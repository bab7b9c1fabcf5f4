"""The project and the forking process of the crash tests, and a site for each test: some leave slow requests behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crawler.testing import SiteProcess
from tests.crash.conftest import BOOKS, PER_PAGE, project, warm

__all__ = ["project", "warm"]


@pytest.fixture
def shop() -> Iterator[SiteProcess]:
    """Twelve pages behind a login."""
    with SiteProcess(books=BOOKS, per_page=PER_PAGE, fault_paths=("/members/",)) as site:
        yield site
