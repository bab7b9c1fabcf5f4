"""``python -m tests.on_transports``: the rows on transport, size, time and borders of the catalogue of faults, on each
transport, as a table; ``--write`` puts it into docs/explanation/transports.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.catalogue import ROOT, cases_of, rows
from tests.on_transports.transport_results import COLUMNS, Results, as_table, filed, merged

PAGE = ROOT / "docs" / "explanation" / "transports.md"
MARK = "<!-- the table: python -m tests.on_transports --write -->\n"
FRONT_DOOR = {"libcurl, HTTP/1.1": "curl", **{name: name for name in ("urllib3", "chrome", "firefox", "safari")}}


def main(words: list[str] | None = None) -> int:
    """Exit code 0 when no row differs on any transport."""
    parser = argparse.ArgumentParser(prog="python -m tests.on_transports", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--workers", default="2", help="processes that run the tests (default: 2)")
    chosen = parser.parse_args(words)
    parts = [run(["tests/fetching", "tests/borders"], chosen.workers, {"CRAWL_TRANSPORTS": "all"})]
    for column, name in FRONT_DOOR.items():
        parts.append(run(["tests/front_door/test_transport_rows.py"], "0", {"CRAWL_ROWS_ON": name}, column))
    found = merged(parts)
    table = as_table(found, {row: each.words for row, each in rows().items()})
    print(table)
    if chosen.write:
        before, _, _ = PAGE.read_text().partition(MARK)
        PAGE.write_text(f"{before}{MARK}\n{table}\n")
        print(f"\nwritten: {PAGE.relative_to(ROOT)}")
    differ = sorted({row for row, columns in found.items() if any(each["failed"] for each in columns.values())})
    lacking = [column for column in COLUMNS if not any(column in columns for columns in found.values())]
    print(f"\n{len(found)} rows; they differ: {', '.join(differ) or 'none'}; not run: {', '.join(lacking) or 'none'}")
    return 1 if differ or lacking else 0


def run(places: list[str], workers: str, variables: dict[str, str], column: str = "") -> Results:
    """Run tests that have ids of rows, and file their results. What failed is run once more, alone."""
    print(f"running {' '.join(places)} {column}...", flush=True)
    cases = ran([*places, "-n", workers], variables)
    if "failed" in cases.values():
        cases |= ran([*places, "-n", "0", "--last-failed", "--last-failed-no-failures", "none"], variables)
    for (module, name), result in cases.items():
        if result == "failed":
            print(f"failed: {module}: {name}"[:220], flush=True)
    return filed([(*case, result) for case, result in cases.items()], column)


def ran(words: list[str], variables: dict[str, str]) -> dict[tuple[str, str], str]:
    """Results of one run of pytest, by module and name."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "-o", "junit_family=xunit1", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(f"pytest wrote no report:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return {(module, name): result for module, name, result in cases_of(report)}


if __name__ == "__main__":
    sys.exit(main())
