"""The page about the architecture names every file of the engine, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"


def test_every_file_of_the_engine_is_named_once_with_its_job() -> None:
    part = PAGE.read_text(encoding="utf-8").partition("## The engine, file by file")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    files = {path.stem for path in (ROOT / "crawler" / "engine").glob("*.py")} - {"__init__"}

    assert sorted(named) == sorted(files)
