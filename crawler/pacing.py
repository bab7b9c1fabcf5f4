"""What all processes agree on to treat a host politely: its delay between them, and what has been learned about it."""

from __future__ import annotations

from crawler.quick_dataclass import quick_dataclass

_MOST_LATE_S = 0.5  #: a machine on which everything is later than that is beyond help
_FORGOTTEN_S = 10.0  #: after this time half of the lateness is forgotten
ASKED_EACH_S = 15.0  #: between two requests, by any process, that ask whether a host is back


@quick_dataclass
class HostWord:
    """What one process has learned about a host from its answers, for all processes.

    Attributes:
        at: When it was written, seconds since 1970 by the store's clock; 0 if it was not.
        paused_until: It is left alone until then, seconds since 1970.
        crawl_delay_s: Delay that its robots.txt asks for.
        slowed_s: Delay in force since it said that we are too fast.
        openings: How often in a row its circuit was opened; above 0, one request at a time asks whether it is back.
        given_up: The error with which it was given up in this run, "" while it has not been.
    """

    at: float = 0.0
    paused_until: float = 0.0
    crawl_delay_s: float = 0.0
    slowed_s: float = 0.0
    openings: int = 0
    given_up: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with it."""
        return not (self.slowed_s or self.openings or self.given_up)


def slack_s(delay_s: float, late_s: float = 0.0) -> float:
    """How late a request may be sent after its reserved time; reservations are further apart by as much.

    So the delay holds between requests of processes that know nothing of each other's lateness. A busy machine wakes
    threads milliseconds late: with less than 10 ms of slack every turn of a short delay would be missed.

    Args:
        delay_s: Seconds between two requests to a host; 0 where none is kept.
        late_s: What `Lateness` says about this process; where it is more than usual, fewer turns are reserved and used.
    Returns:
        Seconds, at most 0.05, or 0.5 where the machine is so busy; 0 without a delay.
    """
    return max(min(0.05, max(0.01, 0.25 * delay_s)), min(late_s, _MOST_LATE_S)) if delay_s else 0.0


class Lateness:
    """How late this process does what is due, because the machine is busy or the database slow.

    Updated by one thread, read by any.

    A process that knows this reserves turns that it can use. Otherwise it would miss nearly all of them, and crawl at a
    tenth of what the delay allows.
    """

    def __init__(self) -> None:
        self._late_s, self._seen_at = 0.0, 0.0

    def saw(self, late_s: float, now: float) -> None:
        """Record that something was done this many seconds late, or could not have been done for that long.

        Args:
            now: Seconds by a clock that only goes on (``time.monotonic()``).
        """
        self._late_s = max(late_s, self._late_s * 0.5 ** ((now - self._seen_at) / _FORGOTTEN_S))
        self._seen_at = now

    @property
    def late_s(self) -> float:
        """Seconds to expect: what was seen recently, and as much again until the request is on its way."""
        return 2 * self._late_s
