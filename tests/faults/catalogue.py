"""Rows of the catalogue, and which tests have their ids: pure, but for reading files."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ORDER = "BTZCULXSP"
TITLES = {
    "B": "Borders: credentials and cookies crossing origins",
    "T": "Transport",
    "Z": "Size and time",
    "C": "Content",
    "U": "URLs, redirects and traps",
    "L": "Login and sessions",
    "X": "Security: code, files, output, network",
    "S": "Store",
    "P": "Process and signals",
}
_ROW = re.compile(r"^\| ([A-Z]\d{1,2}) \|", re.MULTILINE)
_IDS = re.compile(r"(?<![A-Za-z0-9])([BTZCULXSP]\d{1,2})(?=[_\-\]: ]|\Z)")
_ABOUT_OTHERS = ("tests.testing.", "tests.faults.")  # these test the practice site and this table, not the crawler


@dataclass(slots=True)
class Row:
    """One row of the catalogue.

    Attributes:
        id: Such as "B13".
        words: What it is about.
        results: Test function to its results ("passed", "failed", "skipped"), each with its number of cases.
    """

    id: str
    words: str
    results: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def result(self) -> str:
        """In one word: "no test", "failed", "skipped" or "passed"."""
        total: Counter[str] = sum(self.results.values(), Counter())
        if not total:
            return "no test"
        return "failed" if total["failed"] else "passed" if total["passed"] else "skipped"

    @property
    def cases(self) -> int:
        return sum(sum(result.values()) for result in self.results.values())


def catalogue() -> Path | None:
    """The catalogue itself, where it lies beside the project."""
    named = os.environ.get("CRAWL_FAULTS")
    path = Path(named) if named else ROOT.parent / "shared" / "FAULTS.md"
    return path if path.is_file() else None


def rows() -> dict[str, Row]:
    """All rows by id, in order: those of the catalogue, or of the list that is kept here."""
    words: dict[str, str] = json.loads((HERE / "rows.json").read_text())
    found = catalogue()
    ids = _ROW.findall(found.read_text()) if found is not None else list(words)
    ids = sorted(dict.fromkeys(ids), key=lambda row: (ORDER.index(row[0]), int(row[1:])))
    return {row: Row(row, words.get(row, "(new in the catalogue)")) for row in ids}


def ids_in(name: str) -> list[str]:
    """The ids that the name of a test carries: ``test_X14_B24_a_sentence[B25-case]``."""
    function, _, parameters = name.partition("[")
    first = _IDS.match(parameters.replace("_", " "))  # further ones may be data, such as %B8 in a URL
    return [*_IDS.findall(function.replace("test_", "", 1).replace("_", " ")), *([first[1]] if first else [])]


def filed(all_rows: dict[str, Row], cases: Iterable[tuple[str, str, str]]) -> None:
    """Put results to their rows.

    Args:
        cases: Module, name with its parameters, and result of each test case.
    """
    for module, name, result in cases:
        if module.startswith(_ABOUT_OTHERS):
            continue
        for row in ids_in(name):
            if row in all_rows:
                function = name.partition("[")[0]
                all_rows[row].results.setdefault(function, Counter())[result] += 1


def cases_of(report: Path) -> Iterable[tuple[str, str, str]]:
    """The cases in a JUnit file that pytest wrote (on this machine, just now)."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        result = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        yield case.get("classname", ""), case.get("name", ""), result


def as_markdown(all_rows: dict[str, Row]) -> str:
    """The table, one section a letter."""
    lines: list[str] = []
    for letter in ORDER:
        chosen = [row for row in all_rows.values() if row.id[0] == letter]
        if not chosen:
            continue
        lines += [
            "",
            f"## {letter}. {TITLES[letter]}",
            "",
            "| row | what | tests | cases | result |",
            "|---|---|---|---|---|",
        ]
        for row in chosen:
            names = "<br>".join(f"`{name}`{_fault(result)}" for name, result in sorted(row.results.items())) or "none"
            lines.append(f"| {row.id} | {row.words} | {names} | {row.cases} | {row.result} |")
    return "\n".join(lines)


def as_text(all_rows: dict[str, Row]) -> str:
    """The table for a terminal."""
    lines = []
    for row in all_rows.values():
        lines.append(f"{row.id:>4}  {row.result:<8} {row.cases:>4} cases  {row.words}")
        lines += [f"{'':>26}{name}{_fault(result)}" for name, result in sorted(row.results.items())]
    return "\n".join(lines)


def _fault(result: Counter[str]) -> str:
    return f" ({result['failed']} of {sum(result.values())} failed)" if result["failed"] else ""


def summary(all_rows: dict[str, Row]) -> str:
    """One line: how many rows have which result."""
    results = Counter(row.result for row in all_rows.values())
    cases = sum(row.cases for row in all_rows.values())
    parts = ", ".join(f"{results[name]} {name}" for name in ("passed", "failed", "skipped", "no test"))
    return f"{len(all_rows)} rows: {parts}; {cases} test cases"
