"""Whether a site replaces its cookie with every answer, so that a session can send one request at a time only.

Such a site refuses whatever was sent with the cookie before the last one: pages of a good session show the logged-out
sign. So may pages that show a login form to everybody, and many sites set a cookie with each answer that changes
nothing. What tells them apart: sent again alone, the refused page comes. So the session goes on one request at a time
on trial, until the pages that were refused have come again, or not. Where the site ends the session instead, several
sessions in a row end after a few requests; so they do where pages log out, or where all sessions are short. The next
one sends one request at a time on probation: where it lives longer than those, the cookie was the cause; where it does
not, it was not, and this is not tried again. Plain values, no I/O, no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

_LAST: Final = 32  # answers that are looked at
_ENOUGH: Final = 2  # pages that were refused, and that came when they were sent again alone
_SHORT_LIVES: Final = 3  # sessions in a row that ended soon
_SOON: Final = 10  # requests


class _Phase(Enum):
    TOGETHER = auto()
    TRIAL = auto()
    PROBATION = auto()
    IN_TURN = auto()


class Rotation:
    """What the answers of one session say about its cookie. Used by one thread."""

    def __init__(self) -> None:
        self._state, self._told = _Phase.TOGETHER, False
        self._changes: deque[bool] = deque(maxlen=_LAST)  # of the last answers with a page: it set a cookie
        self._lives: deque[int] = deque(maxlen=_SHORT_LIVES)
        self._refused = 0  # since the last trial
        self._waiting: set[int] = set()  # refused pages that have not come again
        self._came = self._again = 0
        self._alone = 0  # answers since the probation began
        self._other_cause = False  # a session on probation ended as soon as the others

    @property
    def in_turn(self) -> bool:
        """Whether only one request may be under way."""
        return self._state is not _Phase.TOGETHER

    def is_news(self) -> bool:
        """Whether it has become certain since the last call that this is so for good."""
        news, self._told = (
            self._state is _Phase.IN_TURN and not self._told,
            self._told or self._state is _Phase.IN_TURN,
        )
        return news

    def answered(self, page: int, *, changes_cookies: bool) -> bool:
        """A page came without the logged-out sign. Whether that says something new."""
        self._changes.append(changes_cookies)
        if self._state is _Phase.PROBATION:
            self._alone += 1
            if self._alone > _SOON:
                self._state = _Phase.IN_TURN
                return True
        if page not in self._waiting:
            return False
        self._came += 1
        self._has_come(page)
        return True

    def refused(self, pages: Iterable[int]) -> None:
        """The probe was good, but these pages showed the sign."""
        for page in pages:
            self._again += page in self._waiting and self._state is _Phase.TRIAL
            self._refused += 1
            self._waiting.add(page)
        if self._state is _Phase.TOGETHER and self._refused >= _ENOUGH and self.changing:
            self._state = _Phase.TRIAL

    def failed(self, page: int) -> None:
        """It shows the sign whenever it is sent."""
        self._again += 1
        self._has_come(page)

    def lost(self, answered: int) -> None:
        """The session has ended by itself, after so many requests that it answered.

        Those that were sent one by one because it outlived the sessions before do not count: one by one a session
        lives where the cookie rotates, too.
        """
        if self._state is _Phase.PROBATION and answered <= _SOON:
            self._state, self._other_cause = _Phase.TOGETHER, True
        self._lives.append(answered)
        soon = len(self._lives) >= _SHORT_LIVES and max(self._lives) <= _SOON
        if soon and self.changing and not self._other_cause and self._state is not _Phase.IN_TURN:
            self._state, self._alone = _Phase.PROBATION, 0

    @property
    def changing(self) -> bool:
        """Whether most answers set a cookie."""
        return 2 * sum(self._changes) > len(self._changes)

    def _has_come(self, page: int) -> None:
        self._waiting.discard(page)
        if self._state is not _Phase.TRIAL:
            return
        if self._came >= _ENOUGH and self._came > self._again:
            self._state = _Phase.IN_TURN
        elif not self._waiting:
            self._state = _Phase.TOGETHER
            self._refused = self._came = self._again = 0
