"""Rules for what the server must not see."""

from __future__ import annotations

from collections.abc import Iterator

from tests.politeness.measure import WORKERS, Case, Seen
from tests.politeness.site import gaps_of

#: Between the last look at the clock and the sending, the operating system may take the processor away; a millisecond
#: is what it does to a thread on an idle machine. Nothing else may come off the delay.
TOLERANCE_S = 0.001


def broken(case: Case, seen: Seen) -> Iterator[str]:
    """What is wrong with what was seen."""
    yield from seen.faults
    if len(seen.pages_by_process) != 2:
        yield f"{len(seen.pages_by_process)} processes took part"
    if case.delay_s:
        yield from (
            f"a gap of {gap:.4f} s"
            for gap in gaps_of(seen.arrivals, asked_by_robots="crawl_delay" in case.site)
            if gap < case.delay_s - TOLERANCE_S
        )
    allowed = int(str(case.settings.get("per_host", 0)))
    if allowed and seen.most_at_once > allowed:
        yield f"{seen.most_at_once} requests at once, {allowed} allowed"
    if "retry_after" in case.site:
        pause_s = float(str(case.site["retry_after"]))
        still_sent, may_send = seen.still_sent(pause_s), 2 * WORKERS + 2 * allowed
        if still_sent > may_send:
            yield f"{still_sent} requests in the pause, {may_send} are what the other process may hold"
        if seen.silence_s < pause_s / 2:
            yield f"the host was left in peace for {seen.silence_s:.3f} s only"
