"""``python -m tests.faults``: runs the tests that have ids of the catalogue, and prints them row by row.

Options: ``--requests`` shows beside it what plain requests does today; ``--report FILE`` reads a JUnit file of an
earlier run instead of running the tests; ``--write`` puts the tables into docs/explanation/faults.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.faults.catalogue import ORDER, ROOT, Row, as_markdown, as_text, cases_of, filed, rows, summary

PAGE = ROOT / "docs" / "explanation" / "faults.md"
INTRODUCTION = """# What goes wrong, and the tests of it

A catalogue of the faults of crawlers and HTTP clients, row by row: what the crawler has to get right, the tests that
try to break it, and how they ended on the machine that made this page. A row id is part of the name of its tests, so
`pytest -k test_B13` runs those of one row.

Made by `python -m tests.faults --requests --write`; do not edit.
"""


def main(words: list[str] | None = None) -> int:
    """Exit code 0 when every row has a test and none failed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", action="store_true", help="show what plain requests does today")
    parser.add_argument("--report", type=Path, help="JUnit file of an earlier run")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--workers", default="2", help="processes that run the tests (default: 2)")
    chosen = parser.parse_args(words)

    all_rows = rows()
    with tempfile.TemporaryDirectory() as folder:
        report = chosen.report or Path(folder) / "report.xml"
        if chosen.report is None:
            _run(report, chosen.workers)
        filed(all_rows, cases_of(report))
    print(as_text(all_rows))
    missing = [row.id for row in all_rows.values() if not row.results]
    page = f"{INTRODUCTION}\n{summary(all_rows)}.\n"
    if chosen.requests:
        from tests.faults.requests_today import as_lines, measured

        found = measured()
        print("\n" + as_lines(found))
        page += "\n" + _side_by_side(found, all_rows)
    page += as_markdown(all_rows) + "\n"
    if chosen.write:
        PAGE.write_text(page)
        print(f"\nwritten: {PAGE.relative_to(ROOT)}")
    print(f"\n{summary(all_rows)}")
    if missing:
        print(f"rows without a test: {', '.join(missing)}")
    return 1 if missing or any(row.result == "failed" for row in all_rows.values()) else 0


def _run(report: Path, workers: str) -> None:
    """The tests whose names carry ids. How they end is in the report, and not in the exit code."""
    wanted = " or ".join(f"test_{letter}{digit}" for letter in ORDER for digit in range(1, 10))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        workers,
        "-k",
        wanted,
        f"--junitxml={report}",
        "-o",
        "junit_family=xunit1",
    ]
    print("running the tests of the catalogue ...", flush=True)
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    if not report.exists():
        raise SystemExit(f"pytest wrote no report:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _side_by_side(found: list[tuple[str, str, str]], all_rows: Mapping[str, Row]) -> str:
    lines = [
        "## What plain requests does today",
        "",
        "| row | plain requests | this crawler, by its tests |",
        "|---|---|---|",
    ]
    for row, what, verdict in found:
        lines.append(f"| {row} | **{verdict}**: {what} | {all_rows[row].words} ({all_rows[row].result}) |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
