"""From the page log of a run to numbers for charts: one pass over it, in bounded memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from crawler.quick_dataclass import quick_dataclass
from crawler.stores.told import LogLine

MOST_HOSTS = 2_000  #: that are kept apart; those met later are lumped together
OTHERS = "other hosts"
_BINS = 60
_STEPS = 8  #: of a doubling: a latency is right to within a tenth


@quick_dataclass
class HostLatency:
    """How fast a host answered: the milliseconds within which half of its answers, and 95 of 100, came."""

    name: str
    answers: int
    median_ms: float
    slow_ms: float


@quick_dataclass
class AnswerFigures:
    """What the page log of one run says.

    Attributes:
        began: Start of the first bin, seconds since 1970.
        bin_s: Width of a bin.
        took_s: Duration of the run; 0 where it is not known.
        pages: Accepted pages of each bin.
        statuses: Status (0: no answer) to number.
        hosts: Most answers first.
    """

    began: float = 0.0
    bin_s: float = 60.0
    pages: Sequence[int] = ()
    statuses: Mapping[int, int] = field(default_factory=dict)
    hosts: Sequence[HostLatency] = ()
    took_s: float = 0.0

    @property
    def column_s(self) -> float:
        """Seconds in which the pages of a bin came: its width, or the whole run where that was shorter."""
        return self.took_s if 0 < self.took_s < self.bin_s and len(self.pages) == 1 else self.bin_s

    def a_minute(self) -> list[float]:
        """Pages per minute, bin by bin."""
        return [count * 60 / self.column_s for count in self.pages]


def read_answers(answers: Iterable[LogLine], *, began: float, ended: float) -> AnswerFigures:
    """Go once through the page log of a run.

    Args:
        began, ended: Of the run, seconds since 1970.
    """
    bin_s = _width_s(max(ended - began, 1.0))
    bins: Counter[int] = Counter()
    statuses: Counter[int] = Counter()
    hosts: dict[str, Counter[int]] = {}
    for answer in answers:
        statuses[answer.status] += 1
        if answer.verdict == "accept":
            bins[max(int((answer.at - began) / bin_s), 0)] += 1
        if answer.status and answer.ms > 0:
            host = host_part(answer.url)
            if host not in hosts and len(hosts) >= MOST_HOSTS:
                host = OTHERS
            hosts.setdefault(host, Counter())[_step(answer.ms)] += 1
    last = max(max(bins, default=0), math.ceil((ended - began) / bin_s) - 1, 0)
    return AnswerFigures(
        began,
        bin_s,
        [bins[place] for place in range(min(last, 4 * _BINS) + 1)] if bins else [],
        dict(statuses),
        sorted((_latency(name, steps) for name, steps in hosts.items()), key=lambda each: -each.answers),
        took_s=max(ended - began, 0.0),
    )


def host_part(url: str) -> str:
    """Host and port of an URL, without a user."""
    return url.split("/", 3)[2].rpartition("@")[2] if url.count("/") >= 2 else url


def _width_s(took_s: float) -> float:
    """A round width, so that about `_BINS` of them cover the run."""
    for width in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400):
        if took_s / width <= _BINS:
            return float(width)
    return float(math.ceil(took_s / _BINS / 86_400) * 86_400)


def _step(ms: float) -> int:
    return round(math.log2(max(ms, 0.01)) * _STEPS)


def _latency(name: str, steps: Counter[int]) -> HostLatency:
    total = sum(steps.values())
    return HostLatency(name, total, _within(steps, total * 0.5), _within(steps, total * 0.95))


def _within(steps: Counter[int], wanted: float) -> float:
    """Milliseconds within which *wanted* of the answers came."""
    so_far = 0
    for step in sorted(steps):
        so_far += steps[step]
        if so_far >= wanted:
            return float(2 ** (step / _STEPS))
    return 0.0
