"""Invented words and prose, the same for the same seed."""

from __future__ import annotations

import random

_SYLLABLES = ("ba", "den", "lo", "mir", "sa", "tel", "ku", "ran", "vi", "or", "esh", "pol", "ne", "gri", "tam", "u")

LOGIN_PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Log in</title></head><body>
<form id="login" method="post" action="/login"><label>User <input name="username"></label>
<label>Password <input type="password" name="password"></label><button>Log in</button></form></body></html>
"""


class Words:
    """Words, and a long text made of them."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.all = ["".join(draw.choices(_SYLLABLES, k=draw.choice((1, 2, 2, 3, 4)))) for _ in range(4_000)]
        self._prose = " ".join(draw.choices(self.all, k=60_000))

    def word(self, number: int) -> str:
        return self.all[number % len(self.all)]

    def name(self, number: int) -> str:
        """Two words, different for different numbers up to some millions."""
        return f"{self.all[number % 3_989]} {self.all[(number * 7 + 11) % 3_967]}".title()

    def prose(self, number: int, characters: int) -> str:
        """A piece of the text without leading or trailing spaces."""
        start = (number * 7_919) % (len(self._prose) - characters - 1)
        return self._prose[start : start + characters].strip()
