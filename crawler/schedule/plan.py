"""When a scheduled spider runs, and whether it is due. Pure: everything takes the time as an argument.

Days on which a zone changes its clock are treated as in Debian's cron, by `cronsim`: a time that is skipped runs right
after the change, one that comes twice runs once, and schedules with ``*`` in minute or hour follow real time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass
from crawler.schedule.lines import parse_schedule

_LATE_S = 900.0  #: how late a run without `catch_up` may still start: the check may run only every ten minutes


@quick_dataclass
class Entry:
    """One line of the schedule.

    Attributes:
        id: The spider's name, with a number if there are several.
        cron: Five cron fields.
        tz: Name of a zone such as "Europe/Dublin"; "" for that of the machine.
        arguments: What ``-a`` gives.
        words: Further words for ``crawl run``.
        overlap: What a start does while the last run is still going: "skip" or "wait"; see `overlap_of`.
        jitter_s: A start is late by up to this many seconds, a different number each time: sites see no round minutes.
        catch_up: A start that was missed while the machine was off is made up for, once.
    """

    id: str
    spider: str
    cron: str
    tz: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    overlap: str = "skip"
    jitter_s: float = 0.0
    catch_up: bool = True

    @property
    def needs_us(self) -> bool:
        """Whether a cron line cannot express it: cron knows no zones and no jitter."""
        return bool(self.tz or self.jitter_s)

    def extra(self) -> list[str]:
        """The words after ``crawl run NAME --if-running ...``."""
        arguments = [word for name, value in self.arguments.items() for word in ("-a", f"{name}={value}")]
        return [*arguments, *self.words, "--entry", self.id]


def overlap_of(entry: Entry, entries: Sequence[Entry]) -> str:
    """What its start does while its spider is running.

    Where a spider has several entries, each waits: the one running may have other arguments, and a start skipped for it
    would never be made up for.
    """
    alone = sum(each.spider == entry.spider for each in entries) <= 1
    return entry.overlap if alone else "wait"


def checked(entry: Entry) -> Entry:
    """*entry*, with its schedule as five fields.

    Raises:
        UsageError: Schedule or zone is not valid, or it never runs.
    """
    text = parse_schedule(entry.cron).text
    if entry.overlap not in ("skip", "wait"):
        raise UsageError(f"schedule of {entry.id}: overlap is skip or wait, not {entry.overlap[:20]!r}")
    if not 0 <= entry.jitter_s <= 86_400:
        raise UsageError(f"schedule of {entry.id}: jitter is 0 to 86400 seconds")
    found = Entry(
        entry.id, entry.spider, text, entry.tz, entry.arguments, entry.words, entry.overlap, entry.jitter_s,
        entry.catch_up,
    )  # fmt: skip
    next_runs(found, datetime(2026, 1, 1, tzinfo=UTC), UTC, 1)
    return found


def zone_of(entry: Entry, local: tzinfo) -> tzinfo:
    """The zone of its schedule.

    Raises:
        UsageError: There is no zone of that name.
    """
    if not entry.tz:
        return local
    try:
        return ZoneInfo(entry.tz)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"schedule of {entry.id}: no zone {entry.tz[:40]!r}; write it as Europe/Dublin or UTC"
        ) from None


def next_runs(entry: Entry, after: datetime, local: tzinfo, count: int = 5) -> list[datetime]:
    """The next *count* starts after a moment, without jitter, in the zone *local*.

    Raises:
        UsageError: The schedule never runs, such as on 30 February.
    """
    zone = zone_of(entry, local)
    try:
        found = list(islice(CronSim(entry.cron, after.astimezone(zone)), count))
    except CronSimError:
        raise UsageError(f"schedule {entry.cron!r}: there is no such day") from None
    if len(found) < count:
        raise UsageError(f"schedule {entry.cron!r}: it never runs")
    return [each.astimezone(local) for each in found]


def jitter_of(entry: Entry, tick: datetime) -> timedelta:
    """By how much the start of *tick* is late: different each time, and the same for every process that looks."""
    if not entry.jitter_s:
        return timedelta(0)
    digest = hashlib.sha256(f"{entry.id} {tick.astimezone(UTC).isoformat()}".encode()).digest()
    return timedelta(seconds=entry.jitter_s * int.from_bytes(digest[:8]) / 2**64)


def due(entry: Entry, seen: datetime, now: datetime, local: tzinfo) -> datetime | None:
    """The start that is to be made now, or None. Of several that were missed, only the last one.

    Args:
        seen: Up to when starts have been handled.
        now: The time.
    """
    begin = seen if entry.catch_up else max(seen, now - timedelta(seconds=_LATE_S + entry.jitter_s))
    if begin >= now:  # the clock was put back: what was handled is not done again
        return None
    try:
        backwards = CronSim(entry.cron, now.astimezone(zone_of(entry, local)) + timedelta(seconds=1), reverse=True)
        for tick in backwards:
            if tick <= begin:
                return None
            if tick + jitter_of(entry, tick) <= now:
                return tick
    except CronSimError:
        return None
    return None
