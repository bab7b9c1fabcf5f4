"""From a red run to a mended and tested spider: after the run the site is down, so that every step is without it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.front_door.nights import BOOKS, NightlySite, redesign
from tests.front_door.test_kept_failures import kept
from tests.front_door.test_twelve_nights import next_night, site

__all__ = ["_clean", "crawl", "next_night", "project", "site"]
pytest_plugins = ["pytester"]

MENDED = {"h1.title": "h1.new-title", "p.price": "p.new-price", "p.upc": "p.new-upc"}


def mend(project: Path) -> None:
    """Each selector of the spider as the new pages want it."""
    file = project / "spiders" / "books.py"
    text = file.read_text()
    for old, new in MENDED.items():
        text = text.replace(old, new)
    file.write_text(text)


def prices(project: Path) -> list[str | None]:
    """Of the last crawl, as they are stored."""
    with closing(sqlite3.connect(project / "data" / "crawl.db")) as database:
        return [
            row[0]
            for row in database.execute(
                "SELECT price FROM items WHERE _crawl = (SELECT max(_crawl) FROM items) ORDER BY upc"
            )
        ]


def test_a_redesign_is_mended_and_tested_without_a_request_to_the_site(
    site: NightlySite,
    project: Path,
    crawl: Crawl,
    next_night: Callable[[], None],
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project)
    crawl("run", "books", "-s", "keep_pages=true")
    good = prices(project)
    next_night()
    site.edit = redesign
    assert crawl("run", "books", "-s", "keep_pages=true").code == 11
    site.down()
    assert prices(project) == [None] * BOOKS

    number = kept(crawl, "parse_book")
    assert "css p.price::text (on the good page: 1)" in crawl("failures", "show", number).out

    recorded = crawl("record", "books", "--failure", number)
    assert (recorded.code, recorded.out) == (
        0,
        f"recorded {next(Path('tests/pages/books').glob('*.page.json'))}: gives less than before\n",
    )
    red = crawl("check", "books")
    assert red.code == 1
    assert "title, price, upc empty in more than half of them; filled on a good page" in red.out
    assert pytester.runpytest_inprocess("tests", f"--rootdir={project}").parseoutcomes() == {"failed": 1}

    mend(project)
    green = crawl("check", "books")
    assert (green.code, green.out.split()[0]) == (0, "mended")
    assert crawl("check", "books", "--accept").out.startswith("accepted")
    assert pytester.runpytest_inprocess("tests", f"--rootdir={project}").parseoutcomes() == {"passed": 1}
    case = json.loads(next(Path("tests/pages/books").glob("*.page.json")).read_text())
    assert case["gives"]["items"][0]["fields"]["price"] in good

    written = crawl("parse", "books", "--write", "--json")
    assert json.loads(written.out)["differ"] == BOOKS
    assert prices(project) == good
    assert f"corrected {BOOKS} pages" in crawl("report", "books", "-o", "-").out
