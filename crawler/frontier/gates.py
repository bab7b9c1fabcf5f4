"""Gates: what a request has to wait for before it may be sent (its session, the robots.txt of its host).

One task opens a gate; requests that find it closed are held here, so that no worker waits. The tasks that are wanted
are noted for whoever starts them. Used by the scheduler's thread only.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from crawler.outcome import Leased, Outcome
from crawler.quick_dataclass import quick_dataclass


class GateState(StrEnum):
    CLOSED = "closed"  #: nothing is opening it
    OPENING = "opening"  #: a task is under way, or a time to try again is set
    OPEN = "open"
    BARRED = "barred"  #: will not open by itself in this run


@quick_dataclass
class Missing:
    """What a request still needs before it may be sent, or what becomes of it instead.

    Attributes:
        gate: It waits until this gate opens.
        probe: For the gate of its session: why the session is to be proved first.
        lost: For that gate: why the session is of no use any more.
        rests: As much of its session is under way as its remaining life may be good for.
        person: Its session waits for a person.
        stranger: This run does not have its session.
        spent: Its account may send no more for now: it goes back as it was.
        trial: Its page may end the session: it is tried alone, later.
        ending: It is not sent, and ends like this.
    """

    gate: tuple[str, str] | None = None
    probe: str = ""
    lost: str = ""
    rests: bool = False
    person: bool = False
    stranger: bool = False
    spent: bool = False
    trial: bool = False
    ending: Outcome | None = None


@quick_dataclass(frozen=False)
class Gate:
    """One gate. `retry_at` is when the opening is tried again, seconds since 1970, or None while a task runs."""

    key: tuple[str, str]
    state: GateState = GateState.CLOSED
    held: list[Leased] = field(default_factory=list)
    retry_at: float | None = None
    open_until: float = float("inf")

    @property
    def is_barred(self) -> bool:
        """Whether it will not open by itself in this run."""
        return self.state is GateState.BARRED

    def shut(self) -> None:
        """Nothing is opening it any more."""
        self.state = GateState.CLOSED

    def started(self) -> None:
        """Its task is under way: there is no time for another try."""
        self.retry_at = None


class Gates:
    """All gates of a scheduler.

    Attributes:
        wanted: Those whose task is to be started.
    """

    def __init__(self) -> None:
        self.wanted: dict[tuple[str, str], Gate] = {}
        self._gates: dict[tuple[str, str], Gate] = {}
        self._moving: dict[tuple[str, str], Gate] = {}  # those that open or are barred, or before which requests wait

    def get(self, key: tuple[str, str]) -> Gate:
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = Gate(key)
        return gate

    def is_open(self, key: tuple[str, str], now: float) -> bool:
        gate = self._gates.get(key)
        return gate is not None and gate.state is GateState.OPEN and now < gate.open_until

    def hold(self, key: tuple[str, str], leased: Leased) -> None:
        """Keep a request until the gate opens, and begin to open it if nothing does yet."""
        gate = self._moving[key] = self.get(key)
        gate.held.append(leased)
        self.open_now(key)

    def open_now(self, key: tuple[str, str]) -> None:
        """Begin to open a gate although no request waits before it."""
        gate = self.get(key)
        if gate.state in (GateState.CLOSED, GateState.OPEN):
            gate.state, gate.retry_at = GateState.OPENING, None
            self._moving[key] = self.wanted[key] = gate

    def close(self, key: tuple[str, str]) -> None:
        """What was behind it is no longer good."""
        gate = self.get(key)
        if gate.state is GateState.OPEN:
            gate.state = GateState.CLOSED

    def opened(self, key: tuple[str, str], *, until: float = float("inf")) -> list[Leased]:
        """It is open: the requests that may go on."""
        gate = self.get(key)
        gate.state, gate.open_until, gate.retry_at = GateState.OPEN, until, None
        self._moving.pop(key, None)
        held, gate.held = gate.held, []
        return held

    def barred(self, key: tuple[str, str]) -> list[Leased]:
        """It stays shut: the requests that have to leave."""
        gate = self._moving[key] = self.get(key)
        gate.state, gate.retry_at = GateState.BARRED, None
        held, gate.held = gate.held, []
        return held

    def try_again(self, key: tuple[str, str], at: float) -> None:
        self.get(key).retry_at = at

    def due(self, now: float) -> None:
        """Mark the tasks whose time has come as wanted."""
        for gate in list(self._moving.values()):
            if gate.state is GateState.OPENING and gate.retry_at is not None and gate.retry_at <= now:
                gate.retry_at = None
                self.wanted[gate.key] = gate

    def take_wanted(self) -> list[tuple[str, str]]:
        """The gates whose task is to be started now."""
        wanted, self.wanted = self.wanted, {}
        return [key for key, gate in wanted.items() if gate.state is GateState.OPENING and gate.retry_at is None]

    def next_due(self) -> float | None:
        times = [gate.retry_at for gate in self._moving.values() if gate.retry_at is not None]
        return min(times, default=None)

    def held_by(self, key: tuple[str, str]) -> int:
        """How many requests wait before one gate."""
        gate = self._gates.get(key)
        return len(gate.held) if gate is not None else 0

    def held(self, kind: str | None = None) -> int:
        """How many requests wait before all gates, or before those of one kind."""
        return sum(len(gate.held) for gate in self._moving.values() if kind is None or gate.key[0] == kind)

    def held_slots(self, kind: str) -> frozenset[str]:
        """Slots of the requests that wait before the gates of one kind."""
        if not self._moving:
            return frozenset()  # nearly always
        return frozenset(each.slot for gate in self._moving.values() if gate.key[0] == kind for each in gate.held)

    def let_go(self, kind: str, session: str) -> list[Leased]:
        """Take the requests of *session* away from the gates of one kind, which stay as they are."""
        out: list[Leased] = []
        for gate in self._moving.values():
            if gate.key[0] == kind:
                out += [each for each in gate.held if each.session == session]
                gate.held = [each for each in gate.held if each.session != session]
        return out

    def take(self, leased: Leased) -> None:
        """One request does not wait here any more."""
        for gate in self._moving.values():
            if leased in gate.held:
                gate.held.remove(leased)

    def waiting(self, slot: str) -> list[Leased]:
        """The requests of a slot that wait before any gate."""
        return [each for gate in self._moving.values() for each in gate.held if each.slot == slot]

    def closed_names(self, kind: str) -> frozenset[str]:
        """Names of the gates of one kind through which nothing may go now."""
        return frozenset(
            gate.key[1]
            for gate in self._moving.values()
            if gate.key[0] == kind and gate.state in (GateState.OPENING, GateState.BARRED)
        )

    def drain(self) -> list[Leased]:
        """All held requests; the gates forget them."""
        held = [leased for gate in self._moving.values() for leased in gate.held]
        for gate in self._moving.values():
            gate.held = []
        return held
