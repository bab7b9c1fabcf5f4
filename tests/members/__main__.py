"""``python -m tests.members [--times 10] [WORDS]``: play the rows (whose names hold WORDS) and print the table."""

from __future__ import annotations

import argparse
import sys
import time

from tests.members.table import ROWS, play, sessions_needed


def main() -> int:
    """Print a line for each row. Returns the number of rows that were not exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.members", description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="how often each row is played")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    wrong = 0
    print("| situation | pages | exact | sessions needed | logins | fetched | answers to guests | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in ROWS:
        if options.words and " ".join(options.words) not in row.name:
            continue
        started = time.monotonic()
        results = [play(row) for _ in range(options.times)]
        faults = [fault for each in results for fault in each.faults]
        wrong += bool(faults)
        exact = sum(not each.faults for each in results)
        figures = (span([each.logins for each in results]), span([each.requests for each in results]))
        seconds = (time.monotonic() - started) / options.times
        needed = span(list(sessions_needed(row.rules))) if not row.rules.seconds else "by time"
        print(
            f"| {row.name} | {row.rules.pages} | {exact} of {options.times} | {needed} | {figures[0]} | {figures[1]} |"
            f" {span([each.out for each in results])} | {seconds:.1f} |",
            *(f"<- {fault}" for fault in dict.fromkeys(faults)),
            flush=True,
        )
    return wrong


def span(figures: list[int]) -> str:
    """The least and the most of them."""
    return str(min(figures)) if len(set(figures)) == 1 else f"{min(figures)} to {max(figures)}"


if __name__ == "__main__":
    sys.exit(main())
