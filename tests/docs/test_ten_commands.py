"""From nothing to a scheduled, logged-in crawl: the page has ten commands, and they are run as written."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from crawler.testing import SiteProcess
from tests.docs.blocks import blocks_of
from tests.docs.shell import Shell
from tests.docs.test_pages import ROOT, project

__all__ = ["project"]

PAGE = ROOT / "docs" / "ten-commands.md"
MOST = 10
OTHERWISE = (
    "python3 -m venv",
    "pip install",
    "python -m crawler.testing.site",
)  # by test_deploy, and a fixture
CRONTAB = """#!/bin/sh
file="{file}"
if [ "$1" = -l ]; then
    [ -e "$file" ] || {{ echo "no crontab for you" >&2; exit 1; }}
    cat "$file"
else
    cat > "$file"
fi
"""


def test_ten_commands_lead_to_a_crawl_that_cron_runs_logged_in(
    project: Path, tmp_path: Path, make_site_process: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    site: SiteProcess = make_site_process(books=10)  # type: ignore[operator]
    crontab, programs = tmp_path / "crontab.txt", tmp_path / "programs"
    programs.mkdir()
    (programs / "crontab").write_text(CRONTAB.format(file=crontab))  # the user's own is not touched
    (programs / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    shell = Shell(project, tmp_path / "state", {"127.0.0.1:8000": site.url.removeprefix("http://")})
    (block,) = [each for each in blocks_of(PAGE) if each.language == "console"]
    commands = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    here = [line for line in block.text.splitlines(keepends=True) if not line[2:].startswith(OTHERWISE)]

    shell.run("".join(here))

    assert len(commands) <= MOST
    assert sum(command.startswith(OTHERWISE) for command in commands) == len(OTHERWISE)
    with (project / "my-shop" / "orders.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 23
    (line,) = [line for line in crontab.read_text().splitlines() if line.startswith("0 6 * * *")]
    before = site.record.hits.total()
    shell.as_cron(line)  # prints nothing, ends with 0
    record = site.record
    assert record.hits.total() > before
    assert record.logins.total() == 1
