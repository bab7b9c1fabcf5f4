"""The table of situations names tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "situations.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[[^`]*\])?`")


def rows() -> list[str]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not re.match(r"\| (situation|---)", line)]


@cache
def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def unnamed(row: str) -> list[str]:
    """What is wrong with the tests that a row names."""
    named = _TEST.findall(row)
    if not named:
        return [f"no test is named in: {row}"]
    missing = [path for path, _ in named if not (ROOT / path).is_file()]
    if missing:
        return [f"{path} is not there" for path in missing]
    return [f"{path} has no {name}" for path, name in named if name not in defined_in(ROOT / path)]


def test_a_situation_names_a_test_that_exists() -> None:
    """In one test: a test of each of the rows would take longer than all that they look at."""
    assert len(rows()) > 700
    assert [wrong for row in rows() for wrong in unnamed(row)] == []


def kinds() -> dict[str, int]:
    """By heading of a kind: how many situations it has."""
    counted: dict[str, int] = {}
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line
        elif line in rows_of_page():
            counted[heading] = counted.get(heading, 0) + 1
    return {heading: count for heading, count in counted.items() if heading.startswith("### ")}


@cache
def rows_of_page() -> frozenset[str]:
    return frozenset(rows())


def test_each_kind_has_five_situations_and_more() -> None:
    assert len(kinds()) >= 45
    assert {heading: count for heading, count in kinds().items() if count < 5} == {}


def test_a_situation_has_its_four_cells() -> None:
    cells = {row: [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows()}

    assert [row for row, found in cells.items() if len(found) != 4 or not all(found)] == []
