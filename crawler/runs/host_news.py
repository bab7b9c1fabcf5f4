"""What the processes of a run learn about hosts, shared through the rows of the hosts. On the store's thread.

A process that holds requests looks ten times a second: for that long, a pause asked of one process is unknown to the
others. A process that works alone does none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from crawler.frontier.host_slot import HostSlot, Learned
from crawler.pacing import HostWord
from crawler.stores.base import SlotStore

_BUSY_S, _IDLE_S = 0.1, 1.0  #: how often to look while requests are held, and otherwise
_OVERLAP_S = 5.0  #: news may be seen this much later than its moment, if its transaction took that long
_BEFORE_S = 600.0  #: news from before this process joined, no older than this


class Hosts(Protocol):
    """The hosts that a process knows."""

    def get(self, name: str) -> HostSlot | None: ...

    def adopt(self, name: str, word: HostWord, now: float) -> Learned | None:
        """Adopt what another process has learned. Returns what follows for waiting requests."""

    def news(self, name: str) -> HostWord | None:
        """What the other processes do not know; None where there is nothing."""

    def told(self, name: str, word: HostWord) -> None:
        """The others know this now."""

    def take_changed(self) -> set[str]:
        """Hosts about which something was learned since the last call."""


class HostNews:
    """Shares and takes in what is learned about hosts.

    Args:
        also: What else is shared, with the seconds after which it is called again.

    Attributes:
        look_at: When to look again, seconds since 1970.
    """

    def __init__(self, slots: SlotStore, hosts: Hosts, run: int, also: Mapping[Callable[[], None], float]) -> None:
        self._slots, self._hosts, self._run, self._also = slots, hosts, run, also
        self._also_at = dict.fromkeys(also, 0.0)
        self.look_at = 0.0
        self._since = 0.0
        self._words: dict[str, HostWord] = {}  # of hosts with which something is wrong

    def hear(self, now: float, *, busy: bool) -> list[tuple[str, Learned]]:
        """Adopt what was learned elsewhere, and share what was learned here.

        Args:
            busy: Requests are held.
        Returns:
            Hosts, with what follows for waiting requests.
        """
        self.look_at = now + (_BUSY_S if busy else _IDLE_S)
        for name, word in self._slots.told(self._since or now - _BEFORE_S, run=self._run).items():
            self._since = max(self._since, word.at - _OVERLAP_S)
            self._words[name] = word
        followed = [(name, self._hosts.adopt(name, word, now)) for name, word in self._words.items()]
        for also, every_s in self._also.items():
            if now >= self._also_at[also]:
                also()
                self._also_at[also] = now + every_s
        self._tell({*self._words, *self._hosts.take_changed()})
        self._words = {
            name: word
            for name, word in self._words.items()
            if not (word.is_good and word.paused_until < now and word.at < now - _OVERLAP_S)
        }
        return [(name, learned) for name, learned in followed if learned is not None]

    def _tell(self, names: Iterable[str]) -> None:
        words = {name: word for name in names if (word := self._hosts.news(name)) is not None}
        if not words:
            return
        back = {}
        for name, word in words.items():
            slot = self._hosts.get(name)
            if slot is not None and slot.word.openings and not word.openings:
                back[name] = slot.delay_s
        at = self._slots.tell(words, run=self._run, free_after=back)
        for name, word in words.items():
            told = HostWord(at, word.paused_until, word.crawl_delay_s, word.slowed_s, word.openings, word.given_up)
            self._words[name] = told
            self._hosts.told(name, told)
