"""What an entry is, and the rows of the page that they belong to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "situations.md"
HEADING = "## What went wrong once, line by line\n"
_TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)(?:\[[^`]*\])?`")


@dataclass(frozen=True)
class Swap:
    """One change of one file of the checkout.

    Attributes:
        file: From the checkout, ``crawler/urls.py``.
        mend: Text of the file as it is now, whole words or lines; stands there exactly once.
        fault: What stands in its place when the mend is taken out.
    """

    file: str
    mend: str
    fault: str


@dataclass(frozen=True)
class Entry:
    """A mend that can be taken out.

    Attributes:
        name: A short word for the command line, with a hyphen between words.
        row: The first cell of its row, as it stands on the page.
        swaps: What takes the mend out: one change, or several that belong together.
        tests: ``tests/foo.py::test_name``, also with ``[id]``: each has to fail.
        raises: Kinds of errors that are the fault itself, although they look like broken code: ``TypeError``.
        others: Tests that still have to pass, in place of some of the same files: where all of those fail, too.
        hangs: Whether the fault is that nothing ends: then that the tests do not end is the failure.
    """

    name: str
    row: str
    swaps: Sequence[Swap]
    tests: Sequence[str]
    raises: Sequence[str] = ()
    others: Sequence[str] = ()
    hangs: bool = False


@dataclass(frozen=True)
class Row:
    """A row of the page: its first cell, and the tests that it names, without ids."""

    situation: str
    tests: tuple[str, ...]


def without_id(test: str) -> str:
    """The function of a test, whatever its parameters."""
    return test.partition("[")[0]


def rows() -> list[Row]:
    """The rows of the table, in their order."""
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index(HEADING) + len(HEADING) :].partition("\n## ")[0]
    lines = [
        line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| situation", "| ---"))
    ]
    return [Row(re.split(r"(?<!\\)\|", line)[1].strip(), tuple(_TEST.findall(line))) for line in lines]
