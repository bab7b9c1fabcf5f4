"""A short form of ``python -m tests.soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler import run
from crawler.events import Event, Progress
from crawler.sessions.vault import Vault
from crawler.testing import SiteProcess
from tests.crash.members import Members
from tests.soak.crawl import soak

pytestmark = pytest.mark.crash


def test_a_crawl_with_faults_through_two_processes_is_exact_and_stays_small() -> None:
    result = soak(1_500)

    assert result.faults == ()


def test_the_last_progress_of_two_processes_counts_every_page_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Event] = []
    with SiteProcess(books=600, per_page=200) as site:
        monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", site.accounts[0].username)
        monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", site.accounts[0].password)
        monkeypatch.setenv("CRAWL_KEY", Vault.new_key())
        settings = {"store": str(tmp_path / "crawl.db"), "processes": 2, "workers": 4, "per_host": 8}
        summary = run(Members, arguments={"site": site.url}, settings=settings, observers=[told.append])

    assert summary.pages == 603
    assert [each.pages for each in told if isinstance(each, Progress)][-1] == 603
