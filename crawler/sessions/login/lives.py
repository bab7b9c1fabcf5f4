"""How many requests sessions answer before they end, and what follows for the one that goes on. Pure.

Where sessions end after some requests, all that is under way when it happens is lost with them. So once lives are
known, no more is sent at once than what is left of such a life; where that is over, the probe is asked, rather than a
page that may then be taken for the cause. A session that outlives the others is trusted more and more.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Final

from crawler.quick_dataclass import quick_dataclass

_LAST: Final = 3  # this many of the last lives are looked at: the shortest of them counts
_SHARE: Final = 4  # of what a session has answered beyond all expectation, a fourth is risked at once


class Next(StrEnum):
    """What may be done with one more request of a session."""

    GO = "go"
    WAIT = "wait"  #: until one of those under way is back
    PROBE = "probe"  #: prove the session first, when all that is under way is back


@quick_dataclass
class KnownLives:
    """What earlier runs know.

    Attributes:
        requests: That sessions answered after their login was proved, until they ended.
        plain: Their pages did not show who is logged in.
        epoch: Of the session that an earlier run has left.
        answered: Requests that it has answered there.
    """

    requests: tuple[int, ...] = ()
    plain: bool = False
    epoch: int = 0
    answered: int = 0


class Lives:
    """The last lives of the sessions of one account. Used by one thread.

    Attributes:
        fruitless: The last session had ended at its first request, which says nothing of how many it was good for: a
            page may log out, or somebody else log in.
    """

    def __init__(self, known: KnownLives = KnownLives()) -> None:
        self._last = deque((each for each in known.requests if each > 0), maxlen=_LAST)
        self.fruitless = False

    @property
    def last(self) -> tuple[int, ...]:
        """Requests that the last sessions answered before they ended."""
        return tuple(self._last)

    @property
    def shortest(self) -> int | None:
        """What is expected of a session; None while none has ended."""
        return min(self._last, default=None)

    @property
    def steady(self) -> bool:
        """Whether they have ended after just as many requests, more than once."""
        return len(self._last) > 1 and min(self._last) == max(self._last)

    def ended(self, requests: int) -> None:
        """One has ended by itself after so many."""
        self.fruitless = not requests
        if requests:
            self._last.append(requests)

    def came_late(self) -> None:
        """The last one has answered one more, which came in after its end was known."""
        if self.fruitless or not self._last:
            self.ended(1)
        else:
            self._last[-1] += 1

    def forget(self) -> None:
        """They did not end by themselves: a page was found to end them."""
        self._last.clear()


def next_where_pages_show_us(lives: Lives, answered: int, under_way: int) -> Next:
    """What to do with one more request where pages prove the session by themselves.

    Args:
        answered: Requests that this session has answered.
        under_way: Those that have not come back.
    """
    expected = lives.shortest
    if expected is None or lives.fruitless or answered + under_way < expected:
        return Next.GO  # one by one, pages that log out would each cost logins that bring nothing
    if answered > expected:
        return Next.GO if under_way < max(answered // _SHARE, 1) else Next.WAIT
    if under_way:
        return Next.WAIT
    return Next.PROBE if answered else Next.GO  # without a page of it nothing would ever be known


def most_unproven(probe_every: int, max_pages: int) -> int:
    """Most pages before a proof: a run that stops after *max_pages* (0: no limit) proves half of them on the way.

    Were they all proved at the stop only, a session that is used up just then would take every page of the run with it.
    """
    return min(probe_every, -(-max_pages // 2)) if max_pages else probe_every


def pages_until_probe(probe_every: int, lives: Lives, proved_after: int, *, whole: bool = True) -> int:
    """How many pages a session may bring until it is proved again; 0 where it is expected to end now.

    While no session has ended yet, little is risked beside what has been proved: after 1 page, 2 more, 3 more, 5 more
    and so on. However short the first one is, it brings a page, and most of what it was good for.

    Args:
        probe_every: The most, 1 or more.
        proved_after: Requests of this session that are certain.
        whole: These are all since its login; else it was taken over, and has made others before.
    """
    shortest = lives.shortest
    if shortest is None:
        return min(proved_after // 2 + 1, probe_every)
    left = shortest - proved_after
    if left < 0:
        return min(max(proved_after // _SHARE, 1), probe_every)  # it outlives the others: less and less often
    if left < 2 and proved_after:
        return 0
    most = left - 1 if lives.steady and whole else left * 2 // 3
    return min(max(most, 1), probe_every)
