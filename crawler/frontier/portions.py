"""What a process claims of a host's waiting requests while others want some, too: pure.

Of many, it takes a handful. Of few, no more than an equal part, and no more than its connections will soon send; where
fewer wait than all have connections, no more than they send at once. The connections are shared among all processes:
what one keeps waiting is what the connections of another lack.
"""

from __future__ import annotations

from collections.abc import Callable

_AHEAD = 2  #: requests for each connection, where there are enough: one that is under way, and the next


class Portions:
    """The parts of one process.

    Args:
        per_host: Connections to one host that all processes together may have.
        share: Connections to a host that are ours.
        held: Requests of a host that are under way here, or wait.

    Attributes:
        members: Processes that share.
    """

    def __init__(self, per_host: int, share: Callable[[str], int], held: Callable[[str], int]) -> None:
        self._per_host, self._share, self._held = per_host, share, held
        self._sated: dict[str, int] = {}  # hosts of which few wait, to how many for each connection are enough
        self.members = 1

    @property
    def look_at(self) -> int:
        """How many of a host tell whether there are many."""
        return _AHEAD * self._per_host * self.members

    def __call__(self, host: str, found: int, more: bool) -> int:
        """How many to claim.

        Args:
            found: Those that wait, as far as they were looked at.
            more: There may be others.
        """
        if more or self.members == 1:
            return _AHEAD * self._per_host
        enough = _AHEAD if found > self._per_host else 1
        wanted = enough * self._share(host) - self._held(host)
        part = min(-(-found // self.members), max(wanted, 0))
        if part >= wanted:
            self._sated[host] = enough
        return part

    def sated(self) -> frozenset[str]:
        """Hosts of which nothing is claimed now: few wait, and they are left for others."""
        if self._sated:
            self._sated = {
                host: enough
                for host, enough in self._sated.items()
                if self._held(host) >= enough * self._share(host) > 0
            }
        return frozenset(self._sated)
