"""The project as a whole: its names are documented, its files are short and tell nothing of where they were written."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tools.python_reference import MODULES, PAGE, page

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES = 400  # "near 300": what is over it wants to be cut by job
LOCK_FILES = re.compile(r"(^|/)(poetry\.lock|uv\.lock|pdm\.lock|Pipfile\.lock|pylock.*\.toml|package-lock\.json)$")
_INDEX = "py" + "pi"  # not in one piece: this file holds no name of a registry either
REGISTRIES = re.compile(rf"(?i)\b{_INDEX}\.(?:python\.)?org|python" + r"hosted|index-url|artifactory")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home|Users|root)/\w|(?<![\w.])/(?:work|workspace)/\w")


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """The files that belong to the project: those that Git knows, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a Git checkout")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def texts(files: list[Path]) -> list[tuple[str, str]]:
    """Relative name and text of each text file, without this one: it has to name what it looks for."""
    found = []
    for path in files:
        content = path.read_bytes()
        if b"\0" not in content and path != Path(__file__):
            found.append((str(path.relative_to(ROOT)), content.decode("utf-8", "replace")))
    return found


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts(files)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_reference_says_what_the_public_names_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make reference"


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_exists_and_is_listed_once(name: str) -> None:
    module = importlib.import_module(name)

    assert len(set(module.__all__)) == len(module.__all__)
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


def test_no_file_names_the_place_where_packages_come_from(files: list[Path]) -> None:
    assert lines_with(REGISTRIES, files) == []


def test_no_file_holds_a_path_of_the_machine_that_it_was_written_on(files: list[Path]) -> None:
    assert lines_with(MACHINE_PATHS, files) == []


def test_there_is_no_lock_file(files: list[Path]) -> None:
    assert [path for path in files if LOCK_FILES.search(path.as_posix())] == []


def test_files_of_code_are_short_and_say_their_job(files: list[Path]) -> None:
    code = [path for path in files if path.suffix == ".py" and path.is_relative_to(ROOT / "crawler")]
    assert len(code) > 50

    long = [f"{path.relative_to(ROOT)}: {len(path.read_text().splitlines())}" for path in code]
    assert [each for each in long if int(each.rpartition(" ")[2]) > MOST_LINES] == []
    assert [path for path in code if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_what_is_installed_needs_nothing_that_only_checks_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    needed = {re.split(r"[<>=\[;]", each)[0].lower() for each in project["dependencies"]}

    assert needed & pinned == set()
