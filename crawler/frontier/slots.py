"""How a slot (a host) is to be treated, learned from its answers: connections at once, delay, pauses. Pure.

- **Slow start**: a host that nobody has heard from gets few connections; each good answer allows one more, up to the
  setting. A dead host therefore never holds all workers.
- **Throttle**: 429 and 503 double the delay between requests and halve the connections; so does latency that rises far
  above what the host showed before. Good answers take both back slowly.
- **Circuit breaker**: after many faults in a row the host is left alone; then one request at a time asks whether it is
  back. Each time it is not, the pause doubles.
- **Giving up**: a host that has never answered, in whatever way, is given up after a few tries; one that has stopped
  answering, after the circuit was opened some times (about a quarter of an hour).

Source: additive increase and multiplicative decrease as in TCP (Chiu and Jain, 1989); the breaker after Nygard,
"Release It!", 2007.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FAULTS_TO_OPEN = 6  #: faults in a row that open the circuit
STRANGE_TO_GIVE_UP = 3  #: tries in a row without any answer, of a host that never gave one
OPENINGS_TO_GIVE_UP = 6  #: of the circuit, in a row, of a host that gives no answer any more
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 900.0
FIRST_DELAY_S = 0.25  #: first delay that a 429 or 503 brings
LONGEST_DELAY_S = 60.0
SLOW_FACTOR = 4.0  #: latency above this many times the usual one counts as a host under load
SLOW_AT_LEAST_MS = 1_000.0
_MOST_SLOTS = 20_000


@dataclass(slots=True)
class _Slot:
    limit: float
    delay_s: float = 0.0
    faults: int = 0
    openings: int = 0
    heard: bool = False
    half_open: bool = False
    open_until: float = 0.0
    usual_ms: float = 0.0
    slowed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """What follows from an answer.

    Attributes:
        connections: Most requests at once from now on, 1 or more.
        delay_s: Least seconds between two requests, on top of what the settings say; 0 for none.
        pause_until: Leave the host alone until then (seconds since 1970), or None.
        why: For a pause, or when it is given up: what happened.
        give_up: The host gives no answer: what waits for it fails.
    """

    connections: int
    delay_s: float = 0.0
    pause_until: float | None = None
    why: str = ""
    give_up: bool = False


class Manners:
    """What was learned of the slots of a crawl. Used by one thread.

    Args:
        per_slot: Most connections at once to one host.
        workers: Worker threads; a new host gets a quarter of them at first.
        throttle: Whether 429, 503 and latency slow a host down; the breaker works in any case.
    """

    def __init__(self, *, per_slot: int, workers: int, throttle: bool = True) -> None:
        self._per_slot, self._throttle = per_slot, throttle
        self._first = max(1, min(per_slot, workers // 4))
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    def connections(self, slot: str) -> int:
        """How many requests may be out at once."""
        known = self._slots.get(slot)
        if known is None:
            return self._first
        if known.half_open or known.limit < 2.0:
            return 1
        return int(known.limit) if known.limit < self._per_slot else self._per_slot

    def share(self, per_slot: int) -> None:
        """From now on so many connections at most: other processes have the rest."""
        self._per_slot = max(1, per_slot)
        self._first = min(self._first, self._per_slot)

    def heard(self, slot: str) -> None:
        """The host has answered (a request that is in no frontier)."""
        self._known(slot).heard = True

    def _known(self, slot: str) -> _Slot:
        known = self._slots.get(slot)
        if known is None:
            known = self._slots[slot] = _Slot(float(self._first))
            if len(self._slots) > _MOST_SLOTS:
                self._slots.popitem(last=False)
        self._slots.move_to_end(slot)
        return known

    def observe(
        self, slot: str, *, fault: bool, refused: bool, elapsed_ms: float, now: float, silent: bool = False
    ) -> Advice:
        """Learn from one answer, or from its absence.

        Args:
            fault: The host is in trouble: no answer, 502, 503, 504 (not: a page that does not exist).
            refused: It said that we are too fast: 429 or 503.
            elapsed_ms: Time of the exchange.
            now: Seconds since 1970.
            silent: For a fault: there was no answer at all.
        """
        known = self._known(slot)
        known.heard = known.heard or not silent
        if refused and self._throttle:
            self._slow_down(known, now)
        if fault:
            return self._fault(slot, known, now, silent)
        known.faults = known.openings = 0
        known.half_open = False
        if not refused:
            self._good(known, elapsed_ms, now)
        return Advice(self.connections(slot), known.delay_s)

    def _fault(self, slot: str, known: _Slot, now: float, silent: bool) -> Advice:
        known.faults += 1
        hopeless = known.openings >= OPENINGS_TO_GIVE_UP if known.heard else known.faults >= STRANGE_TO_GIVE_UP
        if silent and hopeless:
            never = "it has stopped answering" if known.heard else "it never answered"
            return Advice(1, known.delay_s, why=f"{never}: {known.faults} tries in a row", give_up=True)
        if now < known.open_until:  # a request that was under way when the circuit opened
            return Advice(1, known.delay_s)
        if known.half_open or known.faults >= FAULTS_TO_OPEN:
            pause_s = min(FIRST_PAUSE_S * 2.0**known.openings, LONGEST_PAUSE_S)
            known.openings += 1
            known.half_open, known.open_until = True, now + pause_s
            known.limit = 1.0
            why = f"{known.faults} faults in a row; left alone for {pause_s:.0f} s, then asked once"
            return Advice(1, known.delay_s, known.open_until, why)
        return Advice(self.connections(slot), known.delay_s)

    def _slow_down(self, known: _Slot, now: float) -> None:
        if now - known.slowed_at < max(known.delay_s, 0.5):
            return  # answers to requests that were sent together count once
        known.slowed_at = now
        known.limit = max(1.0, known.limit / 2)
        known.delay_s = min(max(FIRST_DELAY_S, known.delay_s * 2), LONGEST_DELAY_S)

    def _good(self, known: _Slot, elapsed_ms: float, now: float) -> None:
        usual_ms = known.usual_ms
        slow = usual_ms > 0 and elapsed_ms > max(SLOW_FACTOR * usual_ms, SLOW_AT_LEAST_MS)
        known.usual_ms = elapsed_ms if not usual_ms else usual_ms + 0.05 * (elapsed_ms - usual_ms)
        if slow and self._throttle:
            if now - known.slowed_at >= elapsed_ms / 1000:
                known.slowed_at = now
                known.limit = max(1.0, known.limit / 2)
            return
        if known.limit < self._per_slot:
            known.limit = min(known.limit + 1.0, float(self._per_slot))
        if known.delay_s:
            known.delay_s = known.delay_s * 0.9 if known.delay_s > FIRST_DELAY_S / 4 else 0.0
