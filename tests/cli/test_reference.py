"""The reference pages in the repository say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.cli.exits import TABLE
from crawler.cli.reference import command_lines, pages
from crawler.settings import FIELDS

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", ["settings.md", "commands.md", "errors.md", "exit-codes.md"])
def test_the_page_in_the_repository_is_the_one_that_the_code_makes(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")

    assert written == pages()[name], "run: python -m crawler.cli.reference docs/reference"


def test_every_setting_and_exit_code_has_its_meaning() -> None:
    assert all(field.description for field in FIELDS.values())
    assert all(meaning and advice for _, _, meaning, advice in TABLE)


def test_every_word_of_every_command_is_explained() -> None:
    rows = [line for line in command_lines() if line.startswith("| `")]

    assert len(rows) > 60
    assert [row for row in rows if row.endswith("|  |")] == []
