"""What the answers of one session say about it since its last login: plain values, no I/O, no clock.

Most pages do not show by themselves whether somebody is logged in. Such a page counts as certain as soon as something
that was *sent after its answer had come* shows that the session still lived: a page with a way to log out, or the
probe. What is not covered like that when the session turns out to be lost is fetched again, and nothing else is.

How often the session is probed, and how much of it is under way at once, follows from the lives that were seen
(`sessions.login.lives`). Sessions that end after some forty requests are proved after two thirds of what is left of
such a life, again and again, or just before its end where all have been alike, so that each login brings nearly all
the pages that it is good for; where no session has ended yet, only every so many pages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.login.lives import KnownLives, Lives, Next, next_where_pages_show_us, pages_until_probe

#: Answers of these statuses prove nothing: a member may lack the right to a page, and a guest lacks it, too.
REFUSALS: Final = frozenset({401, 402, 403, 404, 410, 419, 440, 498, 499})
_NUMBER: Final = re.compile(r"[0-9a-f]{8,}(?:-[0-9a-f]{4,}){0,4}|\d+", re.IGNORECASE)
_MOST_ROUTES: Final = 1_000
_MOST_PATIENCE: Final = 64  # refusals in a row after which the session is probed in any case


@quick_dataclass
class Answered:
    """A page that came back without a proof. Times in seconds since 1970; *led_to* is where redirects ended."""

    id: int
    url: str
    sent_at: float
    answered_at: float
    led_to: str = ""


@quick_dataclass
class Life:
    """How long a session lived: requests that it answered since its login, and seconds."""

    requests: int = 0
    seconds: float = 0.0


@quick_dataclass
class Loss:
    """What is lost with a session.

    Attributes:
        uncovered: Pages after which nothing has shown that it lived.
        since: Sending time of the first of them, or None when there is none.
        answered: Requests that it had answered since its login.
        alone: Those of them that were sent one by one, because it had outlived the sessions before; 0 where its last
            request was sent like that, too.
    """

    uncovered: tuple[Answered, ...]
    since: float | None
    answered: int = 0
    alone: int = 0


@quick_dataclass(frozen=False)
class SinceLogin:
    """What was seen of a session since it logged in.

    Attributes:
        good: Requests that it has answered; *good_at_proof*: when it was proved good last.
        used: Requests handed out, probes included.
        alone: Those that were sent one by one, because it had outlived the sessions before; *left_alone*: the last one.
        untouched: Nothing was sent since it was proved good last.
        whole: All its requests are known to us.
    """

    began_at: float
    epoch: int
    good: int = 0
    good_at_proof: int = 0
    used: int = 0
    alone: int = 0
    left_alone: bool = False
    untouched: bool = True
    whole: bool = True


class Evidence:
    """What is known about one session. Used by one thread.

    Args:
        probe_every: Most unproven pages before the session is probed; 0 for never.
        known: What earlier runs know of the lives of such sessions.

    Attributes:
        lives: Of the last sessions.
        login: What was seen since the last one.
        longest: The longest life after which a session of this account was proved good.
    """

    def __init__(self, probe_every: int, known: KnownLives = KnownLives()) -> None:
        self._probe_every, self._known = probe_every, known
        self._open: dict[int, Answered] = {}
        self.lives = Lives(known)
        self._plain = known.plain  # the last page did not prove itself: nor will the next ones
        self.login = SinceLogin(0.0, 0)
        self._ended = -1  # the epoch that ended last
        self.longest = Life()

    def begin(self, now: float, epoch: int = 0) -> None:
        """There is a new login, proved good."""
        self._open.clear()
        self.login = SinceLogin(now, epoch)

    def take_over(self, now: float, epoch: int) -> None:
        """There is a session that somebody has logged in before, proved good just now."""
        self.begin(now, epoch)
        login = self.login
        login.whole = epoch == self._known.epoch  # else nobody knows how many requests it has made
        if login.whole:
            login.good = login.good_at_proof = login.used = self._known.answered + 1

    @property
    def known(self) -> KnownLives:
        """For later runs."""
        login = self.login
        return KnownLives(self.lives.last, self._plain, login.epoch if login.whole else 0, login.good)

    @property
    def uncovered(self) -> int:
        """Pages after which nothing has shown that the session lived."""
        return len(self._open)

    @property
    def led_to(self) -> list[str]:
        """Where redirects of such pages ended."""
        return [page.led_to for page in self._open.values() if page.led_to]

    def age_s(self, now: float) -> float:
        """Seconds since the login."""
        return max(now - self.login.began_at, 0.0)

    def handed_out(self, under_way: int = 0) -> None:
        """A request is on its way, beside *under_way* others of this session."""
        login, expected = self.login, self.lives.shortest
        login.left_alone = not under_way and expected is not None and login.good >= expected
        login.alone += login.left_alone
        login.used += 1
        login.untouched = False

    def unsent(self) -> None:
        """It came back without having been sent."""
        self.login.used -= 1

    def answered(self, page: Answered) -> None:
        """A page came back that does not show whether we are logged in."""
        self.login.good += 1
        self._plain = True
        self._open[page.id] = page

    def certain(self) -> None:
        """A page came back that is certain by itself, and says nothing about others."""
        self.login.good += 1
        self._plain = False

    def shown(self, sent_at: float, now: float) -> list[Answered]:
        """A page that was sent at *sent_at* shows that we are logged in. Returns the pages that are certain now."""
        self.login.good += 1
        self._plain = False
        return self._prove(sent_at, now)

    def probed(self, at: float, now: float) -> list[Answered]:
        """The probe, sent at *at*, shows that we are logged in. Returns the pages that are certain now."""
        self.login.good += 1
        self.login.used += 1
        self.login.untouched = True
        return self._prove(at, now)

    def _prove(self, at: float, now: float) -> list[Answered]:
        login, longest, age_s = self.login, self.longest, self.age_s(now)
        login.good_at_proof = login.good
        if login.good > longest.requests or age_s > longest.seconds:
            self.longest = Life(max(login.good, longest.requests), max(age_s, longest.seconds))
        passed = [page for page in self._open.values() if page.answered_at <= at]
        for page in passed:
            del self._open[page.id]
        return passed

    def lost(self, late: int = 0, *, by_itself: bool = True) -> Loss:
        """The session has ended.

        Args:
            late: Pages that came back without a sign after the first one that had it, less those that a guest got.
            by_itself: As far as is known; False when a page or somebody else has ended it.
        """
        login = self.login
        alone = 0 if login.left_alone else login.alone
        if by_itself and (login.whole or not self.lives.last):
            self.lives.ended(login.good + late)
            self._ended = login.epoch
        return replace(self.given_up(), answered=login.good + late, alone=alone)

    def came_late(self, epoch: int) -> None:
        """A page of the session of *epoch* came in after the next login."""
        if epoch == self._ended:
            self.lives.came_late()

    def vouch(self, guarded: Guarded) -> None:
        """Pages of these routes are certain: a guest would have been refused."""
        self._open = {number: page for number, page in self._open.items() if not guarded.covers(page.url)}

    def given_up(self) -> Loss:
        """Nobody will prove its last pages any more."""
        pages = tuple(self._open.values())
        self._open.clear()
        return Loss(pages, min((page.sent_at for page in pages), default=None))

    def next(self, under_way: int) -> Next:
        """Whether one more request of the session may leave.

        Args:
            under_way: Its requests that have not come back.
        """
        if not self._probe_every:
            return Next.GO
        if not self._plain:
            return next_where_pages_show_us(self.lives, self.login.good, under_way)
        most = pages_until_probe(self._probe_every, self.lives, self.login.good_at_proof, whole=self.login.whole)
        return Next.PROBE if len(self._open) + under_way >= most else Next.GO


class Guarded:
    """Routes that refuse a guest by 401, or in data: whatever else they answer, with success, was fetched logged in.

    Learned from sessions that were lost. A route is an address without numbers and the values of its arguments: of
    ``/orders/7?page=2`` and ``/orders/8?page=1`` one answers as the other does. What it brings is certain by itself
    and proves nothing of others. Pages do not count, whatever they show to a guest: of the articles under one address
    some may be for everybody, shorter than for members.
    """

    def __init__(self) -> None:
        self._routes: set[str] = set()

    def learn(self, url: str) -> None:
        """*url* refused us, and the session was indeed lost."""
        if len(self._routes) < _MOST_ROUTES:
            self._routes.add(route_of(url))

    def covers(self, url: str) -> bool:
        """Whether *url* refuses a guest, by what is known."""
        return bool(self._routes) and route_of(url) in self._routes


def route_of(url: str) -> str:
    """An address without what changes from page to page: numbers, identifiers, the values of arguments."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = _NUMBER.sub("#", parts.path)
    names = ",".join(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))
    return f"{parts.scheme}://{parts.netloc}{path}?{names}"


class RefusalPatience:
    """How many refusals in a row are allowed before the session is probed: one at first, twice as many after each good
    probe, and one again after refusals that did mean the end of a session."""

    def __init__(self) -> None:
        self._borne: Counter[int] = Counter()

    def is_over(self, refusals: Iterable[int]) -> bool:
        """Whether these refusals (their statuses) are enough to ask the probe."""
        counts = Counter(refusals)
        return any(count > self._borne[status] for status, count in counts.items())

    def meant_nothing(self, refusals: Iterable[int]) -> None:
        """The probe has shown that the session was good all the same."""
        for status in set(refusals):
            self._borne[status] = min(2 * self._borne[status] + 1, _MOST_PATIENCE - 1)

    def meant_the_end(self, refusals: Iterable[int]) -> None:
        """The session was lost."""
        for status in set(refusals):
            self._borne[status] = 0
