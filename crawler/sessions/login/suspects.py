"""Which page ends the session when it is fetched: suspicion, trial, verdict. Plain values, no I/O, no clock.

That a session is gone after a page was asked for says little: sessions end by themselves, and whatever is under way
then shows it. So a page is only *blamed* for a loss that it may have caused and after which it has to be fetched again.
One that was blamed for two losses, by whichever processes of the crawl, is a *suspect*: it waits until all else is
done, and is then *tried*: alone, between two probes. When the session lives, it is innocent for good. When it is gone,
that counts only where sessions are known to live longer than the trial took (else a session of four requests convicts
every page), and only the second such loss convicts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.login.evidence import Life

BLAMED_UNTIL_SUSPECT: Final = 2
LOST_UNTIL_GUILTY: Final = 2
MOST_TRIALS: Final = 5
LEAST_CONTROL: Final = 2  #: requests of a trial: the page and the probe
_BLINK_S: Final = 0.5  # no session ends by time so soon after its login
_MOST_KEPT: Final = 10_000


class Finding(StrEnum):
    """What came of a trial."""

    INNOCENT = "innocent"
    AGAIN = "again"  #: not certain: another trial
    GUILTY = "guilty"
    UNTOLD = "untold"  #: it cannot be found out here


Blames = Mapping[str, Collection[str]]  #: pages by their keys, to the losses that each is blamed for


@quick_dataclass(frozen=False)
class _Suspicion:
    losses: set[str] = field(default_factory=set)  # that it is blamed for
    trials: int = 0
    lost: int = 0  # trials that counted


class Suspects:
    """Pages of one spider's crawl, by keys of their URLs. Used by one thread.

    Args:
        enough: Trials in which the session was lost that convict a page.
    """

    def __init__(self, enough: int = LOST_UNTIL_GUILTY) -> None:
        self._enough = enough
        self._files: OrderedDict[str, _Suspicion] = OrderedDict()
        self._innocent: OrderedDict[str, None] = OrderedDict()
        self._suspects: set[str] = set()
        self._guilty: set[str] = set()

    def __len__(self) -> int:
        """How many are to be tried, or were convicted."""
        return len(self._suspects) + len(self._guilty)

    @property
    def blames(self) -> bool:
        """Whether any page is blamed for anything."""
        return bool(self._files)

    def hear(self, blames: Blames) -> None:
        """What other processes blame pages for: of two that share a crawl, each may have lost one session to a page."""
        for key, losses in blames.items():
            if key not in self._guilty:
                self._blame(key, losses)

    def is_suspect(self, key: str) -> bool:
        return key in self._suspects

    def is_guilty(self, key: str) -> bool:
        return key in self._guilty

    def lost_with(self, keys: Iterable[str], loss: str) -> None:
        """A session was lost; each of these pages may have ended it, and has to be fetched again.

        Args:
            loss: Which one: the same for all processes that notice it.
        """
        for key in keys:
            self._blame(key, [loss])
        while len(self._files) > _MOST_KEPT:
            self._suspects.discard(self._files.popitem(last=False)[0])

    def _blame(self, key: str, losses: Iterable[str]) -> None:
        if key in self._innocent:
            return
        file = self._files.setdefault(key, _Suspicion())
        file.losses.update(losses)
        if len(file.losses) >= BLAMED_UNTIL_SUSPECT:
            self._suspects.add(key)

    def passed(self, keys: Iterable[str]) -> None:
        """These pages were fetched, and the session lived on: they are innocent for good."""
        for key in keys:
            if self._files.pop(key, None) is not None:
                self._suspects.discard(key)
                self._innocent[key] = None
        while len(self._innocent) > _MOST_KEPT:
            self._innocent.popitem(last=False)

    def tried(self, key: str, *, survived: bool, trial: Life, longest: Life) -> Finding:
        """The page was fetched alone, between two probes.

        Args:
            survived: The second probe was good.
            trial: From the login to the second probe.
            longest: The longest life after which such a session was proved good.
        """
        file = self._files.setdefault(key, _Suspicion())
        file.trials += 1
        if survived:
            self.passed([key])
            return Finding.INNOCENT
        lives_longer = longest.requests >= trial.requests and max(longest.seconds, _BLINK_S) >= trial.seconds
        file.lost += lives_longer
        if file.lost < self._enough and file.trials < MOST_TRIALS:
            return Finding.AGAIN
        self._files.pop(key, None)
        self._suspects.discard(key)
        if file.lost < self._enough:
            return Finding.UNTOLD
        self._guilty.add(key)
        return Finding.GUILTY
