"""Kill one export at many moments, in processes of their own, and look at the target after each.

Started by `test_killed_exports`: ``python -m tests.crash.killed_export STORE TARGET MOMENTS``. Prints, as JSON, how
many kills left the old target, how many the new one, and what was neither.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from crawler.output.export import ExportChoice, Target, export, formats, pipeline
from crawler.selection import Selection
from crawler.stores.sqlite import SQLiteStore
from tests.stores.support import ReversingCipher

#: Where calls are counted: in the export itself, and in the libraries that commit for it.
COUNTED = ("/output/export/", "/psycopg/")


def write(store: str, target: str, *, spider: str = "shop", table: str = "Product") -> None:
    opened = SQLiteStore(store, cipher=ReversingCipher())
    try:
        export(opened, ExportChoice(Selection(spider), table), Target(target))
    finally:
        opened.close()


def in_child(work: Callable[[], None]) -> int:
    """Do it in a process of its own. Returns the signal that ended it, 0 for none."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told, and the child ends
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code > 0:
        raise SystemExit("an export failed")
    return -code


def counting(on_call: Callable[[], None]) -> Callable[[FrameType, str, Any], None]:
    """A profile function that sees each call that the export makes, of Python and of C."""

    known: dict[str, bool] = {}

    def seen(frame: FrameType, event: str, _: Any) -> None:
        if event == "return":
            return
        file = frame.f_code.co_filename
        counts = known.get(file)
        if counts is None:
            counts = known[file] = any(each in file for each in COUNTED)
        if counts and event != "c_exception":
            on_call()

    return seen


def calls_of(store: str, target: str) -> int:
    """How many calls one export makes; the target is written."""
    reading, writing = os.pipe()

    def work() -> None:
        count = 0

        def more() -> None:
            nonlocal count
            count += 1

        sys.setprofile(counting(more))
        write(store, target)
        sys.setprofile(None)
        os.write(writing, str(count).encode())

    in_child(work)
    os.close(writing)
    with open(reading) as file:
        return int(file.read())


def killed_at(store: str, target: str, moment: int) -> None:
    def work() -> None:
        left = moment

        def less() -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(counting(less))
        write(store, target)

    in_child(work)


def state(target: str) -> Any:
    """What a reader finds at the target now."""
    if target.startswith("postgresql"):
        import psycopg

        from crawler.output.export.postgres import place_of

        place = place_of(target)
        with psycopg.connect(place.address) as raw:
            rows = raw.execute(f'SELECT sku, price FROM "{place.table}" ORDER BY sku').fetchall()
            at = raw.execute("SELECT crawl, rows_read FROM crawl_exports WHERE name = %s", (place.table,)).fetchall()
        return [list(map(list, rows)), list(map(list, at))]
    if target.endswith(".duckdb"):
        reading, writing = os.pipe()

        def look() -> None:
            import duckdb

            with duckdb.connect(target) as raw:
                rows = raw.execute("SELECT sku, price FROM Product ORDER BY sku").fetchall()
            os.write(writing, hashlib.sha256(json.dumps(rows).encode()).hexdigest().encode())

        in_child(look)
        os.close(writing)
        with open(reading) as file:
            return file.read()
    data = Path(target).read_bytes()
    return data.hex()


def main() -> None:
    first, second, target, moments = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    for form in formats.FORMATS:  # loaded once, not in every child
        if target.endswith(form.suffixes):
            form.check()
            form._loaded()
            if "pyarrow" in sys.modules:
                import pandas  # noqa: F401 - pyarrow loads it with the first column
    pipeline.check(Target(target))
    in_child(lambda: write(second, target))
    total = calls_of(second, target)
    new = state(target)
    in_child(lambda: write(first, target))
    old = state(target)
    assert old != new
    counted = {"old": 0, "new": 0}
    neither = []
    half = moments // 2  # over all of it, and close together at its end, where the target changes
    every = [1 + step * (total - 1) // half for step in range(half)]
    for moment in every + [total - step for step in range(moments - half)]:
        killed_at(second, target, moment)
        now = state(target)
        for name, wanted in (("old", old), ("new", new)):
            counted[name] += now == wanted
        if now not in (old, new):
            neither.append(moment)
        if now == new:
            in_child(lambda: write(first, target))
    in_child(lambda: write(second, target))
    print(json.dumps({"calls": total, "kills": moments, **counted, "neither": neither, "right": state(target) == new}))


if __name__ == "__main__":
    main()
