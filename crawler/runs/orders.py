"""What people see of a run's members, and the orders they give them: `crawl workers`, `pause`, `resume`, `drain`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Literal

from crawler.errors import UsageError
from crawler.output.live import LEAVING, ProcessState, process_words
from crawler.quick_dataclass import field_names, quick_dataclass
from crawler.stores.base import RunRow, Store, ValueStore

What = Literal["pause", "resume", "drain"]
_KEPT_S = 7 * 86_400.0  #: for a run whose end was not recorded


@quick_dataclass
class Orders:
    """What people have told the members of a run, by their numbers.

    Attributes:
        paused: All members send nothing new.
        paused_ones: These members send nothing new.
        going_ones: These go on although all others are paused.
        drained_at: Those that had joined by then finish their pages and leave; 0 for none.
        drained_ones: So do these.
    """

    paused: bool = False
    paused_ones: frozenset[int] = frozenset()
    going_ones: frozenset[int] = frozenset()
    drained_at: float = 0.0
    drained_ones: frozenset[int] = frozenset()

    def pauses(self, number: int) -> bool:
        """Whether this member sends nothing new."""
        return number in self.paused_ones or (self.paused and number not in self.going_ones)

    def drains(self, number: int, joined_at: float) -> bool:
        """Whether this member finishes its pages and leaves."""
        return number in self.drained_ones or joined_at <= self.drained_at

    def also(self, what: What, numbers: Collection[int] | None, now: float) -> Orders:
        """The orders with one more added, for these members; None for all."""
        none = frozenset[int]()
        if numbers is None:
            if what == "drain":
                return replace(self, drained_at=now)
            return replace(self, paused=what == "pause", paused_ones=none, going_ones=none)
        given = frozenset(numbers)
        if what == "drain":
            return replace(self, drained_ones=self.drained_ones | given)
        if what == "pause":
            return replace(self, paused_ones=self.paused_ones | given, going_ones=self.going_ones - given)
        return replace(self, paused_ones=self.paused_ones - given, going_ones=self.going_ones | given)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            name: sorted(value) if isinstance(value := getattr(self, name), frozenset) else value
            for name in field_names(self)
        }


def name_of_orders(run: int) -> str:
    """Name of the value in the store."""
    return f"orders:{run}"


def orders_of(values: ValueStore, run: int) -> Orders:
    """What the members of a run are told to do."""
    return _orders(values.get(name_of_orders(run)))


def _orders(stored: Any) -> Orders:
    if not isinstance(stored, dict):
        return Orders()
    known: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    return Orders(**known)


@quick_dataclass
class MemberView:
    """One member of a run that has not ended.

    Attributes:
        state: What it reported; "leaving" as soon as it is told to leave; "dead" or "left" when it is gone.
        lease_age_s: Seconds since its last report.
        lease_left_s: Seconds after which it is taken for dead without another report; None where no other member looks.
    """

    spider: str
    run: int
    word: ProcessState
    state: str
    lease_age_s: float
    lease_left_s: float | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        names = ("name", "host", "process", "began_at", "pages", "items", "logins", "rate", "under_way", "leads")
        return {
            "spider": self.spider,
            "run": self.run,
            "worker": self.word.number,
            "state": self.state,
            **{name: getattr(self.word, name) for name in names},
            "lease_age_s": round(self.lease_age_s, 3),
            "lease_left_s": None if self.lease_left_s is None else round(self.lease_left_s, 3),
        }


def open_runs(store: Store, spider: str | None = None) -> list[RunRow]:
    """The newest run of each spider, if its end has not been recorded."""
    newest: dict[str, RunRow] = {}
    for run in store.runs.last(spider, limit=200 if spider is None else 1):
        newest.setdefault(run.spider, run)
    return [run for run in newest.values() if run.ended_at is None]


def members_of(store: Store, run: RunRow) -> list[MemberView]:
    """The members of a run, by their numbers; finds out which have just been killed."""
    store.members.sweep(run.id)
    now, orders = store.now(), orders_of(store.values, run.id)
    until = {each.number: each.until for each in store.members.of(run.id)}
    return [
        MemberView(
            run.spider,
            run.id,
            word,
            word.gone or (LEAVING if orders.drains(word.number, word.began_at) else word.state),
            max(now - word.at, 0.0),
            max(until[word.number] - now, 0.0) if word.number in until and not word.gone else None,
        )
        for word in process_words(store, run.id)
    ]


def tell_members(store: Store, spider: str, what: What, worker: str | None) -> tuple[RunRow, list[ProcessState]]:
    """Tell the members of the run of *spider*, or one of them, what to do.

    Args:
        worker: Number or name of one; None for all of them.
    Returns:
        The run, and the members that were told.
    Raises:
        UsageError: No run of the spider goes on, or it has no such member.
    """
    run = next(iter(open_runs(store, spider)), None)
    if run is None:
        raise UsageError(f"{spider} is not being crawled on {store.path}: nobody is there to {what}")
    there = [each for each in process_words(store, run.id) if not each.gone]
    chosen = [each for each in there if worker is None or worker in (str(each.number), each.name)]
    if worker is not None and not chosen:
        known = ", ".join(each.name or str(each.number) for each in there)
        raise UsageError(f"run {run.id} of {spider} has no member {worker!r}; there are: {known or 'none'}")
    numbers = None if worker is None else [each.number for each in chosen]
    now = store.now()
    store.values.change(
        name_of_orders(run.id), lambda stored: _orders(stored).also(what, numbers, now).as_dict(), ttl_s=_KEPT_S
    )
    return run, chosen
