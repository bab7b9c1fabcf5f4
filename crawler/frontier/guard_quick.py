"""The quick question before the rules of the guard: whether an address or a text has one of their words at all."""

from __future__ import annotations

from typing import Final

from crawler.frontier.guard_change_words import CREATE, OF_FORUMS, ORDERED, PHRASES, SUBMITS, VERBS
from crawler.frontier.guard_words import DESTRUCTIVE, DESTRUCTIVE_BY_NUMBER, DESTRUCTIVE_OF_ONE, LOGOUT, LOGOUT_ALONE

_IN_PARTS: Final = (
    LOGOUT | LOGOUT_ALONE | DESTRUCTIVE | DESTRUCTIVE_OF_ONE | DESTRUCTIVE_BY_NUMBER | PHRASES
)  # log-out, log/out
_ALONE: Final = VERBS | ORDERED | SUBMITS | OF_FORUMS.keys() | {CREATE}

# Whether what is written so far is one of the words above, or only the beginning of one.
_WHOLE: Final = {word[:length]: False for word in _IN_PARTS for length in range(1, len(word))} | dict.fromkeys(
    _IN_PARTS | _ALONE, True
)
_BEGINNINGS: Final = _WHOLE.keys()


def may_mean_something(words: list[str]) -> bool:
    """Whether some of *words* in a row, written as one, are a word of the guard, or one of them has "logout" in it.

    The quick question before the rules: where the answer is no, none of them applies.
    """
    if not _BEGINNINGS.isdisjoint(words) and _hold_a_word(words):
        return True
    glued = "".join(words)
    return "logo" in glued or "signo" in glued


def _hold_a_word(words: list[str]) -> bool:
    """Each word is looked up, and what follows is added as long as the whole begins a word of the guard."""
    count = len(words)
    for at, word in enumerate(words):
        is_known = _WHOLE.get(word)
        following, longer = at + 1, word
        while is_known is False and following < count:
            longer += words[following]
            is_known = _WHOLE.get(longer)
            following += 1
        if is_known:
            return True
    return False
