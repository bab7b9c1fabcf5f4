"""The contenders: how each is started, in which environment, and where its items are afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "crawl-benchmarks"
Item = dict[str, str]


@dataclass(frozen=True, slots=True)
class Contender:
    """A crawler that takes part.

    Attributes:
        key: Its name on the command line.
        label: Its name in the table.
        environment: Name of a file in requirements/; "" for the environment of this project.
        command: Makes the command for a new folder; the orders are in BENCH.
        items: Reads the items that it stored; None if it extracts no fields.
        pages_of: Counts the pages that it stored if it extracts no fields; None if it stores nothing.
        shows: Package whose version is shown.
        program: Program that must be installed, whose version is shown.
        revision: Commit of this project whose code it runs, or "" for the current code.
    """

    key: str
    label: str
    environment: str
    command: Callable[[Contender, Path, dict[str, Any]], list[str]]
    items: Callable[[Path], Iterator[Item]] | None
    pages_of: Callable[[Path], int | None] = lambda work: None
    shows: str = ""
    program: str = ""
    revision: str = ""

    def python(self) -> str:
        return str(CACHE / self.environment / "bin" / "python") if self.environment else sys.executable

    def version(self) -> str:
        if self.key not in _VERSIONS:
            _VERSIONS[self.key] = self._version()
        return _VERSIONS[self.key]

    def _version(self) -> str:
        if self.program:
            said = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False).stdout
            found = re.search(r"\d+(\.\d+)+", said)
            return found[0] if found else ""
        if not self.shows:
            return ""
        asked = f"import importlib.metadata as m; print(m.version({self.shows!r}))"
        return subprocess.run([self.python(), "-c", asked], capture_output=True, text=True, check=True).stdout.strip()


def missing(contender: Contender) -> str:
    """Why a contender cannot take part, or "". Makes its environment if it needs one."""
    if contender.program and shutil.which(contender.program) is None:
        return f"{contender.program} is not installed"
    try:
        install(contender)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"its environment cannot be made: {error}"
    return ""


def install(contender: Contender) -> None:
    """Make the environment of a contender, from PyPI, once for each version of its requirements."""
    if not contender.environment:
        return
    folder, stamp = CACHE / contender.environment, CACHE / contender.environment / ".installed"
    requirements = HERE / "requirements" / f"{contender.environment}.txt"
    wanted = contender.revision or requirements.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {contender.label} into {folder}", file=sys.stderr)
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    if contender.revision:
        _install_revision(contender)
    else:
        subprocess.run([contender.python(), "-m", "pip", "install", "-q", "-r", str(requirements)], check=True)
    stamp.write_text(wanted)


def _install_revision(contender: Contender) -> None:
    """An older version of this project with the current versions of its libraries, so that nothing else differs."""
    with tempfile.TemporaryDirectory(prefix="revision-") as folder:
        archive = subprocess.run(
            ["git", "-C", str(HERE.parent), "archive", "--format=tar", contender.revision],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        limits = str(HERE.parent / "constraints.txt")
        subprocess.run([contender.python(), "-m", "pip", "install", "-q", "-c", limits, folder], check=True)


def _script(name: str) -> Callable[[Contender, Path, dict[str, Any]], list[str]]:
    return lambda contender, folder, orders: [contender.python(), str(HERE / "contenders" / f"{name}.py")]


def _ours(processes: int) -> Callable[[Contender, Path, dict[str, Any]], list[str]]:
    def command(contender: Contender, folder: Path, orders: dict[str, Any]) -> list[str]:
        (folder / "spiders").mkdir()
        (folder / "pyproject.toml").write_text("[tool.crawl]\n")
        shutil.copy(HERE / "contenders" / "ours.py", folder / "spiders" / "sites.py")
        options = ["-s", f"processes={processes}"] if processes else []
        if orders["our_workers"]:
            options += ["-s", f"workers={orders['our_workers']}"]
        if orders["our_per_host"]:
            options += ["-s", f"per_host={orders['our_per_host']}"]
        return [contender.python(), "-m", "crawler.cli", "run", orders["site"], *options]

    return command


def _wget2(*options: str) -> Callable[[Contender, Path, dict[str, Any]], list[str]]:
    def command(contender: Contender, folder: Path, orders: dict[str, Any]) -> list[str]:
        known = ["--recursive", "--level=inf", "--quiet", "--no-robots", "--follow-tags=a"]
        return ["wget2", *known, f"--max-threads={orders['at_once']}", *options, *orders["starts"]]

    return command


def _files(folder: Path) -> int:
    """Pages below *folder*, without files that are not pages of the site."""
    return sum(1 for each in (folder / "pages").rglob("*.html") if each.name != "login.html")


def _lines(folder: Path) -> Iterator[Item]:
    with open(folder / "items.jsonl", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _rows(folder: Path) -> Iterator[Item]:
    with closing(sqlite3.connect(folder / "data" / "crawl.db")) as database:
        database.row_factory = sqlite3.Row
        for row in database.execute("SELECT * FROM items"):
            yield dict(row)


StoreFault = sqlite3.Error
_VERSIONS: dict[str, str] = {}
_WGET2 = {"environment": "", "items": None, "program": "wget2"}

ALL = {
    each.key: each
    for each in (
        Contender("ours", "this crawler, `crawl run`", "", _ours(0), _rows),
        Contender("ours-1", "this crawler, one process", "", _ours(1), _rows),
        Contender("scrapy", "Scrapy", "scrapy", _script("scrapy_spider"), _lines, shows="scrapy"),
        Contender("crawlee", "Crawlee for Python", "crawlee", _script("crawlee_spider"), _lines, shows="crawlee"),
        Contender("scrapling", "Scrapling", "scrapling", _script("scrapling_spider"), _lines, shows="scrapling"),
        Contender(
            "requests",
            "requests, threads and parsel, by hand",
            "requests",
            _script("requests_threads"),
            _lines,
            shows="requests",
        ),
        Contender(
            "aiohttp",
            "aiohttp and selectolax, by hand",
            "aiohttp",
            _script("aiohttp_selectolax"),
            _lines,
            shows="aiohttp",
        ),
        Contender(
            "wget2",
            "wget2 -r -O /dev/null (reads no field, stores nothing)",
            command=_wget2("--output-document=/dev/null"),
            **_WGET2,  # type: ignore[arg-type]
        ),
        Contender(
            "wget2-files",
            "wget2 -r (reads no field, stores the pages)",
            command=_wget2("--directory-prefix=pages"),
            pages_of=_files,
            **_WGET2,  # type: ignore[arg-type]
        ),
    )
}


def add_processes(number: int) -> str:
    """Add a contender: this crawler with a number of processes. Returns its key."""
    key = f"ours-p{number}"
    ALL[key] = Contender(key, f"this crawler, {number} processes", "", _ours(number), _rows)
    return key


def add_revision(revision: str) -> list[str]:
    """Add two contenders: this crawler at *revision*, as `crawl run` and as one process. Returns their keys.

    Raises:
        ValueError: git knows no such commit.
    """
    asked = ["git", "-C", str(HERE.parent), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    commit = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    if not commit:
        raise ValueError(f"git knows no commit {revision!r}")
    keys = [f"ours@{revision}", f"ours-1@{revision}"]
    for processes, key in enumerate(keys):
        label = f"{ALL[key.partition('@')[0]].label}, {revision}"
        # by commit: a branch moves on, and the installed version must not be an older state of it
        ALL[key] = Contender(key, label, f"crawl-{commit[:12]}", _ours(processes), _rows, revision=commit)
    return keys
