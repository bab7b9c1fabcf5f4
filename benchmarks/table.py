"""Who takes part: how each is started, in which environment, and where its items are afterwards."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "crawl-benchmarks"
Item = dict[str, str]


@dataclass(frozen=True, slots=True)
class Contender:
    """A crawler that takes part.

    Attributes:
        key: Its name on the command line.
        label: Its name in the table.
        environment: Name of a file in requirements/, or "" for the environment of this project.
        command: Makes the command for a folder of its own; the orders are in BENCH.
        items: Reads what it stored; None when it reads no fields.
        logs_in: Takes part where a login is needed.
        shows: Package whose version is told.
    """

    key: str
    label: str
    environment: str
    command: Callable[[Contender, Path, dict[str, object]], list[str]]
    items: Callable[[Path], Iterator[Item]] | None
    logs_in: bool = False
    shows: str = ""

    def python(self) -> str:
        return str(CACHE / self.environment / "bin" / "python") if self.environment else sys.executable

    def version(self) -> str:
        if not self.shows:
            return ""
        asked = f"import importlib.metadata as m; print(m.version({self.shows!r}))"
        return subprocess.run([self.python(), "-c", asked], capture_output=True, text=True, check=True).stdout.strip()


def install(contender: Contender) -> None:
    """Make the environment of a contender, from PyPI, once for each version of its requirements."""
    if not contender.environment:
        return
    folder, wanted = CACHE / contender.environment, HERE / "requirements" / f"{contender.environment}.txt"
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text() == wanted.read_text():
        return
    print(f"installing {contender.label} into {folder}", file=sys.stderr)
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    subprocess.run([contender.python(), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
    stamp.write_text(wanted.read_text())


def _script(name: str) -> Callable[[Contender, Path, dict[str, object]], list[str]]:
    return lambda contender, folder, orders: [contender.python(), str(HERE / "contenders" / f"{name}.py")]


def _ours(processes: int) -> Callable[[Contender, Path, dict[str, object]], list[str]]:
    def command(contender: Contender, folder: Path, orders: dict[str, object]) -> list[str]:
        (folder / "spiders").mkdir()
        (folder / "pyproject.toml").write_text("[tool.crawl]\n")
        shutil.copy(HERE / "contenders" / "ours.py", folder / "spiders" / "shop.py")
        options = ["-s", f"processes={processes}"] if processes else []
        for key in ("workers", "per_host"):
            if orders.get(f"our_{key}"):
                options += ["-s", f"{key}={orders[f'our_{key}']}"]
        return [contender.python(), "-m", "crawler.cli", "run", "shop", *options]

    return command


def _wget2(contender: Contender, folder: Path, orders: dict[str, object]) -> list[str]:
    starts: list[str] = orders["starts"]  # type: ignore[assignment]
    at_once = str(orders["at_once"])
    hosts = ",".join(sorted({start.split("/")[2].partition(":")[0] for start in starts}))
    return [
        "wget2", "--recursive", "--level=inf", "--quiet", "--no-robots", f"--max-threads={at_once}", "--no-directories",
        "--output-document=/dev/null", "--span-hosts", f"--domains={hosts}", *starts,
    ]  # fmt: skip


def _lines(folder: Path) -> Iterator[Item]:
    with open(folder / "items.jsonl", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _rows(folder: Path) -> Iterator[Item]:
    with closing(sqlite3.connect(folder / "data" / "crawl.db")) as database:
        database.row_factory = sqlite3.Row
        for row in database.execute("SELECT * FROM items"):
            yield dict(row)


ALL = {
    each.key: each
    for each in (
        Contender("ours", "this crawler, `crawl run`", "", _ours(0), _rows, True),
        Contender("ours-1", "this crawler, one process", "", _ours(1), _rows, True),
        Contender("scrapy", "Scrapy", "scrapy", _script("scrapy_spider"), _lines, True, "scrapy"),
        Contender("crawlee", "Crawlee for Python", "crawlee", _script("crawlee_spider"), _lines, False, "crawlee"),
        Contender("scrapling", "Scrapling", "scrapling", _script("scrapling_spider"), _lines, False, "scrapling"),
        Contender("requests", "requests + threads + parsel, by hand", "requests", _script("requests_threads"), _lines, True, "requests"),
        Contender("aiohttp", "aiohttp + selectolax, by hand", "aiohttp", _script("aiohttp_selectolax"), _lines, True, "aiohttp"),
        Contender("wget2", "wget2 -r (reads and stores nothing)", "", _wget2, None),
    )
}  # fmt: skip
