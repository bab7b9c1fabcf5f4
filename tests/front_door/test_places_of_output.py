"""Where `crawl run -o` is to write: checked before anything is sent, and no bug of the crawler if it fails later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, _clean, project
from tests.cli.conftest import crawl as command
from tests.hosts import Host, Net

__all__ = ["_clean", "command", "project"]

SPIDER = """import shutil
from crawler import Spider


class Cat(Spider):
    name = "cat"
    start_urls = ["{url}/"]

    def parse(self, response):
        shutil.rmtree("gone", ignore_errors=True)
        yield {{"a": 1}}
"""


@pytest.fixture
def site(project: Path) -> Iterator[Host]:
    net = Net()
    host = net.host({"/robots.txt": Answer(404), "*": Answer(body=b"<p>x</p>")})
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "cat.py").write_text(SPIDER.format(url=host.url))
    (project / "closed").mkdir(mode=0o500)
    (project / "folder.csv").mkdir()
    yield host
    net.close()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere/out.json", "nowhere/out.json: there is no folder"),
        ("folder.csv", "folder.csv: is a folder; name a file"),
        pytest.param(
            "closed/out.csv",
            "closed/out.csv cannot be written: no permission",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere"),
        ),
        ("nowhere/out.sqlite", "there is no folder"),
    ],
)
@pytest.mark.parametrize("option", ["-o", "-O"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_sent(
    place: str, said: str, option: str, site: Host, command: Crawl
) -> None:
    done = command("run", "cat", option, place)

    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not site.calls


def test_a_place_that_is_lost_meanwhile_is_no_bug_of_the_crawler(site: Host, project: Path, command: Crawl) -> None:
    (project / "gone").mkdir()

    done = command("run", "cat", "-o", "gone/out.json", "--quiet")

    assert done.code == 2
    assert "gone/out.json" in done.err
    assert "bug" not in done.err


@pytest.mark.parametrize("place", ["-", "out.json"])
def test_other_places_are_written(place: str, site: Host, command: Crawl) -> None:
    assert command("run", "cat", "-o", place, "--quiet").code == 0
