"""``python -m tests.politeness``: crawls through two processes; prints what the kernel of the server saw.

Exit code 1 when two requests came closer together than the delay, more were under way than allowed, or a host was
asked before its Retry-After was over.
"""

from __future__ import annotations

import statistics
import sys

from tests.crash.report import table
from tests.politeness.measure import CASES, Case, Seen, measured
from tests.politeness.rules import broken
from tests.politeness.site import gaps_of

HEADING = ("crawl", "requests", "by process", "delay", "least gap", "median gap", "most at once", "after 429")


def main() -> int:
    """Crawl, print, and say whether all is well."""
    rows, wrong = [], []
    for case in CASES:
        seen = measured(case)
        gaps = sorted(gaps_of(seen.arrivals, asked_by_robots="crawl_delay" in case.site))
        rows.append(
            (
                case.name,
                len(seen.arrivals),
                ", ".join(map(str, seen.pages_by_process)),
                f"{case.delay_s:.3f} s" if case.delay_s else "none",
                f"{gaps[0]:.3f} s" if case.delay_s else "",
                f"{statistics.median(gaps):.3f} s" if case.delay_s else "",
                seen.most_at_once,
                _after_429(case, seen),
            )
        )
        wrong += [f"{case.name}: {what}" for what in broken(case, seen)]
        sys.stderr.write(f"{case.name}: done\n")
    print(table(HEADING, rows))
    print("\n".join(wrong) if wrong else "no gap shorter than the delay")
    return 1 if wrong else 0


def _after_429(case: Case, seen: Seen) -> str:
    if "retry_after" not in case.site:
        return ""
    pause_s = float(str(case.site["retry_after"]))
    return f"{seen.still_sent(pause_s)} more, then silence for {seen.silence_s:.3f} s"


if __name__ == "__main__":
    sys.exit(main())
