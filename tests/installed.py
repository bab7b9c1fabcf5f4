"""Packages that are installed for one test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def install_entry_points(folder: Path, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Leave in *folder*, which is on the path of modules, what ``pip install`` leaves behind of entry points."""
    info = folder / "of_this_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: of-this-test\nVersion: 1.0\n")
    lines = [line for group, names in groups.items() for line in (f"[{group}]", *map(" = ".join, names.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
