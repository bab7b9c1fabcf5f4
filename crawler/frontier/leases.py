"""What a process knows of its leases: whether a request is still ours, and when to look for more. Pure: takes the time.

A lease is checked twice. The second check is the commit, which takes nothing whose lease was lost. But a page that is
sent and then not taken was sent twice, and a POST that is sent twice may order twice; so a process, which may have
been stopped for a while, or its machine asleep, asks `Hold` before it sends. It gives back what it cannot be sure of,
and leases anew.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass

from crawler.outcome import Leased


class Hold:
    """Until when a process holds what it has leased. Written by the scheduler's thread, asked by any.

    Args:
        now: Seconds since 1970 by the store's clock, as all times here.
        lease_s: Seconds that a lease lasts at least.

    Attributes:
        stays_until: Other processes count on this one until then; later it sends nothing until it has met them again.
    """

    def __init__(self, now: float, lease_s: float) -> None:
        self.stays_until = float("inf")
        self.began_at, self._lease_s = now, lease_s
        self._known = 0.0, now + lease_s  # when leases were last too late to be prolonged, and until when they hold

    def renewed(self, now: float) -> None:
        """All leases were prolonged at *now*; those that had run out before belong to whoever took them."""
        lapsed_at, until = self._known
        self._known = (now if now >= until else lapsed_at), now + self._lease_s

    def is_ours(self, leased: Leased, now: float) -> bool:
        """Whether nobody else can have claimed *leased* up to *now*."""
        return now < self.ends(leased)

    def ends(self, leased: Leased) -> float:
        """Until when *leased* is ours, as far as is known now."""
        lapsed_at, until = self._known
        return max(leased.until, until) if leased.until > lapsed_at else leased.until

    def sends_until(self, leased: Leased) -> float:
        """The moment after which nothing more is sent for *leased*, as far as is known now."""
        return min(self.ends(leased), self.stays_until)


class NextLook:
    """When to look into the store for more: at once, at a moment, or when a host can take more. Pure.

    `soon` says that something has changed; `due_at` says when to look.
    """

    def __init__(self) -> None:
        self._at = 0.0
        self._changed: set[str] = set()  # slots that may have more than when they were last looked at

    def due_at(self, blocked: Callable[[], Set[str]]) -> float:
        """When to look, seconds since 1970; infinity when nothing waits any more.

        Args:
            blocked: Finds the slots that can take no more now.
        """
        return 0.0 if self._changed and not self._changed <= blocked() else self._at

    def soon(self, slots: Set[str] | None = None) -> None:
        """Something has changed: look at once, or, if it is only *slots*, as soon as one of them can take more."""
        if slots is None:
            self._at = 0.0
        else:
            self._changed |= slots

    def nothing_found(self, blocked: Set[str], at: float) -> None:
        """There was nothing but for *blocked* slots: look again at that moment, or when one of these can take more."""
        self._changed, self._at = set(blocked), at

    def wait_until(self, moment: float) -> None:
        """Nothing can be taken before that moment, whatever changes."""
        self._at, self._changed = moment, set()


@dataclass
class Leases:
    """What a process knows of its leases.

    Attributes:
        hold: Which requests are still ours.
        look: When to look for more.
        alone: Whether no other process works on this frontier.
    """

    hold: Hold
    look: NextLook
    alone: bool
