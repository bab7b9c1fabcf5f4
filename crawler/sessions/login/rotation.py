"""Whether a site replaces its cookie with every answer, so that a session can send one request at a time only.

Such a site refuses whatever was sent with the cookie before the last one: pages of a good session show the logged-out
sign. So may pages that show a login form to everybody, and many sites set a cookie with each answer that changes
nothing. What tells them apart: sent again alone, the refused page comes. So the session goes on one request at a time
on trial, until the pages that were refused have come again, or not. Where the site ends the session instead, there is
nothing to try: several sessions in a row that ended after a few requests are enough. Plain values, no I/O, no clock.
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


class _State(Enum):
    TOGETHER = auto()
    TRIAL = auto()
    IN_TURN = auto()


class Rotation:
    """What the answers of one session say about its cookie. Used by one thread."""

    def __init__(self) -> None:
        self._state, self._told = _State.TOGETHER, False
        self._changes: deque[bool] = deque(maxlen=_LAST)  # of the last answers with a page: it set a cookie
        self._lives: deque[int] = deque(maxlen=_SHORT_LIVES)
        self._refused = 0  # since the last trial
        self._waiting: set[int] = set()  # refused pages that have not come again
        self._came = self._again = 0

    @property
    def in_turn(self) -> bool:
        """Whether only one request may be under way."""
        return self._state is not _State.TOGETHER

    def is_news(self) -> bool:
        """Whether it has become certain since the last call that this is so for good."""
        news, self._told = self._state is _State.IN_TURN and not self._told, self._told or self._state is _State.IN_TURN
        return news

    def answered(self, page: int, *, sets_cookies: bool) -> bool:
        """A page came without the logged-out sign. Whether that says something new."""
        self._changes.append(sets_cookies)
        if page not in self._waiting:
            return False
        self._came += 1
        self._has_come(page)
        return True

    def refused(self, pages: Iterable[int]) -> None:
        """The probe was good, but these pages showed the sign."""
        for page in pages:
            self._again += page in self._waiting and self._state is _State.TRIAL
            self._refused += 1
            self._waiting.add(page)
        if self._state is _State.TOGETHER and self._refused >= _ENOUGH and self.changing:
            self._state = _State.TRIAL

    def failed(self, page: int) -> None:
        """It shows the sign whenever it is sent."""
        self._again += 1
        self._has_come(page)

    def lost(self, answered: int) -> None:
        """The session has ended by itself, after so many requests that it answered.

        Those that were sent one by one because it outlived the sessions before do not count: one by one a session
        lives where the cookie rotates, too.
        """
        self._lives.append(answered)
        if len(self._lives) >= _SHORT_LIVES and max(self._lives) <= _SOON and self.changing:
            self._state = _State.IN_TURN

    @property
    def changing(self) -> bool:
        """Whether most answers set a cookie."""
        return 2 * sum(self._changes) > len(self._changes)

    def _has_come(self, page: int) -> None:
        self._waiting.discard(page)
        if self._state is not _State.TRIAL:
            return
        if self._came >= _ENOUGH and self._came > self._again:
            self._state = _State.IN_TURN
        elif not self._waiting:
            self._state = _State.TOGETHER
            self._refused = self._came = self._again = 0
