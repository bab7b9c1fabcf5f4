"""Which page ends the session when it is fetched: suspicion, trial, verdict. Plain values, no I/O, no clock.

That a session is gone after a page was asked for says little: sessions end by themselves, and whatever is under way
then shows it. So a page is only *blamed* for a loss that it may have caused and after which it has to be fetched again.
One that was blamed twice is a *suspect*: it waits until all else is done, and is then *tried*: alone, between two
probes. When the session lives, it is innocent for good. When it is gone, that counts only where sessions are known to
live longer than the trial took (else a session of four requests convicts every page), and only the second such loss
convicts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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


@dataclass(slots=True)
class _Suspicion:
    blamed: int = 0
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

    def keys(self) -> frozenset[str]:
        """Pages that are to be tried."""
        return frozenset(self._suspects)

    def accuse(self, keys: Iterable[str]) -> None:
        """Others suspect these pages: whoever is not known here is a suspect, too."""
        for key in keys:
            if key not in self._innocent and key not in self._guilty:
                self._files.setdefault(key, _Suspicion()).blamed = BLAMED_UNTIL_SUSPECT
                self._suspects.add(key)

    def is_suspect(self, key: str) -> bool:
        return key in self._suspects

    def is_guilty(self, key: str) -> bool:
        return key in self._guilty

    def lost_with(self, keys: Iterable[str]) -> None:
        """A session was lost; each of these pages may have ended it, and has to be fetched again."""
        for key in dict.fromkeys(keys):
            if key in self._innocent:
                continue
            file = self._files.setdefault(key, _Suspicion())
            file.blamed += 1
            if file.blamed >= BLAMED_UNTIL_SUSPECT:
                self._suspects.add(key)
        while len(self._files) > _MOST_KEPT:
            self._suspects.discard(self._files.popitem(last=False)[0])

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
