"""``python -m tests.soak``: a long crawl with faults switched on. Exit code 1 when something is wrong.

5 % of the answers are 503, 1 % of the connections are reset, and the session is revoked five times. The result has to
be exact, the memory of each process below 150 MB and, like its descriptors, flat.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.crash.report import faults, table
from tests.soak.crawl import soak

SHORT_PAGES = 3_000


def main(words: Sequence[str] | None = None) -> int:
    """Run, print the table, and say whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--workers", type=int, default=8, help="threads of each process")
    parser.add_argument("--durability", choices=("normal", "full"), default="normal")
    parser.add_argument("--short", action="store_true", help=f"{SHORT_PAGES:,} pages")
    chosen = parser.parse_args(words)
    pages = SHORT_PAGES if chosen.short else chosen.pages
    result = soak(pages, processes=chosen.processes, workers=chosen.workers, durability=chosen.durability)
    heading = f"soak of {pages:,} pages, {chosen.processes} processes, durability {chosen.durability}"
    print(table((heading, ""), result.lines), "", sep="\n")
    print(faults(result.faults))
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
