"""``python -m tests.taken_out [NAME ...]``: take each mend out, run the tests that hold it, print what they say.

NAME is the beginning of an entry's name, or words of its row; without one all are tried. Exit code 1 when a test still
passes, or an entry does not work any more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.taken_out.entries import Entry
from tests.taken_out.rows import ENTRIES
from tests.taken_out.trying import Copy, tried

WORDS = {
    "failed": "failed as it should",
    "passes": "STILL PASSES: the test proves nothing",
    "broken": "BROKEN CODE: the entry brings no fault back",
    "not run": "NOT RUN",
    "no anchor": "ANCHOR NOT FOUND",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.taken_out", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of names of entries, or words of rows (default: all)")
    names = parser.parse_args().names
    chosen = [entry for entry in ENTRIES if not names or any(_is_meant(entry, name) for name in names)]
    if not chosen:
        parser.error(f"no entry of that name; there are {', '.join(entry.name for entry in ENTRIES)}")
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="taken-out-") as folder:
        copy = Copy(Path(folder))
        for entry in chosen:
            began = time.monotonic()
            found = tried(copy, entry)
            counts[found.verdict] += 1
            print(f"{entry.name:<32} {time.monotonic() - began:>4.0f} s  {WORDS[found.verdict]}", flush=True)
            for line in found.said:
                print(f"    {line}", flush=True)
    print(f"{len(chosen)} entries: " + ", ".join(f"{n} {WORDS[verdict]}" for verdict, n in counts.items()))
    return 0 if counts["failed"] == len(chosen) else 1


def _is_meant(entry: Entry, name: str) -> bool:
    return entry.name.startswith(name) or name in entry.row


if __name__ == "__main__":
    sys.exit(main())
