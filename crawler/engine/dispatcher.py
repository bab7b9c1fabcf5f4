"""What may be done with requests that this process holds: commit, give back, keep, send first, fetch again.

The scheduler and the doors both do so; the parts below (store, committer, host slots, workers) know neither of them.
Used by the scheduler's thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from crawler.engine.committer import Committer, Written
from crawler.engine.host_slots import HostSlots
from crawler.engine.store_thread import Member
from crawler.engine.workers import Workers
from crawler.frontier.leases import NextLook
from crawler.outcome import Found, Leased, Outcome, State
from crawler.pagework.errbacks import waits_for_errback
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.pool import SessionPool
from crawler.sessions.session import Session
from crawler.stores import losses


@quick_dataclass
class Hands:
    """What is done on other threads.

    Attributes:
        fail_unsent: Calls the errback of a request that fails without an answer of its own, by the session that was to
            send it.
    """

    workers: Workers
    fail_unsent: Callable[[Outcome, Session | None], None]


class Failing:
    """Requests that fail without an answer of their own, and whose errbacks are being called.

    Attributes:
        ids: Theirs.
    """

    def __init__(self, hands: Hands, pool: SessionPool) -> None:
        self._hands, self._pool = hands, pool
        self.ids: set[int] = set()

    def beside(self, under_way: Mapping[int, object]) -> Collection[int]:
        """The requests that a thread has: those under way, and these."""
        return under_way.keys() | self.ids if self.ids else under_way

    def hear(self, outcome: Outcome, settle: Callable[[Outcome], None]) -> None:
        """Have an errback called, on a thread that may wait; *settle* takes the outcome afterwards."""
        name = outcome.session_name or outcome.request.session
        session = self._pool.manager(name).session if name in self._pool.names else None
        self.ids.add(outcome.request.id)
        outcome.is_answered = True

        def called() -> None:
            self.ids.discard(outcome.request.id)
            settle(outcome)

        def task() -> Callable[[], None]:
            self._hands.fail_unsent(outcome, session)
            return called

        self._hands.workers.run(task)


class Dispatcher:
    """The requests of one run, and what can become of them.

    Attributes:
        failing: Those whose errback is being called.
        overtaken: Sessions and epochs of pages that were not taken, since another process has logged in.
    """

    def __init__(
        self,
        member: Member,
        committer: Committer,
        slots: HostSlots,
        hands: Hands,
        look: NextLook,
        pool: SessionPool,
    ) -> None:
        self._store, self._run, self._owner = member.store, member.run, member.owner
        self._committer, self._slots, self._workers = committer, slots, hands.workers
        self._look, self._pool = look, pool
        self._uncommitted: list[int] = []  # requests of the next commit that were sent
        self.failing = Failing(hands, pool)
        self.overtaken: list[tuple[str, int]] = []

    # --- into the store ---------------------------------------------------------------------------------------------
    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes for the next commit; a request that fails unheard, once its errback has been called."""
        failing = list(filter(waits_for_errback, outcomes))
        self._committer.settle([each for each in outcomes if not waits_for_errback(each)] if failing else outcomes)
        for each in failing:
            self.failing.hear(each, lambda heard: self._committer.settle([heard]))

    def settle_page(self, outcome: Outcome) -> None:
        """Take a page that was sent, for the next commit: until then it counts as under way."""
        if waits_for_errback(outcome):
            self.failing.hear(outcome, self.settle_page)
            return
        self._uncommitted.append(outcome.request.id)
        self._committer.settle([outcome])

    def commit(self) -> Written | None:
        """Write what has come back, and do what follows. None when there was nothing to write."""
        written = self._committer.commit()
        if written is None:
            return None
        self._workers.send(self._slots.committed(self._uncommitted))
        self._uncommitted = []
        self.overtaken += written.overtaken
        self._look.soon(written.slots)
        for slot in written.paused:
            self._give_back_waiting(slot)
        return written

    def add(self, found: Sequence[Found]) -> None:
        """Store found requests of a page that is not done yet."""
        self._committer.add(found)
        self._look.soon()

    def give_back(self, ids: Sequence[int]) -> None:
        """Release requests that were not sent: others may have them at once."""
        self._store.leases.release(self._run.frontier, owner=self._owner, ids=ids)

    def not_now(self, *leased: Leased) -> None:
        """Requests that cannot go for now: they wait in the store, for another time, session or process."""
        self.give_back([each.id for each in leased])
        self._look.soon()

    def _give_back_waiting(self, slot: str) -> None:
        """The host asked for a pause, now stored, or is to be asked less often: give back what is reserved for it."""
        if drained := self._slots.drain(slot):
            self.give_back([leased.id for leased in drained])

    # --- out of the store -------------------------------------------------------------------------------------------
    def quarantine(self, session: str, epoch: int, since: float) -> int:
        """Reopen pages that a lost session brought without proof. Returns their number."""
        self.commit()
        reopened = self._store.frontier.quarantine(self._run.frontier, session=session, epoch=epoch, since=since)
        losses.settled(self._store, self._run.id, self._pool.manager(session).session.key)
        self._committer.waiting += reopened
        self._look.soon()
        return reopened

    def nothing_lost(self, session: str) -> None:
        """A session was lost, but everything it fetched is certain."""
        losses.settled(self._store, self._run.id, self._pool.manager(session).session.key)

    def prove(self, ids: Sequence[int], epoch: int) -> None:
        """Mark committed pages as certain: no later loss reopens them."""
        if not ids:
            return
        self.commit()
        self._store.frontier.prove_pages(self._run.frontier, ids=ids, epoch=epoch)

    def bring_back(self, session: str) -> int:
        """Let parked requests of a session wait again. Returns their number."""
        self.commit()
        back = self._store.frontier.reopen(self._run.frontier, states=(State.PARKED,), session=session)
        self._committer.waiting += back
        self._look.soon()
        return back

    def parked(self) -> int:
        """How many requests are parked, by whichever process."""
        return self._store.frontier.counts(self._run.frontier).parked

    def session_version(self, key: str) -> int:
        """The version of a stored session: it changes with each login."""
        return self._store.sessions.version(key)

    # --- on their way -----------------------------------------------------------------------------------------------
    def give_task(self, task: Callable[[], Callable[[], None]]) -> None:
        """Let a thread run *task*, which may wait for a long time; the scheduler's thread calls what it returns."""
        self._workers.run(task)

    def take_back(self, leased: Sequence[Leased]) -> None:
        """Put requests that a gate released back to their hosts."""
        self._slots.put(_of_ours(self, self._slots, leased))
        self._look.soon()

    def send_first(self, leased: Sequence[Leased], *, alone: bool = False) -> None:
        """Send these before waiting requests; *alone*: no process sends anything else."""
        self._slots.put(leased if alone else _of_ours(self, self._slots, leased), first=True, alone=alone)
        self._look.soon()

    def not_committed(self, request: int) -> None:
        """A page that was sent is kept until a probe has been answered: nothing waits for its commit."""
        self._workers.send(self._slots.committed([request]))

    # --- hosts ------------------------------------------------------------------------------------------------------
    def robots_known(self, slot: str, crawl_delay_s: float) -> None:
        """A robots.txt is known; where it asks for a longer delay, give back what was reserved without it."""
        if self._slots.robots_known(slot, crawl_delay_s):
            self.reserve_anew(slot)

    def reserve_anew(self, slot: str) -> None:
        """The delay has grown: give back what was reserved with a shorter one."""
        self._give_back_waiting(slot)
        self._look.soon()


def _of_ours(dispatcher: Dispatcher, slots: HostSlots, leased: Sequence[Leased]) -> Sequence[Leased]:
    """Those for hosts to which a connection is still ours. The others had one when they began to wait: given back."""
    others = {each.id for each in leased if not slots[each.slot].share}
    if not others:
        return leased
    dispatcher.give_back(list(others))
    return [each for each in leased if each.id not in others]
