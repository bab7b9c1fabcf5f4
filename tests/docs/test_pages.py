"""Every page of the documentation is run from top to bottom, as `tests.docs.blocks` says.

The pages of the first hour are run with the installed program; for the others its starts are forked (`tests.forked`).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.testing import SiteProcess
from tests.docs.blocks import Block, blocks_of, site_options, variables
from tests.docs.shell import Shell
from tests.forked import forked_crawl

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("python", "console", "crontab")
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if any(block.runs and block.language in LANGUAGES for block in blocks_of(page))
]
BY_THE_INSTALLED_PROGRAM = ("README.md", "tutorial.md")
WRITTEN_ADDRESS, WRITTEN_FOLDER = "127.0.0.1:8000", "/srv/shop"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with an environment, as the pages suppose it; what is imported from it is forgotten."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.chdir(folder)
    path, modules = list(sys.path), set(sys.modules)
    yield folder
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name == "spiders" or name.startswith("spiders."):
            del sys.modules[name]


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program ``crawl`` that starts quickly."""
    return forked_crawl(tmp_path_factory.mktemp("forked")).parent


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_a_page_does_what_it_says(
    page: Path, project: Path, tmp_path: Path, make_site_process: Any, monkeypatch: pytest.MonkeyPatch, forked: Path
) -> None:
    site: SiteProcess = make_site_process(books=40, **site_options(page))
    accounts = {account.username: account for account in site.accounts}
    for session, username in variables(page).items():
        monkeypatch.setenv(f"CRAWL_{session.upper()}_USERNAME", username)
        monkeypatch.setenv(f"CRAWL_{session.upper()}_PASSWORD", accounts[username].password)
    addresses = {WRITTEN_ADDRESS: site.url.removeprefix("http://"), WRITTEN_FOLDER: str(project)}
    programs = None if page.name in BY_THE_INSTALLED_PROGRAM else forked
    shell = Shell(project, tmp_path / "shell-state", addresses, programs=programs)
    namespace: dict[str, Any] = {"__name__": "page"}
    missing: list[str] = []
    for block in blocks_of(page):
        if not block.runs:
            continue
        if block.needs and not shutil.which(block.needs):
            pytest.skip(f"{block.where}: the program {block.needs} is not installed")
        absent = [each for each in block.packages if importlib.util.find_spec(each) is None]
        if absent:
            missing.append(f"{block.where}: {' and '.join(absent)} is not installed")
            continue
        text = block.text
        for written, meant in addresses.items():
            text = text.replace(written, meant)
        if block.file:
            write(place(block.file, project), text)
        elif block.language == "python":
            execute(block, text, namespace)
        elif block.language == "console":
            shell.run(block.text, exit_code=block.exit_code)
        elif block.language == "crontab":
            for line in block.text.splitlines():
                shell.as_cron(line)
    if missing:
        pytest.skip(f"all else was run; {', '.join(missing)}")


def place(file: str, project: Path) -> Path:
    """Where a file of a page is in this test: a home folder stands for the test's own configuration."""
    if file.startswith("~/.config/"):
        return Path(os.environ["XDG_CONFIG_HOME"]) / file.removeprefix("~/.config/")
    return project / file


def write(path: Path, text: str) -> None:
    """Put a block where the reader is told to put it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if path.name == "accounts.toml":
        path.chmod(0o600)


def execute(block: Block, text: str, namespace: dict[str, Any]) -> None:
    """Execute a block; a traceback shows the line on the page."""
    code = compile("\n" * (block.line - 1) + text, str(block.page), "exec")
    exec(code, namespace)  # noqa: S102 - the pages are ours


def test_every_block_says_what_it_is() -> None:
    known = {*LANGUAGES, "toml", "text", "ini"}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]

    unknown = [
        f"{block.where} ({block.language or 'nothing'})"
        for page in pages
        if "reference" not in page.parts
        for block in blocks_of(page)
        if block.language not in known
    ]

    assert unknown == []


def test_the_readme_promises_no_number_of_a_run() -> None:
    """``make demo``, which it begins with, leaves a store with a run in the same folder."""
    console = [block.text for block in blocks_of(ROOT / "README.md") if block.language == "console"]

    assert any("crawl run orders" in text for text in console)
    assert not any(re.search(r"\brun \d", text) for text in console)
