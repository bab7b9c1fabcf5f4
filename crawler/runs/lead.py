"""Which member of a run leads, and what people tell this one: checked every few seconds. On the store's thread.

The one that *leads* records how the run ended. At first that is the process which began the run. When it is dead, or
has left, another one does so; a run whose first process was killed ends like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from crawler.errors import StoreError
from crawler.output.live import DONE, LEAVING, PAUSED, WORKING, process_words
from crawler.quick_dataclass import quick_dataclass
from crawler.runs.heartbeat import Heartbeat
from crawler.runs.orders import Orders, orders_of
from crawler.runs.together import Together
from crawler.stores.base import RunRow, Store

LOOK_S: Final = 2.0
_LAST_LOOK_S: Final = 0.1  #: while nothing is left to do
_PATIENCE_S: Final = 2.0  #: longest wait of the leader for the final reports of the others
DRAINED: Final = "drained"


@quick_dataclass
class Role:
    """What this process is in the run.

    Attributes:
        number: 0 for the one that began it.
        process: How it is named to a person.
        joined_at: Seconds since 1970 by the store's clock.
        shared: Members on other machines may join.
        forked: Another process of the run has forked it, and reports what it does.
        alive: Called with each look: this process's loop is running.
    """

    number: int
    process: str
    joined_at: float
    shared: bool
    forked: bool = False
    alive: Callable[[], None] = lambda: None


class Lead:
    """Which process leads the run, and whether this one may send, has to leave, or may end.

    Args:
        on_lead: Called when this process begins to lead in place of a dead one.

    Attributes:
        recorded: It has recorded the end.
        handed_over: It led and has left; others continue the run.
        paused: Nothing new may be sent.
        leaving: Why this process is to finish its pages and leave; "" while it is not.
    """

    def __init__(
        self,
        store: Store,
        run: RunRow,
        place: Role,
        heartbeat: Heartbeat,
        together: Together,
        on_lead: Callable[[], None],
    ) -> None:
        self._store, self._run, self._place, self._on_lead = store, run, place, on_lead
        self._heartbeat, self._together = heartbeat, together
        self.handed_over, self.recorded = False, False
        self.paused, self.leaving = False, ""
        self._look_at, self._done_at = 0.0, 0.0

    @property
    def leads(self) -> bool:
        """This process records how the run ends."""
        return self._together.leads

    @property
    def _is_one_of_many(self) -> bool:
        return self._place.shared and not self._place.forked

    @property
    def waits_for_end(self) -> bool:
        """Nothing is left for this process."""
        return self._done_at > 0

    def state(self, stopped_by: str) -> str:
        """The state of this process, for those who watch.

        Args:
            stopped_by: Why it takes nothing new; "" while it does.
        """
        if stopped_by:
            return LEAVING
        return PAUSED if self.paused else DONE if self.waits_for_end else WORKING

    def due_at(self, under_way: int, stopped_by: str) -> float:
        """When to look again, seconds since 1970."""
        return min(self._look_at, self._heartbeat.due_at(under_way, self.state(stopped_by)))

    def look(self, now: float, under_way: int, stopped_by: str, *, with_others: bool) -> None:
        """Read what others report, and report our own state, when it is due.

        Args:
            under_way: Requests that this process has out.
            stopped_by: Why it takes nothing new; "" while it does.
            with_others: Other processes work on the run, so that one of them may be dead.
        """
        if now >= self._look_at:
            self._look_at = now + (_LAST_LOOK_S if self._done_at else LOOK_S)
            self._place.alive()
            self._look(with_others)
        self._heartbeat.beat(now, under_way, self.state(stopped_by), leads=self.leads)

    def _look(self, with_others: bool) -> None:
        """Read what others report. A store that cannot be read shows up in other ways."""
        try:
            self._follow(orders_of(self._store.values, self._run.id))
            if with_others:
                self._store.members.sweep(self._run.id)
                if self.leads:
                    self._together.words = process_words(self._store, self._run.id)
                elif self._is_one_of_many:
                    self._take_over()
        except StoreError:
            pass  # the next commit meets the same trouble, and knows what to do about it

    def _follow(self, orders: Orders) -> None:
        number = self._place.number
        self.paused = orders.pauses(number)
        if orders.drains(number, self._place.joined_at):
            self.leaving = self.leaving or DRAINED

    def _take_over(self) -> None:
        """Lead in place of a dead process; nothing happens while it lives."""
        if self._store.runs.take_over(self._run.id, process=self._place.process):
            self._together.leads = True
            self._on_lead()

    def may_end(self, now: float, say_so: Callable[[], None]) -> bool:
        """Nothing is left to do: whether this process may end.

        The leader waits a moment for the final reports of the others, whose figures are part of its summary; the others
        wait until it has recorded the end, since they would have to do so if it were dead.

        Args:
            say_so: Tells the others what this one has done.
        """
        if not self._is_one_of_many:
            return True
        if not self._done_at:
            self._done_at, self._look_at = now, 0.0
            say_so()
        if not self.leads:
            return bool(self.leaving)
        others = [each for each in self._together.words if each.number != self._place.number and not each.gone]
        return all(each.state != WORKING for each in others) or now > self._done_at + _PATIENCE_S

    def goes_on(self) -> None:
        """There is more to do after all."""
        self._done_at = 0.0

    def ends_run(self, leave: Callable[[], bool], *, stopped: bool) -> bool:
        """At the end: whether this process records the end of the run.

        Args:
            leave: Announces that we leave; returns whether no other process works on the run.
            stopped: This process was told to leave: others continue the run.
        """
        if not self._is_one_of_many or (self.leads and not stopped):
            return self.leads
        alone = leave()
        if self.leads and not alone:
            self._store.runs.leave(self._run.id)
            self._together.leads, self.handed_over = False, True
        elif alone and not self.leads:
            self._together.leads = self._store.runs.take_over(self._run.id, process=self._place.process)
        return self.leads

    def records(self, end: Callable[[], bool]) -> None:
        """Record the end with *end*, which returns whether it had not been recorded before."""
        self.recorded = end()
