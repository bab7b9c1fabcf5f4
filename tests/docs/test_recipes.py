"""The recipes of CONTRIBUTING.md, followed to the letter in a folder of their own."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from crawler import Spider
from crawler.fetching.transport import TransportOptions, maker_of
from crawler.plugins import make_plugins
from tests.docs.blocks import Block, blocks_of
from tests.docs.shell import Shell
from tests.installed import install_entry_points

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
COPIED = ("fetching", "plain_transport.py")  #: of the tests; a recipe changes something there


def recipe(title: str) -> list[Block]:
    """The blocks of one recipe."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = lines.index(f"## Recipe: {title}") + 1
    end = next((number for number, line in enumerate(lines, 1) if number > begin and line.startswith("## ")), 10**6)
    return [block for block in blocks_of(PAGE) if begin < block.line < end]


def follow(title: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what is to be written, type what is to be typed, install what the package names."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist -p pytest_timeout -p crawler.testing.fixtures")
    shell = Shell(folder, folder / ".state", {})
    blocks = recipe(title)
    assert {block.language for block in blocks} == {"python", "console", "toml"} or title == "a transport"
    for block in blocks:
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
            if block.file == "pyproject.toml":
                install_entry_points(folder, tomllib.loads(block.text)["project"]["entry-points"])
        elif block.language == "console":
            shell.run(block.text, exit_code=block.exit_code)
    monkeypatch.syspath_prepend(str(folder))


def test_a_step_is_written_tested_and_named_by_its_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow("a step for items, requests and responses", tmp_path, monkeypatch)

    (made,) = make_plugins(Spider(), ["prices"])

    assert made.on_item({"price": "€ 3"}, None) == {"price": 3.0}


def test_a_transport_is_written_tested_and_named_by_its_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch_copy(tmp_path)

    follow("a transport", tmp_path, monkeypatch)

    assert type(maker_of("own")(TransportOptions())).__module__ == "own_transport"


def scratch_copy(folder: Path) -> None:
    """A copy of the project as far as a recipe changes it; the rest is where it is."""
    (folder / "tests").mkdir()
    for path in (ROOT / "tests").iterdir():
        if path.name in COPIED and path.is_dir():
            (folder / "tests" / path.name).mkdir()
            for file in path.glob("*.py"):
                (folder / "tests" / path.name / file.name).write_bytes(file.read_bytes())
        elif path.name != "__pycache__":
            (folder / "tests" / path.name).symlink_to(path)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = needs: of a transport\n")
