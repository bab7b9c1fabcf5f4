"""The fenced blocks of a Markdown page, with what the comment right before each says about it.

A page is run from top to bottom in a project of its own:

=====================================  ================================================================================
``python``                             executed, all blocks of a page in one namespace
``console``                            lines after ``$`` go to a shell; the other lines must be in the output, in their
                                       order; ``...`` stands for anything
``crontab``                            its command is run as cron would, without terminal, HOME and PATH
``<!-- file: spiders/orders.py -->``   the block is written to this file of the project instead
``<!-- not run: why -->``              a fragment, or something that a test cannot do
``<!-- exit: 3 -->``                   the last command of the block ends with this code
``<!-- needs: chromium -->``           where this program is missing, the rest of the page is skipped
``<!-- with: pandas, duckdb -->``      where one of them is missing, the block is left out, and the test says so
``<!-- site: NAME=JSON ... -->``       anywhere on the page: options of the practice site that it is run against
``<!-- variables: SESSION=ACCOUNT -->``  anywhere: credentials of these practice accounts are in the variables
=====================================  ================================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_SITE = re.compile(r"^<!-- site: (.*) -->$", re.MULTILINE)
_VARIABLES = re.compile(r"^<!-- variables: (.*) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        line: Its first line on the page, from 1.
        file: Where it is to be written, or "".
        exit_code: With which its last command ends.
        packages: Which it can only be run with.
    """

    page: Path
    line: int
    language: str
    text: str
    file: str = ""
    runs: bool = True
    exit_code: int = 0
    needs: str = ""
    packages: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """All fenced blocks of a page, in their order.

    Raises:
        ValueError: A comment before a block that means nothing.
    """
    source = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(source):
        line = source.count("\n", 0, found.start("text")) + 1
        word, _, value = (found["note"] or "").partition(": ")
        if word in ("", "site", "variables"):
            yield Block(page, line, found["language"], found["text"])
        elif word == "file":
            yield Block(page, line, found["language"], found["text"], file=value)
        elif word == "not run":
            yield Block(page, line, found["language"], found["text"], runs=False)
        elif word == "exit":
            yield Block(page, line, found["language"], found["text"], exit_code=int(value))
        elif word == "needs":
            yield Block(page, line, found["language"], found["text"], needs=value)
        elif word == "with":
            yield Block(page, line, found["language"], found["text"], packages=tuple(value.split(", ")))
        else:
            raise ValueError(f"{page}:{line}: a comment that means nothing: {found['note']!r}")


def site_options(page: Path) -> dict[str, Any]:
    """Options of the practice site that the page wants."""
    options: dict[str, Any] = {}
    for found in _SITE.findall(page.read_text(encoding="utf-8")):
        for pair in found.split():
            name, _, value = pair.partition("=")
            options[name] = json.loads(value)
    return options


def variables(page: Path) -> dict[str, str]:
    """Session to account whose credentials the page expects in the variables; alice for the usual session."""
    chosen = {"default": "alice"}
    for found in _VARIABLES.findall(page.read_text(encoding="utf-8")):
        chosen = dict(pair.partition("=")[::2] for pair in found.split())
    return chosen
