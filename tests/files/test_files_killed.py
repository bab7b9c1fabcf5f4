"""After kill -9 at any moment, and the same command again: every file whole, once, with its row and its name.

A sample of what ``python -m tests.files.sweep`` does, and kills in the middle of a download.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.project import Project
from tests.crash.sweep import why_not
from tests.crash.warm import Warm
from tests.files.portal import Portal, assert_whole, blobs, pdf, rows
from tests.files.sweep import FileSweep

SUPPLIER = """
from crawler import Spider

class Supplier(Spider):
    name = "supplier"

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]

    def parse(self, response):
        for link in response.css("a.file"):
            yield response.file(link, number=link.css("::text").get())
"""


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm() as process:
        yield process


@pytest.fixture
def project(portal: Portal, tmp_path: Path) -> Project:
    source = tmp_path / "supplier.py"
    source.write_text(SUPPLIER)
    made = Project(tmp_path / "project", portal.url, spider=source)
    made.settings.update(robots=False, min_speed=0)
    return made


@pytest.mark.parametrize("transport", ["curl", "urllib3"])
def test_a_download_that_was_killed_is_continued_where_it_ended(
    portal: Portal, project: Project, warm: Warm, transport: str
) -> None:
    import threading

    portal.list_files("a.pdf", "b.pdf", "c.pdf")
    body = pdf("b", 3_000_000)
    portal.add("a.pdf")
    portal.add("b.pdf", body, holds=threading.Event(), hold_at=2_000_000)
    portal.add("c.pdf")
    with project.start_warm(warm, transport=transport) as running:
        assert portal.reached.wait(30)
        until(lambda: len(portal.of("a.pdf")) + len(portal.of("c.pdf")) >= 2)
        until(lambda: most_bytes(project.folder / "data/files/partial") > 500_000)
        running.kill()
    assert len(rows_or_none(project)) <= 2
    audited = project.run(["audit", "supplier", "--json", "--store", str(project.database)])
    assert [each for each in json.loads(audited.out)["problems"] if "file" in each] == []
    portal.docs["/files/b.pdf"].holds = None
    before = len(portal.of("b.pdf"))

    with project.start_warm(warm, transport=transport) as running:
        again = running.end()

    assert again.code == 0, again.err
    asked = portal.of("b.pdf")[before:]
    assert [each.status for each in asked] == [206]
    assert int(asked[0].headers["range"][6:-1]) > 500_000
    assert body in blobs(project.folder).values()
    assert [row["number"] for row in rows(project.folder)] == ["a.pdf", "b.pdf", "c.pdf"]
    assert_whole(project.folder)
    audited = project.run(["audit", "supplier", "--read", "--store", str(project.database)])
    assert audited.code == 0, audited.out


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something, for half a minute at most."""
    ends = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.005)


def most_bytes(folder: Path) -> int:
    """Of the file begun in a folder that has most; they are renamed when they are whole."""
    most = 0
    for path in folder.glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            most = max(most, path.stat().st_size)
    return most


def rows_or_none(project: Project) -> list[object]:
    return list(rows(project.folder))


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize(
    ("keyed", "points"),
    [
        pytest.param(False, {"?link,?linkat": (1, 3, 5), "?rename,?renameat,?renameat2": (4,)}, id="validators"),
        pytest.param(True, {"?unlink,?unlinkat": (1, 3), "write": (9,), "?fsync,?fdatasync": (5,)}, id="key"),
    ],
)
def test_a_night_killed_at_its_nth_step_ends_exact(keyed: bool, points: dict[str, tuple[int, ...]]) -> None:
    tally = FileSweep(keyed=keyed).run(points)

    assert tally.faults == []
    assert sum(tally.points.values()) >= 3
    assert tally.most_sent <= 2
