"""Every limit on what is fetched is in docs/explanation/limits.md with what Chrome, Firefox and curl do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.fetching.limits import Limits
from crawler.settings import FIELDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "limits.md"
PLACES = (
    *(f"crawler/fetching/{name}.py" for name in ("response_maker", "decoding", "heads", "limits", "outgoing", "retry")),
    "crawler/sessions/cookies/*.py",
    "crawler/sessions/redirects.py",
    "crawler/sessions/foreign_answers.py",
    "crawler/urls.py",
)
NO_LIMITS = frozenset(
    ("PIECE_BYTES", "_STEP_BYTES", "SLICE_S", "SHORT_WAIT_S", "LAST_MOMENT", "_NEWEST", "_MAX_VIEWS", "_MAX_DELETED")
) | frozenset(("_SLIDE", "_LOOKED_AT", "_SHOWN", "_TARGETS"))
# sizes of steps and memories: whatever they are, the same answers are taken
OF_ANSWERS = frozenset(("timeout", "deadline", "min_speed", "retries", "max_retry_after")) | frozenset(
    ("max_redirects", "max_size", "max_depth", "max_pages_per_host")
)  # settings that bound one answer, or what becomes of it


def number(node: ast.expr | None) -> float | None:
    """The value of a number, or of a product, sum or difference of numbers and lengths of texts."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.BinOp):
        left, right = number(node.left), number(node.right)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Mult):
            return left * right
        return left - right if isinstance(node.op, ast.Sub) else left + right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len":
        return len(ast.literal_eval(node.args[0]))
    return None


def constants() -> Iterator[tuple[str, float]]:
    """The numbers that have a name at the top of a module, by module and name."""
    for place in PLACES:
        for path in sorted(ROOT.glob(place)):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
                value = number(getattr(node, "value", None))
                if isinstance(target, ast.Name) and value is not None and target.id not in NO_LIMITS:
                    yield f"{path.relative_to(ROOT / 'crawler').with_suffix('').as_posix()} {target.id}", value
    for field, value in Limits.__dataclass_fields__.items():
        if field not in ("deadline_s", "max_size_bytes", "min_speed_bytes_s"):  # those come from settings
            yield f"fetching/limits Limits.{field}", value.default
    for name in sorted(OF_ANSWERS):
        yield f"setting {name}", FIELDS[name].default


def told() -> dict[str, list[str]]:
    """The rows of the page, by the place in code that is their first cell."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    return {each[0].strip("`"): each for each in cells}


LIMITS = dict(constants())


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_in_the_code_is_explained_in_the_table_with_its_value(limit: str) -> None:
    row = told().get(limit)

    assert row is not None, f"{limit} = {LIMITS[limit]:g} has no row in {PAGE.name}"
    digits = re.sub(r"(?<=\d),(?=\d)", "", row[1])
    assert re.search(rf"(?<![\d.]){re.escape(f'{LIMITS[limit]:.15g}')}(?![\d])", digits), f"{limit}: {row[1]}"


@pytest.mark.parametrize("limit", told())
def test_a_row_of_the_table_is_complete_and_about_a_limit_in_the_code(limit: str) -> None:
    row = told()[limit]

    assert limit in LIMITS, f"{limit} is not in the code any more"
    assert len(row) == 6, row
    assert all(row), row
