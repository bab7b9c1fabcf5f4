"""`python -m benchmarks.rendered`: pages that need a browser, compared with other crawlers that drive one.

One scene (`rendered_site`), the same installed Chromium for all, four pages at once, images left out by each in its
own way, every row checked. It prints a table: pages per second, CPU of all processes, peak of their memory together,
and the number of requests that the server received.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.measure import measured
from benchmarks.rendered_site import product
from crawler.sessions.browser_program import find_browser

ROOT = Path(__file__).parent.parent
LIMIT_S = 900.0
AT_ONCE = 4


def contender(key: str, label: str, environment: str, shows: str) -> table.Contender:
    script = str(Path(__file__).parent / "contenders" / f"rendered_{key}.py")
    return table.Contender(
        key, label, environment, lambda each, folder, orders: [each.python(), script], items=None, shows=shows
    )


ALL = [
    contender("ours", "**this crawler**", "", ""),
    contender("scrapy", "scrapy-playwright", "scrapy-playwright", "scrapy-playwright"),
    contender("crawlee", "Crawlee's PlaywrightCrawler", "crawlee-playwright", "crawlee"),
    contender("scrapling", "Scrapling's AsyncStealthySession", "scrapling-browser", "scrapling"),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rendered", description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3, help="interleaved")
    parser.add_argument("--contenders", help=f"some of: {', '.join(each.key for each in ALL)}")
    chosen = parser.parse_args()
    kind, browser = find_browser()
    if kind != "path":
        sys.exit("no browser found: install Chromium, or set CRAWL_BROWSER to the path of one")
    usable = [each for each in ALL if not chosen.contenders or each.key in chosen.contenders.split(",")]
    for each in list(usable):
        if reason := table.missing(each):
            print(f"{each.label}: left out: {reason}", file=sys.stderr)
            usable.remove(each)
    rows = _played(usable, chosen.pages, chosen.runs, browser)
    version = subprocess.run([browser, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    print(f"{chosen.pages} pages, {chosen.runs} interleaved runs, {AT_ONCE} pages at once; {version};", end=" ")
    loads = [row["load"] for row in rows]
    print(f"{os.cpu_count()} cores, CPython {platform.python_version()}, load {min(loads)} to {max(loads)}\n")
    print("| | pages/s | CPU ms a page | peak MB | requests a page |\n|---|--:|--:|--:|--:|")
    for each in usable:
        mine = [row for row in rows if row["key"] == each.key]
        print(f"| {f'{each.label} {each.version()}'.strip()} | " + " | ".join(_cells(mine, chosen.pages)) + " |")
    if not all(row["right"] for row in rows):
        sys.exit("a contender did not do the work; see above")


def _cells(rows: list[dict[str, Any]], pages: int) -> list[str]:
    rates = [pages / row["wall_s"] for row in rows]
    cpu = statistics.median(row["cpu_s"] for row in rows) / pages * 1000
    return [
        f"{statistics.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})",
        f"{cpu:,.0f}",
        f"{statistics.median(row['peak_mb'] for row in rows):,.0f}",
        f"{statistics.median(row['asked'] for row in rows) / pages:.1f}",
    ]


def _played(usable: list[table.Contender], pages: int, runs: int, browser: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.rendered_site", str(pages)]
    with (
        tempfile.TemporaryDirectory(prefix="rendered-") as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server,
    ):
        assert server.stdout is not None
        assert server.stdin is not None
        url, rows = server.stdout.readline().strip(), []
        for number in range(runs):
            for each in usable:
                row = _once(each, pages, url, browser, Path(folder) / f"{each.key}-{number}")
                print(json.dumps(row), file=sys.stderr)
                rows.append(row)
        server.stdin.close()
    return rows


def _asked(url: str) -> int:
    with urllib.request.urlopen(f"{url}/asked") as counted:
        return int(json.load(counted))


def _once(each: table.Contender, pages: int, url: str, browser: str, work: Path) -> dict[str, Any]:
    work.mkdir()
    orders = {"start": f"{url}/", "out": str(work / "items.jsonl"), "browser": browser, "at_once": AT_ONCE}
    environ = {**os.environ, "BENCH": json.dumps(orders), "CRAWL_BROWSER": browser}
    environ["PYTHONPATH"] = str(ROOT) if not each.environment else ""
    _asked(url)
    cost = measured(each.command(each, work, {}), environ=environ, cwd=work, log=work / "log", limit_s=LIMIT_S)
    asked = _asked(url)
    try:
        found = sorted(map(json.loads, (work / "items.jsonl").read_text().splitlines()), key=lambda item: item["title"])
    except (OSError, ValueError):
        found = []
    right = cost.code == 0 and found == sorted(map(product, range(1, pages + 1)), key=lambda item: item["title"])
    if not right:
        print(f"{each.label}: {len(found)} items, exit {cost.code}", file=sys.stderr)
        print((work / "log").read_text(errors="replace")[-2_000:], file=sys.stderr)
    shutil.rmtree(work)
    return {
        "key": each.key,
        "wall_s": round(cost.wall_s, 2),
        "cpu_s": round(cost.cpu_s, 2),
        "peak_mb": round(cost.peak_mb),
        "asked": asked,
        "load": round(os.getloadavg()[0], 1),
        "right": right,
    }


if __name__ == "__main__":
    main()
