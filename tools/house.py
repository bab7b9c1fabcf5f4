"""Counts of the house: ``python -m tools.house`` prints what a reader has to hold in the head at once.

Used by tests/test_house.py, which lets no number get worse.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "crawler"
MOST_PARAMETERS = 6
MOST_METHODS = 20

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class House:
    """What was counted, each as the places where it is.

    Attributes:
        wide: Functions with more than `MOST_PARAMETERS` parameters, without ``self``.
        large: Classes with more than `MOST_METHODS` methods and properties.
        twins: Names of files or classes that stand more than once.
    """

    wide: list[str]
    large: list[str]
    twins: list[str]


def parameters(function: Function) -> int:
    """How many parameters a caller sees."""
    given = function.args
    names = [each.arg for each in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
    return len(names) - (names[:1] in (["self"], ["cls"])) + (given.vararg is not None) + (given.kwarg is not None)


def methods(found: ast.ClassDef) -> int:
    """How many methods a class has; the two halves of a property are one."""
    return len({each.name for each in found.body if isinstance(each, Function)})


def _named(tree: ast.AST, before: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | Function):
            yield before + node.name, node
            yield from _named(node, f"{before}{node.name}.")
        else:
            yield from _named(node, before)


def look(package: Path = PACKAGE) -> House:
    """Count."""
    wide, large = [], []
    files, classes = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for path in sorted(package.rglob("*.py")):
        place = str(path.relative_to(package.parent))
        if path.stem not in ("__init__", "__main__"):
            files[path.name].append(place)
        for name, node in _named(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, Function) and parameters(node) > MOST_PARAMETERS:
                wide.append(f"{place}: {name} ({parameters(node)})")
            if isinstance(node, ast.ClassDef):
                classes[name].append(f"{place}: {name}")
                if methods(node) > MOST_METHODS:
                    large.append(f"{place}: {name} ({methods(node)})")
    twins = [" = ".join(places) for places in [*files.values(), *classes.values()] if len(places) > 1]
    return House(wide, large, sorted(twins))


def main() -> None:
    house = look()
    for title, found in (
        (f"functions with more than {MOST_PARAMETERS} parameters", house.wide),
        (f"classes with more than {MOST_METHODS} methods", house.large),
        ("names of files and classes that stand more than once", house.twins),
    ):
        print(f"{len(found)} {title}")
        for each in found:
            print(f"  {each}")


if __name__ == "__main__":
    main()
