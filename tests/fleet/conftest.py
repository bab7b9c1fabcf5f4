"""A practice site behind a login, and a project whose crawls are kept in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crawler.sessions.vault import Vault
from crawler.testing import SiteProcess
from tests import postgres
from tests.crash.project import SPIDER, Ended, Project, Running

BOOKS, PER_PAGE = 40, 10
PAGES = BOOKS + BOOKS // PER_PAGE


@dataclass
class Fleet:
    """Machines that share a database: each has a folder and a home of its own, and the key."""

    folder: Path
    site: SiteProcess
    server: postgres.PostgresServer
    address: str
    key: str
    environment: dict[str, str] = field(default_factory=dict)  #: of each command, besides the usual one

    def machine(self, name: str = "one", spider: Path = SPIDER) -> Project:
        at: Any = self.address
        made = Project(self.folder / name, self.site.url, self.site.accounts[0], spider=spider, store=at)
        made.settings.update(workers=2, throttle=False)
        return made

    def start(self, words: list[str] | None = None, *, machine: str = "one", **settings: Any) -> Running:
        project = self.machine(machine)
        chosen = words if words is not None else project.words(**settings)
        return project.start(chosen, environment={"CRAWL_KEY": self.key, **self.environment})

    def run(self, words: list[str] | None = None, **settings: Any) -> Ended:
        with self.start(words, **settings) as running:
            return running.end(60)

    def rows(self, statement: str) -> list[Any]:
        return self.server.do(statement, self.address.partition("?")[0].rpartition("/")[2])

    def count(self, table: str) -> int:
        (found,) = self.rows(f"SELECT count(*) FROM {table}")[0]
        return int(found)

    def is_exact(self) -> None:
        """Each book once, the books add up, and the site saw as many logins as were recorded."""
        ids = [int(number) for (number,) in self.rows("SELECT id FROM items")]
        assert sorted(ids) == list(range(1, BOOKS + 1))
        audit = self.run(["audit", "members", "--store", self.address])
        assert (audit.code, "adds up" in audit.out) == (0, True), audit


@pytest.fixture(scope="session")
def _members_site() -> Iterator[SiteProcess]:
    with SiteProcess(books=BOOKS, per_page=PER_PAGE) as site:
        yield site


@pytest.fixture
def fleet(_members_site: SiteProcess, tmp_path: Path) -> Iterator[Fleet]:
    _members_site.revoke_all()
    _members_site.reset_record()
    server = postgres.server()
    yield Fleet(tmp_path, _members_site, server, server.database(), Vault.new_key())
    _members_site.change(latency_s=0.0)
