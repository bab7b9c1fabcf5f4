"""A site that is not ours: the real Django admin, crawled by `spiders/django_admin.py`."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler import run
from crawler.events import Event, PageDone, Summary
from spiders.django_admin import DjangoAdmin
from tests.django_site.rows import rows

ROOT = Path(__file__).resolve().parents[1]
ROWS = int(os.environ.get("CRAWL_ROWS", "150"))  # two pages of the list; `make soak` takes 500
PROBE = "/admin/password_change/"
STARTED_WITHIN_S = 60.0


class DjangoSite:
    """The admin in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "tests.django_site", "--folder", str(folder), "--rows", str(ROWS)]
        with open(folder / "server.log", "wb") as complaints:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=complaints)
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(STARTED_WITHIN_S) and self._process.stdout.readline()
        if not ready:
            self.close()
            raise RuntimeError((folder / "server.log").read_text())
        self.url: str = json.loads(ready)["url"]
        self._read = 0

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def requests(self) -> list[dict[str, Any]]:
        """What was asked since the last call."""
        lines = (self.folder / "access.log").read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        return [json.loads(line) for line in new]

    def change_sessions(self, statement: str) -> int:
        """Change Django's session table behind its back; returns how many rows were there for it."""
        with closing(sqlite3.connect(self.folder / "site.db", timeout=30)) as database, database:
            return database.execute(statement).rowcount


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DjangoSite]:
    site = DjangoSite(tmp_path_factory.mktemp("django"))
    yield site
    site.close()


@pytest.fixture
def site(server: DjangoSite, monkeypatch: pytest.MonkeyPatch) -> DjangoSite:
    """The server without anybody logged in, its log read, and the clerk's credentials in the variables."""
    server.change_sessions("DELETE FROM django_session")
    if (server.folder / "access.log").exists():
        server.requests()
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "clerk")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "pass-of-clerk")
    return server


def crawl(site: DjangoSite, store: Path, **options: Any) -> Summary:
    return run(DjangoAdmin, arguments={"site": site.url}, settings={"store": str(store)}, **options)


def items(store: Path, run_number: int | None = None) -> list[dict[str, Any]]:
    """The stored items by id, without the crawler's own columns; those of one run, or all."""
    where = "" if run_number is None else f"WHERE _run = {run_number:d}"
    with closing(sqlite3.connect(store)) as database:
        database.row_factory = sqlite3.Row
        found = database.execute(f"SELECT * FROM items {where} ORDER BY id").fetchall()
    return [{name: row[name] for name in row.keys() if not name.startswith("_")} for row in found]  # noqa: SIM118


def logins(requests: list[dict[str, Any]]) -> int:
    return sum(each["method"] == "POST" and each["path"].startswith("/admin/login/") for each in requests)


def test_items_equal_the_rows_and_a_fresh_run_needs_no_login(site: DjangoSite, tmp_path: Path) -> None:
    store = tmp_path / "crawl.db"

    first = crawl(site, store)
    asked = site.requests()

    assert (first.ending, first.logins, logins(asked)) == ("finished", 1, 1)
    assert items(store, first.run) == rows(ROWS)
    assert not [each for each in asked if "delete" in each["path"] or "history" in each["path"]]

    second = crawl(site, store, fresh=True)

    assert (second.ending, second.logins, second.restored) == ("finished", 0, 1)
    assert logins(site.requests()) == 0
    assert items(store, second.run) == rows(ROWS)


def test_a_session_table_emptied_in_mid_crawl_costs_one_login_and_no_row(site: DjangoSite, tmp_path: Path) -> None:
    store = tmp_path / "crawl.db"
    emptied: list[int] = []
    pages = 0

    def empty_the_table(event: Event) -> None:
        nonlocal pages
        pages += isinstance(event, PageDone)
        if pages == ROWS // 2 and not emptied:
            emptied.append(site.change_sessions("DELETE FROM django_session"))

    summary = crawl(site, store, observers=[empty_the_table])

    assert emptied == [1], "nobody was logged in when the sessions were deleted"
    assert (summary.ending, summary.logins, logins(site.requests())) == ("finished", 2, 2)
    assert items(store) == rows(ROWS)
    with closing(sqlite3.connect(store)) as database:
        accepted = database.execute("SELECT count(*) FROM crawl_pages WHERE url LIKE '%/login/%'").fetchone()
    assert accepted == (0,)


WEEK_LATER = ["faketime", "-f", "+7d"]


@pytest.mark.parametrize(
    "clock",
    [
        pytest.param([], id="ended-on-the-server"),
        pytest.param(
            WEEK_LATER,
            id="by-the-clock-too",
            marks=pytest.mark.skipif(not shutil.which("faketime"), reason="the program faketime is not installed"),
        ),
    ],
)
def test_a_crawl_resumed_a_week_later_costs_one_probe_and_one_login(
    site: DjangoSite, tmp_path: Path, clock: list[str]
) -> None:
    store = tmp_path / "crawl.db"
    before = run(DjangoAdmin, arguments={"site": site.url}, settings={"store": str(store), "max_pages": ROWS * 4 // 5})
    assert (before.ending, before.logins) == ("limit", 1)
    assert 0 < len(items(store)) < ROWS
    assert site.change_sessions("UPDATE django_session SET expire_date = datetime('now', '-1 day')") == 1
    site.requests()

    command = [*clock, sys.executable, "-m", "crawler.cli", "run", "django_admin", "--json"]
    ended = subprocess.run(
        [*command, "-a", f"site={site.url}", "--store", str(store)],
        cwd=ROOT,
        env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    after = json.loads(ended.stdout)
    assert (after["resumed"], after["logins"], after["restored"]) == (True, 1, 0)
    asked = site.requests()
    assert logins(asked) == 1
    login_at = next(place for place, each in enumerate(asked) if each["method"] == "POST")
    probes = [each["status"] for each in asked[:login_at] if each["path"] == PROBE]
    assert probes == [302]
    assert items(store) == rows(ROWS)
