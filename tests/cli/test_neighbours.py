"""What other users of the machine have planted, and what pages wrote, seen through the commands."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from crawler.testing.practice import PracticeSite
from tests.cli.conftest import Crawl
from tests.sessions_e2e.terminal import at_a_terminal

SPIDER = """
from crawler import Spider


class Hostile(Spider):
    name = "hostile"
    start_urls = ["{url}/book/1"]

    def parse(self, response):
        yield {{"title": "red \\x1b[31m title \\x1b]0;pwned\\x07 csi \\x9b2J over\\rwritten \\u202egpj.exe"}}
"""


@pytest.fixture
def hostile(project: Path, practice_site: PracticeSite) -> Path:
    (project / "spiders").mkdir()
    (project / "spiders" / "hostile.py").write_text(SPIDER.format(url=practice_site.url))
    return project


def test_a_run_refuses_a_planted_link_in_the_place_of_its_store(hostile: Path, crawl: Crawl) -> None:
    (hostile / "data").mkdir()
    (hostile / "data" / "crawl.db").symlink_to(hostile / "victim")

    ended = crawl("run", "hostile")

    assert ended.code == 2
    assert f"a link to {hostile}/victim" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (hostile / "victim").exists()


def test_a_run_names_a_folder_that_anybody_may_write_to(hostile: Path, crawl: Crawl) -> None:
    (hostile / "data").mkdir()
    (hostile / "data").chmod(0o777)

    ended = crawl("run", "hostile")

    assert ended.code == 0
    assert f"{hostile}/data can be written by anybody (mode 0777)" in ended.err
    assert "can be written by anybody" not in crawl("status").err  # looking opens no door


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_export_at_a_terminal_shows_what_a_page_wrote(hostile: Path, crawl: Crawl, form: str) -> None:
    assert crawl("run", "hostile").code == 0

    with at_a_terminal("export", "hostile", "-o", "-", "--format", form, folder=hostile) as terminal:
        code = terminal.ended()

    assert code == 0
    assert "\\u001b]0;pwned\\u0007" in terminal.shown
    assert "\\u009b2J" in terminal.shown
    assert not set("\x1b\x07\x9b\u202e") & set(terminal.shown)
    assert "over\rwritten" not in terminal.shown


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_looking_at_a_crawl_works_on_a_full_disk(hostile: Path, crawl: Crawl, small: Path) -> None:
    store = ("--store", str(small / "crawl.db"))
    assert crawl("run", "hostile", *store).code == 0
    with open(small / "filler", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 512)

    for words in (("status",), ("audit", "hostile"), ("runs",), ("export", "hostile", "-o", "-"), ("sessions", "list")):
        ended = crawl(*words, *store)

        assert (ended.code, "Traceback" in ended.err) == (0, False), (words, ended.err)
    assert "1 known = 1 done" in crawl("status", *store).out
