"""What the package imports is what it declares: nothing works only because another package brings it along."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "crawler"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
BY_PYTEST = {"pytest"}  # `crawler.testing.fixtures` is a plugin: who loads it is pytest
#: Asked for where it is there, and done without where it is not: a faster twin, or another system's.
OPTIONAL = {"brotlicffi", "zstandard", "compression", "winreg"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    chosen = [name for name in extras if name not in ("dev", "bench")]
    listed = [*project["dependencies"], *(each for name in chosen for each in extras[name])]
    return {normal(found[0]) for each in listed if (found := _NAME.match(each))}


def statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All statements of a body, those within others included; an import is never in an expression."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            if isinstance(within := getattr(node, field, None), list):
                yield from statements(within)


@functools.cache
def imported() -> dict[str, set[str]]:
    """Module outside of the standard library to the files that import it, imports inside of functions included."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in statements(ast.parse(path.read_text(encoding="utf-8")).body):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names and top != "crawler":
                    found.setdefault(top, set()).add(str(path.relative_to(ROOT)))
    return found


@functools.cache
def brought_by() -> Mapping[str, list[str]]:
    """Module to the distributions that bring it; it reads the lists of files of all that is installed."""
    return packages_distributions()


def is_declared(module: str) -> bool:
    return bool({normal(name) for name in brought_by().get(module, [module])} & declared())


def test_what_is_imported_is_declared() -> None:
    asked = imported().keys() - OPTIONAL - BY_PYTEST

    assert {module: sorted(imported()[module]) for module in asked if not is_declared(module)} == {}


def test_the_imports_are_really_looked_at() -> None:
    found = imported()

    assert {"requests", "pycurl", "certifi", "cryptography"} <= found.keys()
