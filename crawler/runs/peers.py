"""The other processes of a run: which they are, and what this one may do besides them. On the store's thread.

A process that works alone has none, and none of this costs it anything. See `frontier.shares` for how connections are
agreed upon.
"""

from __future__ import annotations

import json
import time
from typing import Any, Protocol

from crawler.clock import unix_now
from crawler.events import Summary
from crawler.frontier.host_slot import Learned
from crawler.frontier.leases import Hold
from crawler.frontier.shares import Shares
from crawler.quick_dataclass import quick_dataclass
from crawler.runs.host_news import HostNews
from crawler.stores.base import MemberRow, MemberStore, RunRow

_LOOK_S = 1.0  #: how often to look which are there
_UNSETTLED_S = 0.1  #: the same while the others have not agreed, at most
_SOON_S = 0.02  #: this much for each living process: all together look 50 times a second until they agree
_AWAITED_S = 10.0  #: how long to look that often for processes that were woken
_COUNT_S = 2.0  #: how often to write what has been done, while something is
_MARGIN_S = 3.0  #: we stop sending this long before others would take us for dead
#: Fields of a summary that are added up over processes.
_COUNTED = (
    "pages", "unchanged", "not_asked", "items", "rejected", "dropped", "files", "retried", "size_bytes", "logins",
    "restored", "renewed", "rechecked", "callbacks", "seen", "filled", "errors", "messages", "sessions", "ending",
)  # fmt: skip


class Slots(Protocol):
    """The hosts of this process, as far as it shares them."""

    def share(self, shares: Shares, *, changed: bool = True) -> bool:
        """Keep to these from now on. Returns whether no more connections than that are in use."""


@quick_dataclass
class Me:
    """This process as it is known to the others.

    Attributes:
        number: In the run; 0 for the one that began it.
        owner, process: See `MemberRow`.
    """

    run: RunRow
    number: int
    owner: str
    process: str


class NextMeeting:
    """When to look next which processes are there.

    Attributes:
        at: Seconds since 1970.
        living: Processes at the last look, this one too.
    """

    def __init__(self) -> None:
        self.at, self.living = 0.0, 1
        self._awaited, self._awaited_until = 0, 0.0

    def expect(self, count: int, now: float) -> None:
        """This many more are about to come: look for them often, for a while."""
        self._awaited, self._awaited_until = self.living + count, now + _AWAITED_S
        self.at = min(self.at, now + _SOON_S)

    def after(self, now: float, *, agreed: bool) -> None:
        """A look was just taken; *agreed*: all living processes keep to their shares."""
        awaits = self.living < self._awaited and now < self._awaited_until
        self.at = now + (_LOOK_S if agreed and not awaits else min(_SOON_S * self.living, _UNSETTLED_S))


class Peers:
    """The processes of a run, seen from one of them.

    Args:
        news: What is learned about hosts.
        per_host: Connections to one host that all of them together may have.

    Attributes:
        awake: This process works with others; until then the attributes below mean nothing.
        look_at: When to look again, seconds since 1970; infinity while there are no others.
        shares: Our part of the connections; None while there are no others.
        first_is_gone: The process that began the run does not work on it any more.
    """

    def __init__(
        self, members: MemberStore, me: Me, hold: Hold, summary: Summary, news: HostNews, *, per_host: int
    ) -> None:
        self._members, self._me, self._hold, self._summary = members, me, hold, summary
        self._per_host, self._news = per_host, news
        self.look_at, self._next = float("inf"), NextMeeting()
        self.shares: Shares | None = None
        self._stay_at, self._counted = 0.0, (0.0, 0)  # when our pages were last written, and how many
        self._own, self._standing = "", ""  # its state while it has nothing to do
        self._first_is_known, self.first_is_gone = me.number == 0, False

    @property
    def awake(self) -> bool:
        return self.shares is not None

    def begin(self, slots: Slots, now: float) -> None:
        """Work with others from now on; for the first process: before they come."""
        me, alone = self._me, False
        if me.number == 0:
            alone = not self._members.living(me.run.frontier)  # some processes of an earlier run may still be at work
            self._members.join(me.run.id, owner=me.owner, process=me.process, first=True)
        self.shares = Shares(_name(me.run.id, me.number), self._per_host, alone=alone)
        slots.share(self.shares)
        self.look(slots, now)

    def expect(self, count: int, now: float) -> None:
        """This many more processes are about to come: until then this one looks often, and they wait for it."""
        self._next.expect(count, now)
        self.look_at = min(self.look_at, self._next.at)

    def look(self, slots: Slots, now: float) -> bool:
        """See which are there, report ourselves, and agree. Returns whether the shares have changed."""
        shares = self.shares
        if shares is None or now < self._next.at:
            return False
        changed = False
        if now >= self._hold.stays_until:  # we were away for so long that the others continue without us
            shares.forget()
            changed = True
        for _ in range(2):  # once more after our own report: it may have been the last one missing
            changed = self._seen(shares) or changed
            if not (slots.share(shares, changed=changed) and self._first_is_known and shares.agree()):
                break
            self._stay(shares, now)
        if now >= self._stay_at or self._has_counted(now):
            self._stay(shares, now)
        self._next.after(now, agreed=shares.is_settled)
        self.look_at = min(self._next.at, self._news.look_at)
        return changed

    def hear(self, now: float, *, busy: bool) -> list[tuple[str, Learned]]:
        """What others have learned about hosts; see `HostNews.hear`."""
        heard = self._news.hear(now, busy=busy) if self.awake and now >= self._news.look_at else []
        self.look_at = min(self._next.at, self._news.look_at)
        return heard

    def _seen(self, shares: Shares) -> bool:
        living = self._members.living(self._me.run.frontier)
        self._next.living = max(len(living), 1)
        self._first_is_known = self._first_is_known or any(
            each.number == 0 for each in self._members.of(self._me.run.id)
        )
        first = any(each.number == 0 and each.run == self._me.run.id for each in living)
        self.first_is_gone = self._me.number != 0 and self._first_is_known and not first
        return shares.seen({_name(each.run, each.number): each.agrees for each in living})

    def _has_counted(self, now: float) -> bool:
        at, pages = self._counted
        return now >= at + _COUNT_S and self._summary.pages != pages

    def _stay(self, shares: Shares, now: float) -> None:
        life_s = self._members.stay(
            self._me.run.id, self._me.number, agrees=shares.agrees, counted=_text_of(self._summary, self._standing)
        )
        self._hold.stays_until = now + life_s - _MARGIN_S
        self._stay_at, self._counted = now + life_s / 3, (now, self._summary.pages)

    def without_first(self) -> None:
        """Wait no longer for the process that began the run: it is dead, and may never have reported."""
        self._first_is_known = True

    def say_so(self, standing: str) -> None:
        """Nothing is left to do: let the others know all that this process has done, and its state."""
        self._standing = standing
        if self.shares is not None:
            self._stay(self.shares, unix_now())

    def goes_on(self) -> None:
        """There is more to do after all. Tell the others before doing it: this process may be killed."""
        if self._standing:
            self.say_so("")

    def are_gone(self) -> bool:
        """Whether no other process works on the run."""
        return not self._lives_another()

    def leave(self) -> None:
        """The work is done: others may have what was ours."""
        if self.awake:
            counted = self._own or _text_of(self._summary)  # the summary may cover the whole run by now
            self._members.leave(self._me.run.id, self._me.number, counted=counted)

    def others(self, *, patience_s: float = 0.0) -> list[Summary]:
        """What the other processes of the run have done, even killed ones, as far as they could report it.

        Args:
            patience_s: How long to wait for living ones to report that they are done.
        """
        if not self.awake:
            return []
        self._own = _text_of(self._summary)
        ends = time.monotonic() + patience_s
        while self._works_another() and time.monotonic() < ends:
            time.sleep(_UNSETTLED_S)
        rows = self._members.of(self._me.run.id)
        return [_summary_of(self._summary.spider, each) for each in rows if each.number != self._me.number]

    def _lives_another(self) -> bool:
        return bool(self._living_others())

    def _works_another(self) -> bool:
        return any(_summary_of("", each).ending == Summary("").ending for each in self._living_others())

    def _living_others(self) -> list[MemberRow]:
        me, living = self._me, self._members.living(self._me.run.frontier)
        return [each for each in living if each.run == me.run.id and each.number != me.number]


def _name(run: int, number: int) -> str:
    return f"{run}.{number}"


def _text_of(summary: Summary, standing: str = "") -> str:
    counted = {name: getattr(summary, name) for name in _COUNTED}
    return json.dumps(counted | {"ending": standing} if standing else counted)


def _summary_of(spider: str, row: MemberRow) -> Summary:
    stored: dict[str, Any] = json.loads(row.counted)
    return Summary(spider, **{name: stored[name] for name in _COUNTED if name in stored})
