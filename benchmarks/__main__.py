"""`python -m benchmarks`: every contender on the same site, interleaved, checked; writes a table, figures and plots."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import site, table
from benchmarks.measure import measured
from benchmarks.server import Server, serve

ROOT = Path(__file__).parent.parent
LIMIT_S = 900.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--pages", default="2000", help="sizes of the site, separated by commas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--contenders", default=",".join(table.ALL))
    options = parser.parse_args()
    folder = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()) / "crawl-bench"
    contenders = [table.ALL[key] for key in options.contenders.split(",")]
    for each in contenders:
        table.install(each)
    for pages in map(int, options.pages.split(",")):
        made = site.make(folder, pages)
        with serve(made.root) as server:
            for _ in range(options.runs):
                for contender in contenders:
                    print(json.dumps(once(contender, made, server, folder)))
                    sys.stdout.flush()


def once(contender: table.Contender, made: site.Site, server: Server, folder: Path) -> dict[str, Any]:
    work = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    orders = {
        "starts": [server.url()],
        "hosts": [f"127.0.0.1:{server.port}"],
        "out": str(work / "items.jsonl"),
        "at_once": 16,
        "per_host": 16,
    }
    environ = {**os.environ, "BENCH": json.dumps(orders), "PYTHONPATH": str(ROOT)}
    before = server.requests()
    cost = measured(
        contender.command(contender, work, orders), environ=environ, cwd=work, log=work / "log", limit_s=LIMIT_S
    )
    asked = (server.requests() or 0) - (before or 0)
    row = {
        "who": contender.key,
        "pages_s": round(made.pages / cost.wall_s, 1),
        "wall": round(cost.wall_s, 2),
        "cpu_ms": round(cost.cpu_s * 1000 / made.pages, 3),
        "mb": round(cost.peak_mb, 1),
        "asked": asked,
        "pages": made.pages,
        "code": cost.code,
    }
    try:
        if contender.items is not None:
            row["right"] = site.digest_of(contender.items(work)) == (made.items, made.digest)
    except Exception as error:
        row["right"] = repr(error)
    if not row.get("right", True) or cost.code:
        print((work / "log").read_text()[-2000:], file=sys.stderr)
    shutil.rmtree(work)
    return row


main()
