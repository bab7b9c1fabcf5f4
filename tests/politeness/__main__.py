"""``python -m tests.politeness``: crawls of several processes; prints what the kernel of the server saw.

Two that stay, then four that come, leave and are killed, on one file and in PostgreSQL.

Exit code 1 when two requests came closer together than the delay, more were under way than allowed, or a host was
asked before its Retry-After was over.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Sequence

from tests.crash.report import table
from tests.politeness.fleet import LONG, in_postgres, in_sqlite
from tests.politeness.fleet import broken as still_broken
from tests.politeness.measure import CASES, Case, Seen, measured, most_at_once
from tests.politeness.rules import broken
from tests.politeness.site import Arrival, gaps_of

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
    for place, crawled in (("file", in_sqlite), ("PostgreSQL", in_postgres)):
        for journey in LONG:
            told = crawled(journey)
            name = f"{place}: {journey.name}"
            gaps = sorted(gaps_of(told.arrivals))
            pace = f"{journey.delay_s:.3f} s" if journey.delay_s else "none"
            least, median = (f"{gaps[0]:.3f} s", f"{statistics.median(gaps):.3f} s") if journey.delay_s else ("", "")
            processes = ", ".join(map(str, sorted(told.by_process)))
            most = most_at_once(told.arrivals)
            rows.append((name, len(told.arrivals), processes, pace, least, median, most, _silence(told.arrivals)))
            wrong += [f"{name}: {what}" for what in still_broken(journey, told)]
            sys.stderr.write(f"{name}: done\n")
    print(table(HEADING, rows))
    print("\n".join(wrong) if wrong else "no gap shorter than the delay")
    return 1 if wrong else 0


def _silence(arrivals: Sequence[Arrival]) -> str:
    """Between the last request that was sent after an answer 429 without knowing it, and the first one that was."""
    refused = [each.until_s for each in arrivals if each.status == 429]
    if not refused:
        return ""
    after = [each.at_s - refused[0] for each in arrivals if each.at_s > refused[0]]
    pauses = [(later - earlier, earlier) for earlier, later in itertools.pairwise([0.0, *after])]
    longest_s, began_s = max(pauses)
    return f"silence of {longest_s:.3f} s from {began_s:.3f} s after it"


def _after_429(case: Case, seen: Seen) -> str:
    if "retry_after" not in case.site:
        return ""
    pause_s = float(str(case.site["retry_after"]))
    return f"{seen.still_sent(pause_s)} more, then silence for {seen.silence_s:.3f} s"


if __name__ == "__main__":
    sys.exit(main())
