"""What a store reports about runs and commits, and how politely it is asked to treat a host. Plain values."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import field

from crawler.quick_dataclass import quick_dataclass


@quick_dataclass
class RunRow:
    """One execution of a spider. `frontier` is shared by the runs that resume one another."""

    id: int
    spider: str
    frontier: int
    resumed: bool
    started_at: float
    args: str = "{}"
    ended_at: float | None = None
    ending: str = ""  #: "" while running (or after a crash), else "finished", "failures", "limit", "interrupted", ...
    exit_code: int | None = None
    summary: str = "{}"
    process: str = ""
    max_pages: int = 0  #: for all its processes together, 0 for no limit
    pages_before: int = 0  #: pages of its frontier when it began


LIVES, LEFT, DEAD = "", "left", "dead"  #: see `MemberRow.gone`


@quick_dataclass
class MemberRow:
    """One process that works on a run, or has.

    Attributes:
        run: Its run; those of one frontier work together.
        number: 0 for the one that began it; no other process of the run has had it.
        owner: The name under which it claims requests.
        process: How it is named to a person.
        until: It counts as dead from then on, unless it reports that it lives; seconds since 1970, as all times here.
        left_at: When it left; 0 while it has not.
        agrees: The processes among which it shares connections, as `frontier.shares` names them.
        counted: What it has done so far, JSON.
    """

    run: int
    number: int
    owner: str
    process: str
    joined_at: float
    until: float
    left_at: float = 0.0
    agrees: str = ""
    counted: str = "{}"

    @property
    def gone(self) -> str:
        """`LEFT` when it said that it was leaving, `DEAD` when it was found dead; else `LIVES`, as far as known."""
        return "" if not self.left_at else DEAD if self.agrees == DEAD else LEFT


@quick_dataclass
class LeaseTerms:
    """What is leased, and on which terms.

    Attributes:
        limit: Most requests.
        lease_s: Seconds, above 0, by the store's clock; afterwards any process may claim them again.
        horizon_s: How far ahead sending times are reserved.
        rules: Slot to how it is to be treated, where that differs from the default.
        default_rule: The default.
        exclude_sessions, exclude_slots: Nothing for these.
        per_slot: Most for one slot, 0 for no bound. With *portion*: how many are looked at.
        portion: How many of a slot, given its name, the number that was found, and whether there may be more.
        limited_run: The run whose `max_pages` holds for all its processes; 0 where nothing counts, or the caller does.
        uncounted: Requests of the caller that do not count for it.
        crawl_delays, throttle: Whether delays that other processes have learned are kept: those of a robots.txt, and
            those of hosts that said that we are too fast, or are being asked whether they are back.
        late_s: How late the caller may use the times (`pacing.slack_s`); the rules already include it.
    """

    limit: int
    lease_s: float
    horizon_s: float
    rules: Mapping[str, SlotRule] = field(default_factory=dict)
    default_rule: SlotRule = field(default_factory=lambda: SlotRule())
    exclude_sessions: frozenset[str] = frozenset()
    exclude_slots: Container[str] = frozenset()
    per_slot: int = 0
    portion: Callable[[str, int, bool], int] | None = None
    limited_run: int = 0
    uncounted: int = 0
    crawl_delays: bool = False
    throttle: bool = False
    late_s: float = 0.0


@quick_dataclass
class SlotRule:
    """How politely one slot is to be treated; given with each lease call.

    Attributes:
        delay_s: Least seconds between the sending of two requests.
        jitter: Share of the delay added at random, 0 to 1.
    """

    delay_s: float = 0.0
    jitter: float = 0.0


@quick_dataclass
class Committed:
    """What a commit wrote.

    Attributes:
        lost: Ids whose lease another process holds now; nothing was written for them.
        outdated: Ids of pages from a login that is over, without a proof of their own: they wait again.
        added: Requests that were new to the frontier and are waiting.
        items: Item rows written.
    """

    lost: frozenset[int] = frozenset()
    outdated: frozenset[int] = frozenset()
    added: int = 0
    items: int = 0
