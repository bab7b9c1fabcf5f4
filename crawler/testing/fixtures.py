"""Fixtures for pytest: recorded pages as tests, a practice site, scripted servers and adapters, and a clock.

pytest loads this module in every run of a project that has the crawler installed, so it imports nothing heavy;
each fixture imports what it needs when a test uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from crawler.testing.fake_clock import FakeClock
    from crawler.testing.practice import PracticeSite
    from crawler.testing.process import SiteProcess
    from crawler.testing.raw import RawServer
    from crawler.testing.site_options import SiteOptions

    class MakePracticeSite(Protocol):
        """The type of the fixture `make_practice_site`."""

        def __call__(self, options: SiteOptions | None = None, **changes: Any) -> PracticeSite:
            """Starts a site that is closed after the test."""

    class MakeSiteProcess(Protocol):
        """The type of the fixture `make_site_process`."""

        def __call__(self, options: SiteOptions | None = None, **changes: Any) -> SiteProcess:
            """Starts a site in its own process, which is ended after the test."""

    class MakeRawServer(Protocol):
        """The type of the fixture `make_raw_server`."""

        def __call__(self, *scripts: Any, **options: Any) -> RawServer:
            """Starts a scripted server that is closed after the test."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects each recorded page (`crawl record`) as a test."""
    if not file_path.name.endswith(".page.json"):
        return None
    from crawler.testing.page_items import PageFile

    return PageFile.from_parent(parent, path=file_path)


@pytest.fixture
def make_practice_site() -> Iterator[MakePracticeSite]:
    """Starts practice sites with the options that a test needs; closes them after the test."""
    from crawler.testing.practice import PracticeSite

    with ExitStack() as running:

        def make(options: SiteOptions | None = None, **changes: Any) -> PracticeSite:
            return running.enter_context(PracticeSite(options, **changes))

        yield make


@pytest.fixture
def practice_site(make_practice_site: MakePracticeSite) -> PracticeSite:
    """A practice site with 100 books and three accounts, for one test."""
    return make_practice_site()


@pytest.fixture
def make_site_process() -> Iterator[MakeSiteProcess]:
    """Starts practice sites, each in its own process; ends them after the test."""
    from crawler.testing.process import SiteProcess

    with ExitStack() as running:

        def make(options: SiteOptions | None = None, **changes: Any) -> SiteProcess:
            return running.enter_context(SiteProcess(options, **changes))

        yield make


@pytest.fixture
def make_raw_server() -> Iterator[MakeRawServer]:
    """Starts servers that send scripted bytes; closes them after the test."""
    from crawler.testing.raw import RawServer

    with ExitStack() as running:

        def make(*scripts: Any, **options: Any) -> RawServer:
            return running.enter_context(RawServer(*scripts, **options))

        yield make


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands still until the test moves it."""
    from crawler.testing.fake_clock import FakeClock

    return FakeClock()
