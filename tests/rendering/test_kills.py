"""A browser that dies under its crawl, and a crawl that dies over its browser (more in `tests.rendering.killed`)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from crawler.process_tree import command_of, descendants
from tests.long_form import LONG_FORM
from tests.rendering.killed import RenderedCrawl
from tests.rendering.needs_browser import needs_browser

pytestmark = [needs_browser, pytest.mark.crash]


def kill_driver(pid: int) -> None:
    """Of the crawl *pid*; and with it goes its browser."""
    driver = next(each for each in descendants(pid) if "run-driver" in command_of(each))
    os.kill(driver, signal.SIGKILL)
    while command_of(driver):
        time.sleep(0.01)


def test_a_crawl_whose_browser_dies_goes_on_with_another_one_and_lacks_no_page(
    tmp_path: Path, make_practice_site: Any
) -> None:
    crawl = RenderedCrawl(tmp_path / "project", make_practice_site(books=10))

    running = crawl.start()
    crawl.wait_for(running, items=1)
    kill_driver(running.pid)

    assert crawl.done() < 10
    assert running.wait(180) == 0
    assert crawl.rows() == crawl.truth()
    assert crawl.site.record.logins == {"alice": 1}


@LONG_FORM
def test_a_dead_browser_is_a_try_and_a_dead_crawl_leaves_no_browser(tmp_path: Path, make_practice_site: Any) -> None:
    crawl = RenderedCrawl(tmp_path / "project", make_practice_site(books=16))

    left = crawl.killed_after(1, stop_driver=True, before=kill_driver)
    code = crawl.start().wait(60)

    assert (left, code) == (0, 0)
    assert crawl.rows() == crawl.truth()
    assert crawl.site.record.logins == {"alice": 1}
    assert not crawl.site.record.logouts
    assert not crawl.site.record.deleted
