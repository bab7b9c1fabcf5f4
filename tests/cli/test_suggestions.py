"""What a message says to do is done in a real project against a real server, and then it works."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.suggestions import (
    HOLDS,
    LOGIN,
    PLAIN,
    ROWS,
    AtTerminal,
    source,
    written,
)
from tests.cli.suggestions_site import Site, site

from .conftest import Crawl

__all__ = ["site"]  # fixtures


@pytest.mark.parametrize("name", ROWS)
def test_what_a_message_says_to_do_works(
    name: str, site: Site, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ROWS[name]
    if row.spider:
        written(project, row.spider, site)
    for variable, value in row.env[0].items():
        monkeypatch.setenv(variable, value)
    for file, text in row.files.items():
        (project / file).parent.mkdir(exist_ok=True)
        (project / file).write_text(text if text != "LOGGED" else source(LOGIN, site).replace("orders", "logged", 1))
    for command in row.before:
        crawl(*shlex.split(command))

    told = crawl(*shlex.split(row.typed))
    assert row.says in told.out + told.err
    assert row.code is None or bool(told.code) == bool(row.code)

    for variable, value in row.env[1].items():
        monkeypatch.setenv(variable, value)
    if row.change[0]:
        assert row.change[0] in row.spider
        written(project, row.spider.replace(*row.change), site)
    if row.answers:
        monkeypatch.setattr("sys.stdin", AtTerminal(row.answers))
    for command in row.then:
        done = crawl(*shlex.split(command.replace("{url}", site.url)))
        assert done.code == 0, f"{command}: {done.out}{done.err}"
    assert row.sent.items() <= site.sent.items()


def test_a_run_that_meets_another_one_skips_or_waits_as_it_is_told(site: Site, project: Path, crawl: Crawl) -> None:
    written(project, PLAIN, site)
    assert crawl("run", "orders").code == 0
    words = [sys.executable, "-c", HOLDS]
    with subprocess.Popen(words, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()

        told = crawl("run", "orders")
        skipped = crawl("run", "orders", "--if-running", "skip")
        ending = threading.Timer(0.1, other.kill)  # a process of the run may hold its standard input open, too
        ending.start()
        waited = crawl("run", "orders", "--fresh", "--if-running", "wait")
        ending.join()

    assert told.code == 4
    assert "wait for it, or use --if-running wait or --if-running skip" in told.err
    assert skipped.code == 0
    assert waited.code == 0
    assert "finished" in waited.out
