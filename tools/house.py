"""Complexity counts: ``python -m tools.house`` prints how much a reader of the code has to keep in mind at once.

Used by tests/test_house.py, which does not let any number get worse.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

PACKAGE = Path(__file__).parents[1] / "crawler"
MOST_PARAMETERS = 6
MOST_METHODS = 20
MOST_ATTRIBUTES = 15
# of a class of requests that a class here inherits from: users of requests know them and set them by these names
OF_LIBRARY = {"Session": frozenset(requests.Session.__attrs__)}
RECORDS = frozenset({"Request"})  # declared by its slots: a dataclass would be taken for an item that a callback yields

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class House:
    """The counts, each as the list of places found.

    Attributes:
        wide: Functions with more than `MOST_PARAMETERS` parameters, without ``self``.
        words: Those of them that users type or write: commands with their options, and public names of the package.
        large: Classes with more than `MOST_METHODS` methods and properties.
        crowded: Classes, but for records (dataclasses, `RECORDS`), that set more than `MOST_ATTRIBUTES` attributes.
        twins: Names of files or classes that stand more than once.
        late: Functions that an object is given after it was made, by somebody else: what looks like one way is two.
    """

    wide: list[str]
    words: list[str]
    large: list[str]
    crowded: list[str]
    twins: list[str]
    late: list[str]


def parameters(function: Function) -> int:
    """Number of parameters that a caller sees."""
    given = function.args
    names = [each.arg for each in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
    return len(names) - (names[:1] in (["self"], ["cls"])) + (given.vararg is not None) + (given.kwarg is not None)


def _public(package: Path) -> frozenset[str]:
    """The names that users import from the package: users write their parameters."""
    path = package / "__init__.py"
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == "__all__" and value is not None:
            return frozenset(ast.literal_eval(value))
    return frozenset()


def _is_command(function: Function) -> bool:
    return "typer." in ast.unparse(function.args) or "option" in ast.unparse(function.args).lower()


def methods_of(found: ast.ClassDef) -> frozenset[str]:
    """Names of the methods of a class; getter and setter of a property count as one."""
    return frozenset(each.name for each in found.body if isinstance(each, Function))


def methods(found: ast.ClassDef) -> int:
    """Number of methods of a class."""
    return len(methods_of(found))


def attributes(found: ast.ClassDef) -> int:
    """How many attributes its methods set, without those of a library; 0 for a record, which declares them."""
    if found.name in RECORDS or any("dataclass" in ast.unparse(each) for each in found.decorator_list):
        return 0
    stored = (each for each in ast.walk(found) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store))
    names = {each.attr for each in stored if isinstance(each.value, ast.Name) and each.value.id == "self"}
    return len(names - OF_LIBRARY.get(found.name, frozenset()))


def given_late(found: ast.AST) -> Iterator[ast.Assign]:
    """Where another object's attribute is set to a lambda, a `partial`, or a method of the current class."""
    own = methods_of(found) if isinstance(found, ast.ClassDef) else frozenset[str]()
    for node in ast.walk(found):
        if not isinstance(node, ast.Assign) or not any(_is_of_another(target) for target in node.targets):
            continue
        value = node.value
        is_method = isinstance(value, ast.Attribute) and ast.unparse(value.value) == "self" and value.attr in own
        if is_method or isinstance(value, ast.Lambda) or ast.unparse(value).startswith("partial("):
            yield node


def _is_of_another(target: ast.expr) -> bool:
    return isinstance(target, ast.Attribute) and ast.unparse(target.value) not in ("self", "cls")


def _named(tree: ast.AST, before: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | Function):
            yield before + node.name, node
            yield from _named(node, f"{before}{node.name}.")
        else:
            yield from _named(node, before)


def look(package: Path = PACKAGE) -> House:
    """Count."""
    wide, words, large, crowded = list[str](), list[str](), list[str](), list[str]()
    late, public = set[str](), _public(package)
    files, classes = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for path in sorted(package.rglob("*.py")):
        place = str(path.relative_to(package.parent))
        if path.stem not in ("__init__", "__main__"):
            files[path.name].append(place)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for found in [tree, *(each for _, each in _named(tree) if isinstance(each, ast.ClassDef))]:
            late.update(f"{place}: {ast.unparse(each)}" for each in given_late(found))
        for name, node in _named(tree):
            if isinstance(node, Function) and parameters(node) > MOST_PARAMETERS:
                is_word = _is_command(node) or name.removesuffix(".__init__") in public
                (words if is_word else wide).append(f"{place}: {name} ({parameters(node)})")
            if isinstance(node, ast.ClassDef):
                classes[name].append(f"{place}: {name}")
                if methods(node) > MOST_METHODS:
                    large.append(f"{place}: {name} ({methods(node)})")
                if attributes(node) > MOST_ATTRIBUTES:
                    crowded.append(f"{place}: {name} ({attributes(node)})")
    twins = [" = ".join(places) for places in [*files.values(), *classes.values()] if len(places) > 1]
    return House(wide, words, large, crowded, sorted(twins), sorted(late))


def main() -> None:
    house = look()
    for title, found in (
        (f"functions with more than {MOST_PARAMETERS} parameters", house.wide),
        ("of them in commands and public names", house.words),
        (f"classes with more than {MOST_METHODS} methods", house.large),
        (f"classes that set more than {MOST_ATTRIBUTES} attributes", house.crowded),
        ("names of files and classes that are used more than once", house.twins),
        ("functions set on objects after they were made", house.late),
    ):
        print(f"{len(found)} {title}")
        for each in found:
            print(f"  {each}")


if __name__ == "__main__":
    main()
