"""Compares exports with sqlite-utils and pandas writing the same rows: ``python -m benchmarks.exports [--rows N]``.

One database, filled through the store as by a crawl, is written as CSV, JSON lines, SQLite and Parquet by `crawl
export` and by the others. Each runs in its own process; the system reports what it used: user and kernel CPU seconds,
including the start of the process, and its peak memory. All rows of a table come from one run, in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from crawler.outcome import ItemRow, Outcome, Verdict
from crawler.stores.base import LeaseTerms
from crawler.stores.sqlite import SQLiteStore

from .micro.store import OpenCipher, fill, found

ITEMS_A_PAGE = 50
FIELDS = "sku, name, price, stock, description, category, rating, available"
SELECT = f"SELECT {FIELDS} FROM items"

PANDAS = """
import sqlite3, sys, pandas
raw = sqlite3.connect(sys.argv[1])
{write}
"""
WHOLE = {
    "csv": "pandas.read_sql({select!r}, raw).to_csv(sys.argv[2], index=False)",
    "jsonl": "pandas.read_sql({select!r}, raw).to_json(sys.argv[2], orient='records', lines=True)",
    "db": "pandas.read_sql({select!r}, raw).to_sql('items', sqlite3.connect(sys.argv[2]), index=False)",
    "parquet": "pandas.read_sql({select!r}, raw).to_parquet(sys.argv[2])",
}
CHUNKS = {
    "csv": "[each.to_csv(sys.argv[2], index=False, mode='a', header=number == 0) for number, each in enumerate("
    "pandas.read_sql({select!r}, raw, chunksize=10_000))]",
    "jsonl": "[each.to_json(sys.argv[2], orient='records', lines=True, mode='a') for each in"
    " pandas.read_sql({select!r}, raw, chunksize=10_000)]",
    "db": "[each.to_sql('items', sqlite3.connect(sys.argv[2]), index=False, if_exists='append') for each in"
    " pandas.read_sql({select!r}, raw, chunksize=10_000)]",
}
UTILS_DB = """
import sys, sqlite_utils
rows = sqlite_utils.Database(sys.argv[1]).query({select!r})
sqlite_utils.Database(sys.argv[2])['items'].insert_all(rows)
"""


def make_store(path: str, rows: int) -> None:
    """A crawl of one spider, one page of items after another."""
    run, _ = fill(path, 0, spider="shop", make_found=lambda number: found(os.urandom, number))
    store = SQLiteStore(path, cipher=OpenCipher())
    pages = -(-rows // ITEMS_A_PAGE)
    number = 0
    for start in range(0, pages, 1_000):
        some = min(1_000, pages - start)
        store.frontier.add(run.frontier, [found(os.urandom, start + each) for each in range(some)])
        for leased in store.leases.lease(run.frontier, owner="me", terms=LeaseTerms(some, 600, 1)):
            items = [ItemRow("items", item(number + each)) for each in range(min(ITEMS_A_PAGE, rows - number))]
            number += len(items)
            done = Outcome(leased, Verdict.ACCEPT, items=items, status=200, sent_at=time.time(), session_name="default")
            store.commit(run, "me", [done])
    store.runs.end(run.id, ending="finished", exit_code=0, summary="{}")
    store.close()


def item(number: int) -> dict[str, object]:
    return {
        "sku": f"A-{number:08}",
        "name": f"Bücher, Teil {number}",
        "price": number % 10_000 / 100,
        "stock": number % 50,
        "description": f'One of the many things that a shop sells, "good" and cheap, number {number} of its kind.',
        "category": f"category {number % 40}",
        "rating": None if number % 10 == 0 else number % 5 + 0.5,
        "available": number % 3,
    }


def contenders(form: str, store: str, out: str) -> dict[str, list[str]]:
    """The commands that write *store* as *form* to *out*, by name."""
    bin_folder = Path(sys.executable).parent
    python = [sys.executable, "-c"]
    every = {"crawl export": [str(bin_folder / "crawl"), "export", "shop", "-o", out, "-q", "--store", store]}
    if form in ("csv", "jsonl"):
        option = "--csv" if form == "csv" else "--nl"
        every["sqlite-utils"] = [str(bin_folder / "sqlite-utils"), "query", store, SELECT, option]
    if form == "db":
        every["sqlite-utils"] = [*python, UTILS_DB.format(select=SELECT), store, out]
    every["pandas"] = [*python, PANDAS.format(write=WHOLE[form].format(select=SELECT)), store, out]
    if form in CHUNKS:
        every["pandas, in chunks"] = [*python, PANDAS.format(write=CHUNKS[form].format(select=SELECT)), store, out]
    return every


def measured(command: list[str], out: Path) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak memory in MB of one command."""
    out.unlink(missing_ok=True)
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        if "sqlite-utils" in command[0]:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(handle, 1)
        os.execv(command[0], command)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{command[:4]} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--formats", nargs="*", default=["csv", "jsonl", "db", "parquet"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-exports-") as folder:
        store = f"{folder}/crawl.db"
        start = time.perf_counter()
        make_store(store, given.rows)
        print(f"{given.rows:,} rows, {os.path.getsize(store) / 2**20:,.0f} MB, in {time.perf_counter() - start:.0f} s")
        print("median of", given.times)
        print(f"{'format':8} {'':18} {'CPU s':>7} {'us a row':>9} {'wall s':>7} {'MB memory':>10} {'MB file':>8}")
        for form in given.formats:
            out = Path(folder) / f"out.{form}"
            found: dict[str, list[tuple[float, float, float]]] = {}
            for _ in range(given.times):
                for name, command in contenders(form, store, str(out)).items():
                    found.setdefault(name, []).append((*measured(command, out),))
                    size = out.stat().st_size / 2**20
            for name, figures in found.items():
                cpu, wall, memory = (statistics.median(column) for column in zip(*figures, strict=True))
                a_row = cpu / given.rows * 1e6
                print(f"{form:8} {name:18} {cpu:7.2f} {a_row:9.2f} {wall:7.2f} {memory:10.0f} {size:8.0f}", flush=True)


if __name__ == "__main__":
    main()
