"""Values of cookies as secrets: found in any text, however many there are and however often they change.

A session id comes with an answer, is replaced by the next one, and lets in whoever reads it in a log. Of each cookie of
each jar the last few values are known. A text is searched once, by the first characters of the values: one pattern of
them all would have to be rebuilt for each answer. Values that say something to a person ("de", "accepted", an
address) are not secrets; hiding them would garble the text.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict, deque
from typing import Final
from urllib.parse import quote

from crawler.redaction import HIDDEN, is_secret_name

_START: Final = 4  # characters by which values are looked up
_LAST_VALUES: Final = 3  # of one cookie: an answer to an older request may still be on its way into an error
_MOST_COOKIES: Final = 50_000
_WHOLE_WORDS_BELOW: Final = 12
_LONG: Final = 16
_ADDRESS: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://.*|/.*|[a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,40})*\.[a-z]{2,12}(?::\d+)?)"
)
_LEAST: Final = 6


def lets_in(name: str, value: str) -> bool:
    """Whether the value of a cookie may grant access, judging by its look and its name."""
    text = value.strip('"')
    if len(text) < _START or _ADDRESS.fullmatch(text):
        return False
    mixed = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    if is_secret_name(name):
        return mixed or len(text) >= 2 * _START
    return len(text) >= _LONG or (mixed and len(text) >= _LEAST)


_FEW = 1_000  #: beginnings of values that are looked for one by one


class CookieSecrets:
    """The values of cookies that are hidden. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the three below; `hidden` reads the last one without it
        self._last: OrderedDict[tuple[int, str, str], deque[str]] = OrderedDict()
        self._uses: Counter[str] = Counter()
        self._by_start: dict[str, tuple[str, ...]] = {}

    def remember(self, jar: int, domain: str, name: str, value: str) -> None:
        """From now on *value* is hidden, until this cookie of this jar has had `_LAST_VALUES` others.

        Args:
            jar: Tells the jars of different sessions apart.
        """
        key = (jar, domain, name)
        last = self._last.get(key)
        if (last and last[-1] == value) or not lets_in(name, value):
            return
        with self._lock:
            if last is None:
                last = self._last.setdefault(key, deque())
            last.append(value)
            self._use(value.strip('"'))
            if len(last) > _LAST_VALUES:
                self._forget(last.popleft().strip('"'))
            if len(self._last) > _MOST_COOKIES:
                for old in self._last.popitem(last=False)[1]:
                    self._forget(old.strip('"'))

    def _use(self, value: str) -> None:
        self._uses[value] += 1
        if self._uses[value] == 1:
            for text in {value, quote(value, safe="")}:
                self._by_start[text[:_START]] = (*self._by_start.get(text[:_START], ()), text)

    def _forget(self, value: str) -> None:
        self._uses[value] -= 1
        if self._uses[value]:
            return
        del self._uses[value]
        for text in {value, quote(value, safe="")}:
            left = tuple(each for each in self._by_start[text[:_START]] if each != text)
            if left:
                self._by_start[text[:_START]] = left
            else:
                del self._by_start[text[:_START]]

    def may_be_in(self, text: str) -> bool:
        """Whether a value stands in a long text; also True where there are so many that `hidden` is quicker."""
        if len(self._by_start) > _FEW:
            return True
        for values in list(self._by_start.values()):
            for value in values:
                if value in text:
                    return True
        return False

    def hidden(self, text: str) -> str:
        """*text* without the values."""
        by_start = self._by_start
        if not by_start:
            return text
        shown, position, at, end = [], 0, 0, len(text) - _START + 1
        while at < end:
            values = by_start.get(text[at : at + _START])
            found = max((each for each in values or () if _stands(text, at, each)), key=len, default="")
            if found:
                shown += [text[position:at], HIDDEN]
                position = at = at + len(found)
            else:
                at += 1
        return "".join(shown) + text[position:] if shown else text


def _stands(text: str, at: int, value: str) -> bool:
    """Whether *value* stands in *text* at that place; a short one as a word of its own."""
    if not text.startswith(value, at):
        return False
    if len(value) >= _WHOLE_WORDS_BELOW:
        return True
    before, after = text[at - 1 : at], text[at + len(value) : at + len(value) + 1]
    return not (_in_word(before) or _in_word(after))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


#: of this process: what `crawler.sessions.secrets.hide` hides besides the registered secrets
COOKIES: Final = CookieSecrets()
