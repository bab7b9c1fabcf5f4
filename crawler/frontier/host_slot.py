"""One host: what waits for it, what is under way, how fast, when next, whether at all. No lock, no clock, no I/O.

`engine.host_slots` owns all of them and holds the lock; decisions about one are made here, given the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import Enum

from crawler.events import Event, SlotPaused, Warned
from crawler.frontier.politeness import Allowed, HostHealth
from crawler.outcome import Leased, Outcome
from crawler.pacing import HostWord, slack_s
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.login.manager import LoginManager

ALL = 1 << 30  #: no other process has a share in it
_NO_WORD = HostWord()
_AHEAD = 16  #: ready requests beyond the connections: a group of pages is parsed and committed meanwhile
_LONG_PAUSE_S = 30.0  #: from then on a person is told


class Queue(Enum):
    """Where a slot is looked for."""

    NOWHERE = "nowhere"  #: nothing waits
    TIMER = "timer"  #: its moment has not come
    ROUND = "round"  #: hosts take turns
    FULL = "full"  #: it can take no more until something about it changes


@quick_dataclass(frozen=False)
class Ready:
    """A request that lacks nothing but its turn.

    Attributes:
        latest: For a host with a delay: the moment after which its turn is over, seconds since 1970.
        scout: It is not known whether the host gives answers.
    """

    leased: Leased
    manager: LoginManager
    latest: float | None = None
    scout: bool = False


@quick_dataclass(frozen=False)
class Shared:
    """What all hosts share.

    Attributes:
        allowed: What the settings allow for any host.
        places: Pages that may still be sent before others are committed.
        scouts: Requests that may still go to hosts that have not been heard from.
    """

    allowed: Allowed
    places: int
    scouts: int


@quick_dataclass
class Learned:
    """What follows from an answer for the requests of its host.

    Attributes:
        pause_until: Nothing is sent to it until then, seconds since 1970, or None.
        given_up: It is not asked again in this run.
        slower: Its delay has grown: what was reserved with a shorter one goes back.
        unsent: Ready requests that are not sent: they go back.
        news: What is to be reported.
    """

    pause_until: float | None = None
    given_up: bool = False
    slower: bool = False
    unsent: Sequence[Ready] = ()
    news: Sequence[Event] = ()


@quick_dataclass(frozen=False)
class HostSlot:
    """One host, or one host for a session with a delay of its own.

    Attributes:
        base_s: Delay by the settings.
        crawl_delay_s: Delay that its robots.txt asks for.
        delay_s: Least seconds between two requests now.
        waiting: Leased requests, in the order of their times.
        ready: Those that lack only a connection or a place.
        under_way: Sent, and not answered yet.
        unheeded: What answers have taught and the scheduler has not acted on yet: nothing is sent meanwhile.
        paused_until: It is left alone until then, seconds since 1970.
        error: The error with which it was given up, "" while it was not.
        told: It was reported that it is slowed down.
        place: Where it is looked for while requests wait.
        share: Connections to it that this process may have beside other processes.
        word: What was last told to the other processes, or by them.
    """

    name: str
    health: HostHealth
    base_s: float
    crawl_delay_s: float = 0.0
    delay_s: float = 0.0
    waiting: list[Leased] = field(default_factory=list)  # not a deque: one of those takes 760 bytes while it is empty
    ready: list[Ready] = field(default_factory=list)
    under_way: int = 0
    unheeded: list[Learned] = field(default_factory=list)
    paused_until: float = 0.0
    error: str = ""
    told: bool = False
    place: Queue = Queue.NOWHERE
    share: int = ALL
    word: HostWord = _NO_WORD

    # --- may it be sent? --------------------------------------------------------------------------------------------
    def latest(self, leased: Leased) -> float | None:
        """When the turn of a request is over; None for a host without a delay."""
        return leased.send_at + slack_s(self.delay_s, leased.late_s) if self.delay_s else None

    @property
    def due_at(self) -> float:
        """When the first of those that wait may be sent, seconds since 1970."""
        return max(self.waiting[0].send_at, self.paused_until)

    def connections(self, allowed: Allowed) -> int:
        """How many this process may have: what the health of the host allows, at most its share."""
        most = self.health.connections(allowed)
        return most if most <= self.share else self.share

    def has_room(self, shared: Shared) -> bool:
        """Whether one more request may be made ready: as many as it has connections, and some more.

        Where there is a delay, the time decides when one leaves; while one asks whether a host gives answers, no other
        follows before its answer.
        """
        if self.error:
            return True  # for it to fail
        if self.unheeded or not self.share:
            return False
        count = self.under_way + len(self.ready)
        if not self.health.heard:
            return not count and shared.scouts > 0
        most = self.connections(shared.allowed)
        return count < (most if most == 1 or self.delay_s else most + _AHEAD)

    def send(self, shared: Shared) -> list[Ready]:
        """Take what may be sent now."""
        sent: list[Ready] = []
        if self.unheeded or not self.ready:
            return sent
        most = self.connections(shared.allowed)
        while self.ready and self.under_way < most and (shared.places > 0 or self.ready[0].scout):
            each = self.ready.pop(0)
            self.under_way += 1
            shared.places -= not each.scout
            sent.append(each)
        return sent

    # --- may it be forgotten? ---------------------------------------------------------------------------------------
    @property
    def is_dispensable(self) -> bool:
        """Whether no request concerns it, and nothing is known about it that must be respected."""
        busy = self.waiting or self.ready or self.under_way or self.unheeded or self.place is not Queue.NOWHERE
        return not (busy or self.error or self.delay_s > self.base_s)

    # --- what answers teach -----------------------------------------------------------------------------------------
    def set_delay(self) -> bool:
        """Set the delay from all that have a say in it. True when it has grown."""
        before = self.delay_s
        self.delay_s = max(self.base_s, self.crawl_delay_s, self.health.delay_s)
        return self.delay_s > before

    def learn(self, outcome: Outcome, now: float, allowed: Allowed, *, may_give_up: bool) -> Learned:
        """What an answer says about the host, whatever it says about the page."""
        advice = self.health.observe(
            allowed,
            fault=outcome.host_fault,
            refused=outcome.is_refused,
            elapsed_ms=outcome.elapsed_ms,
            now=now,
            silent=outcome.host_fault and not outcome.status,
        )
        pause_until, news = outcome.pause_slot_until, list[Event]()
        if pause_until is not None and pause_until > max(self.paused_until, now + _LONG_PAUSE_S) + 1.0:
            news.append(SlotPaused(now, self.name, pause_until, "it asked for it (Retry-After)"))
        if advice.pause_until is not None:
            pause_until = max(pause_until or 0.0, advice.pause_until)
            news.append(SlotPaused(now, self.name, pause_until, advice.why))
        if not outcome.host_fault:
            self.error = ""  # it lives after all
        elif advice.give_up and may_give_up and not self.error:
            self.error = outcome.error
            news.append(Warned(now, self.name, f"{advice.why}; given up in this run: {outcome.error}"))
        slower = advice.delay_s != self.delay_s and self.set_delay()
        if slower and not self.told:
            self.told = True
            why = f"slowed down, at first to a request each {self.delay_s:g} s: it answered 429 or 503, or late"
            news.append(Warned(now, self.name, f"{why} (`throttle`)"))
        if pause_until is not None:
            self.paused_until = max(self.paused_until, pause_until)
        unsent: list[Ready] = []
        if pause_until is not None or slower or self.error:
            unsent, self.ready = self.ready, unsent
        learned = Learned(pause_until, bool(self.error), slower, unsent, news)
        if pause_until is not None or slower or self.error or news:
            self.unheeded.append(learned)
        return learned
