"""How a host is to be treated, learned from its answers: connections at once, delay, pauses. Pure.

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

from crawler.quick_dataclass import quick_dataclass

FAULTS_TO_OPEN = 6  #: faults in a row that open the circuit
STRANGE_TO_GIVE_UP = 3  #: tries in a row without any answer, of a host that never gave one
OPENINGS_TO_GIVE_UP = 6  #: of the circuit, in a row, of a host that gives no answer any more
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 900.0
FIRST_DELAY_S = 0.25  #: first delay that a 429 or 503 brings
LONGEST_DELAY_S = 60.0
SLOW_FACTOR = 4.0  #: latency above this many times the usual one counts as a host under load
SLOW_AT_LEAST_MS = 1_000.0


@quick_dataclass
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


@quick_dataclass
class Allowed:
    """What the settings allow for any host.

    Attributes:
        connections: Most at once to one host.
        first: Those for a host about which nothing is known, 1 to `connections`.
        throttle: Whether 429, 503 and latency slow a host down; the breaker works in any case.
    """

    connections: int
    first: int
    throttle: bool = True

    @classmethod
    def by(cls, *, per_host: int, workers: int, throttle: bool = True) -> Allowed:
        """A new host gets a quarter of the *workers* at first."""
        return cls(per_host, max(1, min(per_host, workers // 4)), throttle)


@quick_dataclass(frozen=False)
class HostHealth:
    """What the answers of one host have shown.

    Attributes:
        limit: Connections that it has earned.
        delay_s: Least seconds between two requests that it has taught us.
        faults: Faults in a row.
        openings: How often in a row the circuit was opened.
        heard: It has answered at least once.
        half_open: One request is to ask whether it is back.
        open_until: It is left alone until then, seconds since 1970.
        usual_ms: Its latency.
        slowed_at: When it was last slowed down.
    """

    limit: float
    delay_s: float = 0.0
    faults: int = 0
    openings: int = 0
    heard: bool = False
    half_open: bool = False
    open_until: float = 0.0
    usual_ms: float = 0.0
    slowed_at: float = 0.0

    def connections(self, allowed: Allowed) -> int:
        """How many requests may be under way at once."""
        if self.half_open or self.limit < 2.0:
            return 1
        return int(self.limit) if self.limit < allowed.connections else allowed.connections

    def observe(
        self, allowed: Allowed, *, fault: bool, refused: bool, elapsed_ms: float, now: float, silent: bool = False
    ) -> Advice:
        """Learn from one answer, or from its absence.

        Args:
            fault: The host is in trouble: no answer, 502, 503, 504 (not: a page that does not exist).
            refused: It said that we are too fast: 429 or 503.
            elapsed_ms: Time of the exchange.
            now: Seconds since 1970.
            silent: For a fault: there was no answer at all.
        """
        self.heard = self.heard or not silent
        if refused and allowed.throttle:
            self._slow_down(now)
        if fault:
            return self._fault(allowed, now, silent)
        self.faults = self.openings = 0
        self.half_open = False
        if not refused:
            self._good(allowed, elapsed_ms, now)
        return Advice(self.connections(allowed), self.delay_s)

    def _fault(self, allowed: Allowed, now: float, silent: bool) -> Advice:
        self.faults += 1
        hopeless = self.openings >= OPENINGS_TO_GIVE_UP if self.heard else self.faults >= STRANGE_TO_GIVE_UP
        if silent and hopeless:
            never = "it has stopped answering" if self.heard else "it never answered"
            return Advice(1, self.delay_s, why=f"{never}: {self.faults} tries in a row", give_up=True)
        if now < self.open_until:  # a request that was under way when the circuit opened
            return Advice(1, self.delay_s)
        if self.half_open or self.faults >= FAULTS_TO_OPEN:
            pause_s = min(FIRST_PAUSE_S * 2.0**self.openings, LONGEST_PAUSE_S)
            self.openings += 1
            self.half_open, self.open_until = True, now + pause_s
            self.limit = 1.0
            why = f"{self.faults} faults in a row; left alone for {pause_s:.0f} s, then asked once"
            return Advice(1, self.delay_s, self.open_until, why)
        return Advice(self.connections(allowed), self.delay_s)

    def _slow_down(self, now: float) -> None:
        if now - self.slowed_at < max(self.delay_s, 0.5):
            return  # answers to requests that were sent together count once
        self.slowed_at = now
        self.limit = max(1.0, self.limit / 2)
        self.delay_s = min(max(FIRST_DELAY_S, self.delay_s * 2), LONGEST_DELAY_S)

    def _good(self, allowed: Allowed, elapsed_ms: float, now: float) -> None:
        usual_ms = self.usual_ms
        slow = usual_ms > 0 and elapsed_ms > max(SLOW_FACTOR * usual_ms, SLOW_AT_LEAST_MS)
        self.usual_ms = elapsed_ms if not usual_ms else usual_ms + 0.05 * (elapsed_ms - usual_ms)
        if slow and allowed.throttle:
            if now - self.slowed_at >= elapsed_ms / 1000:
                self.slowed_at = now
                self.limit = max(1.0, self.limit / 2)
            return
        if self.limit < allowed.connections:
            self.limit = min(self.limit + 1.0, float(allowed.connections))
        if self.delay_s:
            self.delay_s = self.delay_s * 0.9 if self.delay_s > FIRST_DELAY_S / 4 else 0.0
