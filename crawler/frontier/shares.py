"""Connections to a host, shared by the processes of a crawl: who has how many, and from when. Pure.

Each process works out by itself how many of the connections to a host are its own, from the set of those that live: an
equal number for each, and the rest by consistent hashing of the host, so that few hosts change hands when a process
comes or goes.

No process may grow before others have shrunk. Each says in the store for which set it keeps to its share. One that sees
another set keeps to the smaller of both shares, says so as soon as no more are in use, and grows only when all of the
set have said so. A process that says nothing for long is out of the set, and itself sends nothing until it is back.
"""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect
from collections.abc import Callable, Container, Iterable, Mapping

_POINTS = 16  #: of each process on the ring: the more of them, the more even the shares


class Sharers:
    """The processes among which connections are shared."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        self._known = frozenset(self.names)
        text = ",".join(self.names)
        self.mark = text if len(text) <= 64 else hashlib.sha256(text.encode()).hexdigest()  #: tells it from other sets
        points = sorted(
            (zlib.crc32(f"{name} {number}".encode()), name) for name in self.names for number in range(_POINTS)
        )
        self._at, self._name_at = [point for point, _ in points], [name for _, name in points]

    def share(self, name: str, per_host: int, host: str) -> int:
        """Connections to *host* that *name* may have, 0 or more: those of all processes add up to *per_host*."""
        if name not in self._known:
            return 0
        even, rest = divmod(per_host, len(self.names))
        return even + (rest > 0 and name in self._chosen(host, rest))

    def _chosen(self, host: str, count: int) -> set[str]:
        """Those that come first on the ring after the point of *host*."""
        found: set[str] = set()
        start = bisect(self._at, zlib.crc32(host.encode("utf-8", "replace")))
        for step in range(len(self._at)):
            found.add(self._name_at[(start + step) % len(self._at)])
            if len(found) == count:
                break
        return found


class Shares:
    """What one process may have, as agreed with the others.

    Args:
        me: Its name.
        per_host: Connections to one host that all processes together may have.
        alone: No other process can have any yet.

    Attributes:
        agrees: The mark of the set for which this process keeps to its share; "" for none.
    """

    def __init__(self, me: str, per_host: int, *, alone: bool) -> None:
        self._me, self._per_host = me, per_host
        self._sets: list[Sharers] = []  # that may still hold: the least share of all is ours; the last is wanted
        self.agrees = ""
        self.forget()
        if alone:
            self._sets = [Sharers([me])]
            self.agrees = self._sets[0].mark

    def forget(self) -> None:
        """The others may have gone on without us: nothing is ours until all agree anew."""
        self._sets, self.agrees = [Sharers([])], ""

    def of(self, host: str) -> int:
        """Connections to *host* that this process may have now."""
        if len(self._sets) == 1:
            return self._sets[0].share(self._me, self._per_host, host)
        return min(sharers.share(self._me, self._per_host, host) for sharers in self._sets)

    def seen(self, living: Mapping[str, str]) -> bool:
        """These processes live, each with the mark that it agrees to. Returns whether shares have changed."""
        wanted = Sharers({*living, self._me})
        if wanted.mark != self._sets[-1].mark:
            self._sets.append(wanted)
            return True
        told = {**living, self._me: self.agrees}
        if len(self._sets) == 1 or any(told[name] != wanted.mark for name in wanted.names):
            return False
        self._sets = [wanted]
        return True

    def agree(self) -> bool:
        """No more are in use than `of` says. Returns whether the others have to be told."""
        before, self.agrees = self.agrees, self._sets[-1].mark
        return before != self.agrees

    @property
    def members(self) -> int:
        """How many processes share, as far as is known."""
        return max(len(self._sets[-1].names), 1)

    @property
    def is_settled(self) -> bool:
        """Whether all others agree."""
        return len(self._sets) == 1 and bool(self._sets[0].names)

    @property
    def may_be_none(self) -> bool:
        """Whether there are hosts of which we have no share."""
        return not self.is_settled or self._per_host < len(self._sets[0].names)


class Unshared(Container[str]):
    """Hosts that can take nothing now, or to which this process may have no connection."""

    def __init__(self, blocked: Container[str], of: Callable[[str], int]) -> None:
        self._blocked, self._of = blocked, of

    def __contains__(self, host: object) -> bool:
        return host in self._blocked or (isinstance(host, str) and self._of(host) == 0)
