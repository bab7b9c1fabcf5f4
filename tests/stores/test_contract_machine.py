"""The frontier against a model: whatever happens in whatever order, the store says what the model says.

The model keeps a dictionary of requests. Rules add, lease, commit, lose leases, crash, restart and move the clock;
after each step the counters, and at the end every row, item and page, must be those of the model.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crawler.outcome import Leased, State, Verdict
from crawler.stores.base import LeaseTerms, SlotRule, Store
from tests.stores.support import HOMES, START, accept, found, outcome, start

LEASE_S = 50.0
SLOTS = ["a.example", "b.example", "c.example"]
OWNERS = ["one", "two", "three"]
DELAY = SlotRule(delay_s=3.0)


@dataclass
class Row:
    name: int
    slot: str
    priority: int
    order: int
    state: State = State.WAITING
    attempt: int = 0
    token: int = 0
    owner: str = ""
    not_before: float = 0.0
    lease_until: float = 0.0
    items: int = 0


@dataclass
class Claim:
    leased: Leased
    owner: str
    done: bool = False


@dataclass
class Model:
    rows: dict[int, Row] = field(default_factory=dict)
    next_at: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SLOTS, 0.0))
    paused: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SLOTS, 0.0))
    pages: int = 0

    def of(self, leased: Leased) -> Row:
        return self.rows[int(leased.url.rsplit("/", 1)[1])]


class FrontierMachine(RuleBasedStateMachine):
    """One frontier, three owners that may each be another process, one clock."""

    kind = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.home = HOMES[self.kind](Path(self.folder))
        self.model = Model()
        self.claims: list[Claim] = []
        self.store: Store = self.home.open()
        self.run = start(self.store)

    def teardown(self) -> None:
        try:
            self.check_everything()
        finally:
            self.home.close()
            shutil.rmtree(self.folder)

    # --- what happens -----------------------------------------------------------------------------------------------
    @initialize()
    def first_requests(self) -> None:
        self.add([(number, number % 3, 0, False) for number in range(6)])

    @rule(
        requests=st.lists(
            st.tuples(st.integers(0, 60), st.integers(0, 2), st.integers(-1, 1), st.booleans()), min_size=1, max_size=6
        )
    )
    def add(self, requests: list[tuple[int, int, int, bool]]) -> None:
        chosen = [
            found(name, slot=SLOTS[slot], priority=priority, skipped="robots" if skipped and name % 7 == 0 else "")
            for name, slot, priority, skipped in requests
        ]
        expected = 0
        fresh: list[Row] = []
        for (name, slot, priority, _), one in zip(requests, chosen, strict=True):
            if name not in self.model.rows and name not in [row.name for row in fresh]:
                state = State.SKIPPED if one.skipped else State.WAITING
                fresh.append(Row(name, SLOTS[slot], priority, 0, state))
                expected += state is State.WAITING
        self.remember(fresh)

        assert self.store.frontier.add(self.run.frontier, chosen) == expected

    def remember(self, fresh: list[Row]) -> None:
        """Waiting ones come first, in the order in which they were found."""
        number = max((row.order for row in self.model.rows.values()), default=0)
        for row in sorted(fresh, key=lambda one: one.state is State.SKIPPED):
            number += 1
            row.order = number
            self.model.rows[row.name] = row

    @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 8), delayed=st.booleans())
    def lease(self, owner: str, limit: int, delayed: bool) -> None:
        now = self.home.clock.now
        for row in self.model.rows.values():
            if row.state is State.LEASED and row.lease_until <= now:
                row.state = State.WAITING
        ready = [row for row in self.model.rows.values() if row.state is State.WAITING and row.not_before <= now]
        open_slots = {slot for slot in SLOTS if max(self.model.next_at[slot], self.model.paused[slot]) <= now + 1.0}

        leased = self.store.leases.lease(
            self.run.frontier,
            owner=owner,
            terms=LeaseTerms(limit, LEASE_S, 1.0, default_rule=DELAY if delayed else SlotRule()),
        )

        waiting = [row for row in ready if row.slot in open_slots]
        if delayed:  # one of each slot fits into the horizon
            assert len(leased) == min(limit, len({row.slot for row in waiting}))
        else:
            assert len(leased) == min(limit, len(waiting))
        for slot in SLOTS:
            best = sorted((row for row in waiting if row.slot == slot), key=lambda row: (-row.priority, row.order))
            taken = [one for one in leased if one.slot == slot]
            assert [self.model.of(one).name for one in taken] == [row.name for row in best[: len(taken)]]
            for one in taken:
                row = self.model.of(one)
                assert one.send_at >= max(now, self.model.next_at[slot], self.model.paused[slot])
                assert (one.attempt, one.token, one.priority) == (row.attempt, row.token + 1, row.priority)
                row.state, row.owner, row.token = State.LEASED, owner, one.token
                row.lease_until, row.not_before = now + LEASE_S, 0.0
                if delayed:
                    self.model.next_at[slot] = one.send_at + DELAY.delay_s
                self.claims.append(Claim(one, owner))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        group = data.draw(
            st.lists(st.sampled_from(self.claims), min_size=1, max_size=5, unique_by=lambda one: one.leased.id)
        )
        owner = group[0].owner
        group = [claim for claim in group if claim.owner == owner]
        verdicts = data.draw(st.lists(st.sampled_from(list(Verdict)), min_size=len(group), max_size=len(group)))
        links = data.draw(st.lists(st.integers(0, 90), max_size=3))
        now = self.home.clock.now
        outcomes, lost = [], set()
        fresh: list[Row] = []
        for claim, verdict in zip(group, verdicts, strict=True):
            row = self.model.of(claim.leased)
            page = outcome(claim.leased, verdict, error="" if verdict is Verdict.ACCEPT else "why", status=200)
            page.items = accept(claim.leased, {"n": row.name}, {"n": -row.name}).items
            page.found = [found(link, slot=SLOTS[link % 3]) for link in links]
            page.not_before = now + 20.0
            if verdict is Verdict.RETRY and row.name % 5 == 0:
                page.pause_slot_until = now + 10.0
            outcomes.append(page)
            ours = row.owner == owner and row.token == claim.leased.token and row.state in (State.LEASED, State.WAITING)
            if not ours:
                lost.add(claim.leased.id)
                continue
            self.apply(row, verdict, page.not_before, page.pause_slot_until)
            if verdict in (Verdict.ACCEPT, Verdict.FAIL, Verdict.SKIP):
                for link in links:
                    if link not in self.model.rows and link not in [row.name for row in fresh]:
                        fresh.append(Row(link, SLOTS[link % 3], 0, 0))
        self.remember(fresh)

        committed = self.store.commit(self.run, owner, outcomes)

        assert committed.lost == lost
        assert committed.added == len(fresh)

    def apply(self, row: Row, verdict: Verdict, not_before: float, pause: float | None) -> None:
        states = {
            Verdict.ACCEPT: State.DONE,
            Verdict.FAIL: State.FAILED,
            Verdict.SKIP: State.SKIPPED,
            Verdict.PARK: State.PARKED,
        }
        row.state, row.owner = states.get(verdict, State.WAITING), ""
        row.attempt += verdict in (Verdict.ACCEPT, Verdict.RETRY, Verdict.FAIL)
        row.not_before = not_before if verdict in (Verdict.RETRY, Verdict.RELEASE) else 0.0
        if verdict in (Verdict.ACCEPT, Verdict.FAIL, Verdict.SKIP):
            row.items = 2
        self.model.pages += verdict is Verdict.ACCEPT
        if pause is not None:
            self.model.paused[row.slot] = max(self.model.paused[row.slot], pause)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        row = self.model.of(claim.leased)
        self.store.leases.release(self.run.frontier, owner=claim.owner, ids=[claim.leased.id])
        if row.state is State.LEASED and row.owner == claim.owner:
            row.state, row.owner = State.WAITING, ""

    @rule(owner=st.sampled_from(OWNERS))
    def renew(self, owner: str) -> None:
        held = [row for row in self.model.rows.values() if row.state is State.LEASED and row.owner == owner]
        assert self.store.leases.renew(self.run.frontier, owner=owner, lease_s=LEASE_S) == len(held)
        for row in held:
            row.lease_until = self.home.clock.now + LEASE_S

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0, 45.0, 100.0, -30.0, 86_400.0]))
    def time_passes_or_the_clock_jumps(self, seconds: float) -> None:
        self.home.clock.now = max(START, self.home.clock.now + seconds)

    @rule(states=st.sets(st.sampled_from([State.FAILED, State.PARKED, State.SKIPPED, State.DONE]), min_size=1))
    def reopen(self, states: set[State]) -> None:
        rows = [row for row in self.model.rows.values() if row.state in states]
        assert self.store.frontier.reopen(self.run.frontier, states=sorted(states)) == len(rows)
        for row in rows:
            row.state, row.attempt, row.not_before, row.owner, row.items = State.WAITING, 0, 0.0, "", 0

    @rule()
    def another_process_goes_on_while_this_one_forgets_everything(self) -> None:
        member = self.home.open()
        self.store.close()
        self.store = member
        self.run = member.runs.get(self.run.id)

    @rule()
    def crash_and_resume(self) -> None:
        unfinished = any(row.state in (State.WAITING, State.LEASED, State.PARKED) for row in self.model.rows.values())
        if not unfinished:
            return
        before = self.run
        self.store.close()
        self.store = self.home.open()
        self.run = start(self.store)
        assert (self.run.frontier, self.run.resumed) == (before.frontier, True)
        for row in self.model.rows.values():
            if row.state is State.LEASED:
                row.state, row.owner = State.WAITING, ""

    # --- what must be true ------------------------------------------------------------------------------------------
    @invariant()
    def counters_are_exact(self) -> None:
        counts = self.store.frontier.counts(self.run.frontier)
        for state in State:
            assert getattr(counts, state.name.lower()) == sum(row.state is state for row in self.model.rows.values())
        assert counts.pages == self.model.pages
        assert counts.items == sum(row.items for row in self.model.rows.values())

    @invariant()
    def what_waits_is_due_some_time(self) -> None:
        waits = any(row.state in (State.WAITING, State.LEASED) for row in self.model.rows.values())
        due = self.store.leases.next_due(self.run.frontier)
        assert (due is not None) == waits
        ready = [
            row
            for row in self.model.rows.values()
            if row.state is State.WAITING
            and row.not_before <= self.home.clock.now
            and max(self.model.next_at[row.slot], self.model.paused[row.slot]) <= self.home.clock.now
        ]
        assert not ready or (due is not None and due <= self.home.clock.now)

    def check_everything(self) -> None:
        problems = [line for line in self.store.care.audit(self.run.frontier).problems if "lease ran out" not in line]
        assert problems == []
        items = sorted(row["n"] for row in self.store.results.rows("items")) if self.store.results.tables() else []
        expected = [name for row in self.model.rows.values() if row.items for name in (row.name, -row.name)]
        assert items == sorted(expected)


TestFrontierMachine = FrontierMachine.TestCase
TestFrontierMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
