"""Single figures of this crawler: start-up, a crawl of one page, an idle crawl, a store with a million known URLs."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import site
from benchmarks.measure import measured
from benchmarks.micro.store import fill, large
from benchmarks.server import serve
from crawler.outcome import Found

ROOT = Path(__file__).parent.parent
KNOWN = 1_000_000
IDLE_S = 10.0
BUSY_S = 12.0

_SPIDER = """from crawler import Spider

class Shop(Spider):
    name = "shop"
    start_urls = {starts!r}

    def parse(self, response):
        yield {{"title": response.css("title::text").get()}}
"""


def figures() -> dict[str, Any]:
    """The figures by name, for the report."""
    with tempfile.TemporaryDirectory(prefix="crawl-bench-") as name:
        folder = Path(name)
        (folder / "spiders").mkdir()
        (folder / "pyproject.toml").write_text("[tool.crawl]\n")
        (folder / "site").mkdir()
        (folder / "site" / "index.html").write_text("<title>one page</title>")
        with serve(folder / "site") as server:
            _spider(folder, [server.url()])
            help_cpu_s = min(_cpu_s(folder, "--help")[0] for _ in range(5))
            list_cpu_s, loaded = _cpu_s(folder, "list")
            one_page_s = min(_wall_s(folder, "run", "shop", "--fresh") for _ in range(5))
            _spider(folder, [server.url(f"127.0.0.{number}", "/") for number in range(1, 51)])
            idle = _idle_share(folder)
        known = _million() | {"known_peak_mb": round(_peak_of_million(folder / "million"), 1)}
    return {
        "help_cpu_s": round(help_cpu_s, 3),
        "list_cpu_s": round(list_cpu_s, 3),
        "list_loads_engine": loaded,
        "one_page_s": round(one_page_s, 3),
        "idle_share": round(idle, 4),
        **known,
    }


def _spider(folder: Path, starts: list[str]) -> None:
    (folder / "spiders" / "shop.py").write_text(_SPIDER.format(starts=starts))


def _environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT)}  # compiled once, like an installed package


def _cpu_s(folder: Path, *words: str) -> tuple[float, bool]:
    """CPU seconds of a command, and whether it loaded the engine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "crawler.cli", *words], cwd=folder, env=_environ(), capture_output=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    script = f"import sys; sys.argv = ['crawl', {', '.join(map(repr, words))}]\n"
    script += "from crawler.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    script += "sys.stderr.write('ENGINE' if any(name.startswith('crawler.engine') for name in sys.modules) else '')"
    asked = subprocess.run([sys.executable, "-c", script], cwd=folder, env=_environ(), capture_output=True, text=True)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent_s, asked.stderr.endswith("ENGINE")


def _wall_s(folder: Path, *words: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "crawler.cli", *words], cwd=folder, env=_environ(), capture_output=True, check=True
    )
    return time.perf_counter() - started


def _idle_share(folder: Path) -> float:
    """Share of a core that a crawl takes while all its hosts wait for their delay."""
    command = [sys.executable, "-m", "crawler.cli", "run", "shop", "--fresh", "-s", "delay=3600"]
    process = subprocess.Popen(command, cwd=folder, env=_environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        time.sleep(6)  # start-up, and the one page that each host may serve at once
        before, started = _ticks(process.pid), time.perf_counter()
        time.sleep(IDLE_S)
        return (_ticks(process.pid) - before) / (time.perf_counter() - started)
    finally:
        process.kill()
        process.communicate()


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _million() -> dict[str, float]:
    """Milliseconds that a store with a million known URLs takes to open, to resume a run and to lease."""
    names = {"open (ms)": "open_ms", "resume (ms)": "resume_ms", "first lease of 64 (ms)": "lease_ms"}
    with tempfile.TemporaryDirectory(prefix="crawl-bench-") as folder:
        return {names[name]: round(value, 1) for name, value in large(f"{folder}/known.db", KNOWN) if name in names}


def _peak_of_million(folder: Path) -> float:
    """Peak megabytes of all processes of a crawl resumed with a million known URLs, at full speed for a while."""
    (folder / "spiders").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "pyproject.toml").write_text("[tool.crawl]\n")
    shutil.copy(ROOT / "benchmarks" / "contenders" / "ours.py", folder / "spiders" / "shop.py")
    with serve(site.make(folder, "shop", 20_000, 0).root) as server:
        make = random.Random(5).randbytes
        host = f"127.0.0.1:{server.port}"

        def known(number: int) -> Found:
            return Found(make(16), f"http://{host}/known-{number}.html", host, "default", callback="parse", priority=-1)

        fill(str(folder / "data" / "crawl.db"), KNOWN, spider="shop", make_found=known)
        command = [sys.executable, "-m", "crawler.cli", "run", "shop", "--quiet", "-s", f"max_time={BUSY_S:g}"]
        environ = _environ() | {"BENCH": json.dumps({"starts": [server.url()]})}
        cost = measured(command, environ=environ, cwd=folder, log=folder / "log", limit_s=10 * BUSY_S)
    with closing(sqlite3.connect(folder / "data" / "crawl.db")) as database:
        pages = database.execute("SELECT count(*) FROM crawl_pages WHERE status = 200").fetchone()[0]
    if pages < 1_000:
        sys.exit(f"the crawl with {KNOWN:,} known URLs fetched {pages} pages only:\n{(folder / 'log').read_text()}")
    return cost.peak_mb
