"""Whether a leased request is still ours to send, by the clock: the first of the two proofs of a lease.

The second one is the commit, which takes nothing whose lease was lost. But a page that is sent and then not taken was
sent twice, and a POST that is sent twice may order twice; so a process that was stopped for a while, or a machine that
slept, asks before it sends. It gives back what it cannot be sure of, and leases anew.
"""

from __future__ import annotations

from crawler.outcome import Leased


class Hold:
    """Until when a process holds what it has leased. Written by the scheduler's thread, asked by any.

    Args:
        now: Seconds since 1970 by the store's clock, as all times here.
        lease_s: Seconds that a lease lasts at least.
    """

    def __init__(self, now: float, lease_s: float) -> None:
        self._lease_s = lease_s
        self._known = 0.0, now + lease_s  # when leases were last too late to be prolonged, and until when they hold

    def renewed(self, now: float) -> None:
        """All leases were prolonged at *now*; those that had run out before belong to anybody who took them."""
        lapsed_at, until = self._known
        self._known = (now if now >= until else lapsed_at), now + self._lease_s

    def is_ours(self, leased: Leased, now: float) -> bool:
        """Whether nobody else can have claimed *leased* up to *now*."""
        if now < leased.until:
            return True
        lapsed_at, until = self._known
        return leased.until > lapsed_at and now < until
