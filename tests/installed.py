"""Packages that a test needs, and those that are installed for one test."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest


def needs(*modules: str) -> pytest.MarkDecorator:
    """A mark that skips tests where one of *modules* is missing; none of them is loaded for it."""
    missing = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def install_entry_points(folder: Path, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Leave in *folder*, which is on the path of modules, what ``pip install`` leaves behind of entry points."""
    info = folder / "of_this_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: of-this-test\nVersion: 1.0\n")
    lines = [line for group, names in groups.items() for line in (f"[{group}]", *map(" = ".join, names.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
