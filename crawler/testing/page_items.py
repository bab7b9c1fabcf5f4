"""Recorded pages as pytest tests: each ``*.page.json`` that is collected is one, without any code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.authoring.checking import check_pages
from crawler.authoring.recorded import SUFFIX, read
from crawler.authoring.telling_differences import checked_lines
from crawler.errors import CrawlError, UsageError
from crawler.loading import find_spider
from crawler.spider import Spider

_SPIDERS = pytest.StashKey[dict[tuple[Path, str], type[Spider]]]()


class PageDiffers(Exception):
    """A recorded page does not give the expected results; the text says what differs."""


class PageFile(pytest.File):
    """The file of one recorded page."""

    def collect(self) -> Iterator[PageItem]:
        """Gives its one test."""
        yield PageItem.from_parent(self, name=self.path.name.removesuffix(SUFFIX))


class PageItem(pytest.Item):
    """One recorded page: today's spider has to give the recorded results."""

    def runtest(self) -> None:
        """Run the callback on the page. Nothing is sent."""
        spider = self._spider(read(self.path).spider)
        checked = check_pages(spider, [self.path])[0]
        if not checked.is_right:
            raise PageDiffers("\n".join(checked_lines(checked)))

    def _spider(self, name: str) -> type[Spider]:
        folder = next((each / "spiders" for each in self.path.parents if (each / "spiders").is_dir()), None)
        if folder is None:
            raise UsageError(f"{self.path}: no folder above it has spiders/")
        known = self.config.stash.setdefault(_SPIDERS, {})
        if (folder, name) not in known:
            known[folder, name] = find_spider(name, folder)
        return known[folder, name]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What differs, without a traceback of this package."""
        if isinstance(excinfo.value, PageDiffers):
            told = f"{excinfo.value}\nright anyway? `crawl check {read(self.path).spider} --accept` keeps it"
            return told
        if isinstance(excinfo.value, CrawlError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test is, for reports."""
        return self.path, None, f"recorded page {self.name}"
