"""When a run stops before its frontier is empty: a limit, a signal, a word of somebody. Pure: takes the time."""

from __future__ import annotations

from crawler.settings import Settings


class RunLimits:
    """Why a run stops, and how long it waits for what is under way.

    Attributes:
        reason: Why; "" while it goes on. Read from any thread.
        deadline: When it ends although requests are under way, seconds since 1970; None while it goes on.
        ends_at: When its time is over; None without such a limit.
    """

    def __init__(self, settings: Settings, *, began_at: float) -> None:
        """*began_at* is the start of the run, not of this process: one that was woken late ends with the others."""
        self._max_pages, self._max_time_s, self._grace_s = settings.max_pages, settings.max_time, settings.grace
        self.reason = ""
        self.deadline: float | None = None
        self.ends_at = began_at + settings.max_time if settings.max_time else None

    def stop(self, reason: str, by: float) -> None:
        """Stop, at the latest at the moment *by*. The first reason counts, and the earliest moment."""
        self.reason = self.reason or reason
        self.deadline = by if self.deadline is None else min(self.deadline, by)

    def check(self, pages: int, now: float) -> None:
        """Stop when a limit is reached.

        Args:
            pages: Done in this run.
        """
        if self.reason:
            return
        if self._max_pages and pages >= self._max_pages:
            self.reason = f"limit: max_pages {self._max_pages}"
        elif self.ends_at is not None and now >= self.ends_at:
            self.reason = f"limit: max_time {self._max_time_s:g} s"
        if self.reason:
            self.deadline = now + self._grace_s

    def waits_no_longer(self, now: float) -> bool:
        """Whether the time for what is under way is over."""
        return self.deadline is not None and now >= self.deadline
