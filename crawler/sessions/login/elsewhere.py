"""Whether somebody else uses the account at the same time, on a site that allows one session an account. Pure.

There each login ends the session of the other side. Logging in at once, again and again, shuts a person out of their
own work, and brings a page each time at best. Where the site says that this is so, the logins that follow such an end
wait, longer each time; where it does not, there may be another reason, and it is only told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from crawler.late_pattern import late_pattern
from crawler.sessions.login.page_marks import plain_text

if TYPE_CHECKING:
    from crawler.response import Response

SHORT_S: Final = 10.0  #: a session that ended within it
SHORT_WHERE_SAID_S: Final = 120.0  #: the same where the site has said that somebody else has logged in
FIRST_PAUSE_S: Final = 2.0  #: then twice as long each time
LONGEST_PAUSE_S: Final = 300.0
_ENOUGH_WHERE_SAID: Final = 2  # in a row
_ENOUGH: Final = 5
_MOST_BYTES: Final = 100_000
_MOST_QUOTED: Final = 120
_AND_SAYS: Final = ", and the page says: "

_ANOTHER: Final = r"(?:an)?(?:other|different|new|second)"
_PLACE: Final = (
    r"(?:device|browser|computer|location|place|machine|terminal|work ?station|client|ip|address|session|user)"
)
_SAID: Final = late_pattern(
    rf"(?:logged|signed)[ -]?(?:in|on|out|off)\b[^.!?]{{0,60}}\b{_ANOTHER}\b[^.!?]{{0,20}}\b{_PLACE}"
    rf"|\b{_ANOTHER}\b[^.!?]{{0,20}}\b(?:{_PLACE}|person)\b[^.!?]{{0,40}}\b(?:logged|signed)[ -]?(?:in|on)\b"
    r"|(?:logged|signed)[ -]?(?:in|on) (?:from |somewhere )?else(?:where)?\b|someone else (?:has )?(?:logged|signed)"
    r"|(?:account|session|license|login)\b[^.!?]{0,30}\b(?:used|active|open(?:ed)?|in use) (?:elsewhere|somewhere else)"
    rf"|(?:account|session|login)\b[^.!?]{{0,30}}\b(?:used|active|open(?:ed)?|in use|started|begun)\b[^.!?]{{0,20}}"
    rf"\b{_ANOTHER} {_PLACE}"
    r"|(?:concurrent|simultaneous|duplicate|multiple) (?:log-?ins?|sign-?ins?|sessions?)\b"
    r"|(?:ander|weiter)e[nmrs]? (?:ger[aä]t|browser|computer|rechner|ort|sitzung)\b[^.!?]{0,30}\bangemeldet"
    r"|anderweitig angemeldet"
    r"|an anderer stelle angemeldet|connect[ée]e?\b[^.!?]{0,30}\bun(?:e)? autre\b"
    r"|(?:iniciado|abierto) sesi[oó]n\b[^.!?]{0,30}\botro\b",
    re.IGNORECASE,
)
_STEMS: Final = (
    b"ther",
    b"diff",
    b"new ",
    b"second",
    b"else",
    b"simult",
    b"concurr",
    b"duplic",
    b"multip",
    b"ander",
    b"autre",
    b"otro",
)
_SENTENCE_ENDS: Final = late_pattern(r"[.!?]\s|[.!?]\Z")


def with_word_of_another(reason: str, response: Response) -> str:
    """*reason* of being logged out, and what the page says where it says that somebody else has logged in."""
    body = response.content[:_MOST_BYTES]
    lower = body.lower()
    if not any(stem in lower for stem in _STEMS):
        return reason
    text = plain_text(body.decode("utf-8", "replace"))
    found = _SAID.search(text)
    if found is None:
        return reason
    end = _SENTENCE_ENDS.search(text, found.end())
    stop = end.start() if end is not None else found.end()
    begin = max([0, *(each.end() for each in _SENTENCE_ENDS.finditer(text, 0, found.start()))])
    begin = begin if found.start() - begin < _MOST_QUOTED // 2 else found.start()
    return f'{reason}{_AND_SAYS}"{text[begin : max(min(stop, begin + _MOST_QUOTED), found.end())]}"'


class Elsewhere:
    """How the logins of one session ended.

    It is heard by whoever finds it logged out, waited for by the thread that prepares it, and told by the scheduler
    after that: one at a time for a session, as its states are.

    Attributes:
        said: What a page said of somebody else's login; "" for nothing.
        in_a_row: Sessions made by good logins that ended within seconds.
    """

    def __init__(self) -> None:
        self.said, self.in_a_row = "", 0
        self._epoch, self._due, self._told = 0, 0.0, False

    def heard(self, reason: str) -> None:
        """Why a page was taken for logged out."""
        self.said = reason.partition(_AND_SAYS)[2] or self.said

    def pause_s(self, epoch: int, logged_in_at: float | None, now: float) -> float:
        """How long the next login waits, since the session of *epoch* has ended; times in seconds since 1970."""
        if epoch != self._epoch and logged_in_at is not None:
            self._epoch = epoch
            lived_s = now - logged_in_at
            self.in_a_row = self.in_a_row + 1 if lived_s < (SHORT_WHERE_SAID_S if self.said else SHORT_S) else 0
            more = self.in_a_row - _ENOUGH_WHERE_SAID
            self._due = (
                now + min(FIRST_PAUSE_S * 2.0 ** min(more, 16), LONGEST_PAUSE_S) if self.said and more >= 0 else 0.0
            )
        return max(self._due - now, 0.0)

    @property
    def why(self) -> str:
        """What is to be told while a login waits."""
        return f"the account is in use elsewhere: the page says {self.said}"

    def news(self, session: str, *, explained: bool) -> str:
        """What is to be told, once; "" for nothing.

        Args:
            explained: There is another reason: all ended after equally many requests, or before the first one.
        """
        if (
            self._told
            or self.in_a_row < (_ENOUGH_WHERE_SAID if self.said else _ENOUGH)
            or (explained and not self.said)
        ):
            return ""
        self._told = True
        if self.said:
            return (
                f"session {session!r}: the account is in use elsewhere: {self.in_a_row} sessions in a row ended within"
                f" seconds of their login, and the page says {self.said}; each login of ours may end the other one, so"
                " they wait longer each time; give the crawl an account of its own, or crawl when nobody uses it"
            )
        return (
            f"session {session!r}: {self.in_a_row} sessions in a row ended within seconds of their login: the account"
            " may be in use elsewhere, on a site that allows one session an account, or sessions are good for few"
            " requests there; an account of its own would tell"
        )
