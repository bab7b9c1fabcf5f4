"""What a reader has to keep in mind does not grow: each number here may be lowered, never raised."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools import house

MOST = {"wide": 9, "large": 0, "crowded": 0, "twins": 1, "late": 2}
ENGINE_FILES = 15  #: of crawler/engine, with its __init__
LINES, LINES_ELSEWHERE = 400, 490  #: of a file of the package, and of any other Python file


@pytest.fixture(scope="module")
def found() -> house.House:
    return house.look()


@pytest.mark.parametrize("what", MOST)
def test_no_more_wide_functions_large_classes_and_duplicate_names_than_before(found: house.House, what: str) -> None:
    places: list[str] = getattr(found, what)

    assert len(places) <= MOST[what], "\n".join(places)


def test_the_engine_has_no_more_files_than_before() -> None:
    files = sorted(path.name for path in (house.PACKAGE / "engine").glob("*.py"))

    assert len(files) <= ENGINE_FILES, files


def test_no_file_is_longer_than_can_be_read_at_a_sitting() -> None:
    root = house.PACKAGE.parent
    files = [each for name in ("crawler", "tests", "tools", "benchmarks") for each in (root / name).rglob("*.py")]
    lines = {path: path.read_bytes().count(b"\n") for path in files}

    assert len(lines) > 1_000
    assert not [
        f"{path}: {count}"
        for path, count in lines.items()
        if count > (LINES if path.is_relative_to(house.PACKAGE) else LINES_ELSEWHERE)
    ]


def test_the_counts_see_a_wide_function_a_large_class_and_a_duplicate_name(tmp_path: Path) -> None:
    methods = "\n".join(f"    def f{number}(self): ..." for number in range(21))
    (tmp_path / "one.py").write_text(f"class A:\n{methods}\n    def g(self, a, b, c, d, e, f, *, g): ...\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one.py").write_text("class A: ...\nasync def h(a, b, c, *args, d, e, **kwargs): ...\n")

    counted = house.look(tmp_path)

    assert [each.rpartition(": ")[2] for each in counted.wide] == ["h (7)", "A.g (7)"]
    assert [each.rpartition(": ")[2] for each in counted.large] == ["A (22)"]
    assert len(counted.twins) == 2


def test_a_property_and_its_setter_are_one_method_and_self_is_not_a_parameter() -> None:
    tree = ast.parse("class A:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, value): ...\n")
    found = tree.body[0]

    assert isinstance(found, ast.ClassDef)
    assert house.methods(found) == 1
    assert house.parameters(ast.parse("def f(self, a, b): ...").body[0]) == 2  # type: ignore[arg-type]


def test_a_function_that_another_object_is_given_later_is_seen_and_a_value_is_not(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        "class A:\n    def f(self):\n        other.g = self.f\n        other.h = lambda: 1\n        other.x = self.x\n"
        "def make(a, b):\n    a.told = partial(b.tell)\n"
    )

    assert [each.partition(": ")[2] for each in house.look(tmp_path).late] == [
        "a.told = partial(b.tell)",
        "other.g = self.f",
        "other.h = lambda: 1",
    ]


def test_the_type_checker_is_told_to_look_away_at_most_five_times() -> None:
    found = [
        path for path in house.PACKAGE.rglob("*.py") for line in path.read_text().splitlines() if "type: ignore" in line
    ]

    assert len(found) <= 5, found
