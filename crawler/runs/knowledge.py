"""What a run knows from earlier ones and keeps for later ones: logout links, robots.txt, suspects, lives of sessions.

Values of the store by name. What cannot be read is forgotten with a warning: knowledge saves work, and never stops a
run. On the thread that owns the store.

Also here: the start requests, and how they come into the frontier, once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import Any

from crawler.errors import SpiderError, StoreError
from crawler.frontier.admission import Admission, Joined
from crawler.frontier.guard import LogoutGuard
from crawler.frontier.guard_learned import guard_name
from crawler.frontier.robots import RobotsCache, RobotsRecord
from crawler.frontier.trap_counts import TrapCounts, name_of
from crawler.quick_dataclass import quick_dataclass
from crawler.request import Request
from crawler.runs.start_marks import StartMarks, kept_marks
from crawler.sessions.login.lives import KnownLives
from crawler.sessions.login.suspects import BLAMED_UNTIL_SUSPECT, Blames
from crawler.sessions.login.trials import TAKEN_S
from crawler.stores.base import RunRow, Store
from crawler.urls import origin_of, redact

_PORTION = 1_000


def seed(
    store: Store,
    run: RunRow,
    requests: Iterator[Request],
    admission: Admission,
    knowledge: Knowledge,
    learn_start: Callable[[Iterable[str]], None],
) -> tuple[str, ...]:
    """Put the start requests into the frontier, once; begun again when the last process died half-way.

    Of several processes that come at once one does it, and the others wait: only then are all the hosts known with
    which the crawl begins.

    Args:
        learn_start: Given the origins to which they go, before they are admitted.
    Returns:
        What is to be reported about them.
    """
    seeded = knowledge.awaited_seeds()
    if seeded is not None:
        learn_start(seeded)
        return ()
    origins: dict[str, None] = {}
    joined, marks = Joined(), StartMarks()
    noted = marks.note(requests)
    try:
        for portion in _portions(noted, origins, learn_start):
            store.frontier.add(run.frontier, admission.admit_all(portion, depth=0, joined=joined))
            knowledge.seeds()
        marks.keep(store.values, run.frontier)
        knowledge.keep_seeded(list(origins))
    finally:
        knowledge.seeds_no_more()
    return joined.told("start")


def _portions(
    requests: Iterator[Request], origins: dict[str, None], learn_start: Callable[[Iterable[str]], None]
) -> Iterator[list[Request]]:
    """The requests in portions; where each goes is added to *origins*, and learned, before it is given."""
    while portion := list(islice(requests, _PORTION)):
        origins.update(dict.fromkeys(origin_of(request.url) for request in portion))
        learn_start(origins)
        yield portion


def seed_added(
    store: Store,
    run: RunRow,
    requests: Iterator[Request],
    admission: Admission,
    knowledge: Knowledge,
    learn_start: Callable[[Iterable[str]], None],
) -> tuple[str, ...]:
    """Put the start requests of a resumed crawl into the frontier with which it did not begin. As `seed` otherwise.

    A spider whose start requests fail today goes on with what waits, and that is reported.
    """
    marks = kept_marks(store.values, run.frontier)
    if marks is None:
        return ()
    origins = dict.fromkeys(knowledge.seeded() or ())
    new, came, added, one, told = marks.new(requests), 0, 0, "", list[str]()
    try:
        for portion in _portions(new, origins, learn_start):
            came += len(portion)
            rows = admission.admit_all(portion, depth=0)
            number = store.frontier.add(run.frontier, rows)
            added, one = added + number, one or next((row.url for row in rows if number and not row.skipped), "")
    except SpiderError as error:
        told.append(f"start requests that are new since the crawl began could not be added: {error}")
    if came:
        marks.keep(store.values, run.frontier)
        knowledge.keep_seeded(list(origins))
    if added:
        are = "1 start request was" if added == 1 else f"{added:,} start requests were"
        told.append(
            f"{are} added with which the crawl had not begun ({redact(one)}{' ...' if added > 1 else ''}); what it had"
            f" begun with goes on: `crawl run {run.spider} --fresh` starts over"
        )
    for each in told:
        log.warning("%s", each)
    return tuple(told)


log = logging.getLogger("crawler.engine")

_SEEDING_S = 60.0  #: a process that has not continued with the start requests for this long has died
_SUSPECT_S = 3_600.0  #: how long processes remember what others suspect
_MOST_BLAMED = 500  #: pages reported to other processes
_NOBODY = 0  #: number of the first process, which has gone
_ROBOTS_S = 86_400.0  #: how long a robots.txt is good for later runs
_MOST_ROBOTS = 1_000
_LIVES = "requests of sessions:"  #: prefix of the values that say after how many a session ended
_LIVES_KEPT_S = 30 * 86_400.0
_COUNTS_KEPT_S = 7 * 86_400.0
_COUNTS_AT_ONCE = 2  #: counts against endless URLs that are shared in one go: each has the store alone for a moment


@quick_dataclass
class Waiting:
    """How a process waits for others that begin with it.

    Attributes:
        owner: Its name.
        nap: Wait a moment; True when it should wait no longer.
    """

    owner: str
    nap: Callable[[], bool]


class Knowledge:
    """The stored knowledge of one spider and one frontier.

    Args:
        robots: None where robots.txt is not requested.
        traps: What is counted against endless URLs.
        waiting: Where several processes may begin at once: how they wait for one another.
    """

    def __init__(
        self,
        store: Store,
        run: RunRow,
        *,
        guard: LogoutGuard,
        robots: RobotsCache | None,
        traps: TrapCounts | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        self._store, self._guard, self._robots, self._waiting = store, guard, robots, waiting
        self._traps, self._traps_name = traps or TrapCounts(), f"traps:{run.frontier}:"
        self._guard_name, self._guard_state = guard_name(run.spider), ""
        self._trials_name = f"trials:{run.id}"
        self._seeded_name, self._blames_name = f"seeded:{run.frontier}", f"blames:{run.frontier}"

    def load(self) -> None:
        """Give guard and robots what earlier runs learned."""
        state = self._value(self._guard_name)
        if isinstance(state, str):
            try:
                self._guard.learned.loads(state)
            except ValueError:
                log.warning("what was learned about logout links cannot be read and is forgotten")
        if self._robots is not None:
            self._robots.load(self._stored_robots())

    def lives(self, key: str) -> KnownLives:
        """What earlier runs know about the lives of sessions with this key."""
        found = self._value(_LIVES + key)
        if not isinstance(found, dict):  # in older stores a list of pages that do not show who is logged in
            found = {"requests": found, "plain": isinstance(found, list) and bool(found)}
        counts = found.get("requests")
        known = tuple(each for each in counts if isinstance(each, int)) if isinstance(counts, list) else ()
        epoch, answered = (each if isinstance(each := found.get(name), int) else 0 for name in ("epoch", "answered"))
        return KnownLives(known, found.get("plain") is True, epoch, answered)

    def keep(self, lives: Mapping[str, KnownLives]) -> None:
        """At the end: keep the rules of robots.txt files, and how long sessions lived, by their keys."""
        for key, known in lives.items():
            if known.requests or known.answered or self._value(_LIVES + key):
                self._store.values.set(_LIVES + key, asdict(known), ttl_s=_LIVES_KEPT_S)
        if self._robots is not None:
            records = {each["origin"]: each for each in (record.to_dict() for record in self._robots.dump())}
            if records:
                self._store.values.change("robots", lambda stored: _with_those(stored, records), ttl_s=_ROBOTS_S)

    def keep_guard(self) -> None:
        """Keep what was learned about links that log out, with what another process of the run has kept meanwhile."""
        self._store.values.change(self._guard_name, self._with_bans)

    def hear_guard(self) -> None:
        """Leave alone links that another process of the run has since found to log out."""
        state = self._value(self._guard_name)
        if state != self._guard_state:
            self._guard_state = self._with_bans(state)

    def _with_bans(self, state: Any) -> str:
        """Stored bans and ours together."""
        if isinstance(state, str):
            with suppress(ValueError):
                self._guard.learned.loads(state)
        return self._guard.learned.dumps()

    def share_counts(self) -> None:
        """Add up what the processes of the crawl have counted against endless URLs, where that has grown."""
        for key in self._traps.due(_COUNTS_AT_ONCE):
            name = self._traps_name + name_of(key)
            self._store.values.change(name, partial(self._traps.meets, key), ttl_s=_COUNTS_KEPT_S)

    def share_blames(self, blames: Blames) -> Blames:
        """Tell the other processes what pages are blamed for. Returns what any of them blames pages for."""
        if not blames:
            found = self._value(self._blames_name)
            return found if isinstance(found, dict) else {}
        told: Blames = self._store.values.change(self._blames_name, partial(_with_blames, blames), ttl_s=_SUSPECT_S)
        return told

    def leave_trials(self) -> None:
        """The first process is done: any process that meets a page that may end the session tries it."""
        with suppress(StoreError):
            self._store.values.set(self._trials_name, _NOBODY, ttl_s=_SUSPECT_S)

    def takes_trials(self, owner: str, *, first_is_gone: bool) -> bool:
        """Whether this process tries suspects for a while, the first one being done, or dead."""
        if not first_is_gone and self._value(self._trials_name) != _NOBODY:
            return False
        return self._store.values.claim(self._trials_name + ":by", owner, ttl_s=TAKEN_S)

    def awaited_seeds(self) -> list[str] | None:
        """The origins of the start requests; None when this process is to put these into the frontier."""
        waiting = self._waiting
        if waiting is None:
            return self.seeded()
        while True:
            mine = self.seeds()
            seeded = self.seeded()  # looked up after the claim: its last holder may have just finished
            if mine or seeded is not None:
                return seeded
            if waiting.nap():
                return []

    def seeds(self) -> bool:
        """Claim the start requests, or continue with them; False while another process is at them."""
        waiting = self._waiting
        if waiting is None:
            return True
        return self._store.values.claim(self._seeded_name + ":by", waiting.owner, ttl_s=_SEEDING_S)

    def seeds_no_more(self) -> None:
        """The start requests are in the frontier, or that failed: another process may have them."""
        if self._waiting is not None:
            with suppress(StoreError):
                self._store.values.set(self._seeded_name + ":by", None)

    def seeded(self) -> list[str] | None:
        """The origins of the start requests; None while they are not all in the frontier."""
        found: list[str] | None = self._value(self._seeded_name)
        return found

    def keep_seeded(self, origins: Sequence[str]) -> None:
        """All start requests are in the frontier."""
        self._store.values.set(self._seeded_name, list(origins))

    def _value(self, name: str) -> Any:
        """A value of an earlier run; None where there is none, or nothing that can be read."""
        try:
            return self._store.values.get(name)
        except ValueError:
            log.warning("what the store holds under %r cannot be read and is forgotten", name)
            return None

    def _stored_robots(self) -> Iterator[RobotsRecord]:
        for row in self._value("robots") or ():
            try:
                yield RobotsRecord.from_dict(row)
            except (AttributeError, KeyError, TypeError, ValueError):
                continue


def _with_those(stored: Any, records: Mapping[str, Any]) -> list[Any]:
    """Stored records of robots.txt files with those of this process, the newest last."""
    found = stored if isinstance(stored, list) else []
    others = [each for each in found if isinstance(each, dict) and each.get("origin") not in records]
    return [*others, *records.values()][-_MOST_ROBOTS:]


def _with_blames(blames: Blames, stored: Any) -> dict[str, list[str]]:
    """Stored blames with those of this process, newest last; where there are too many, suspects are kept longest."""
    found: dict[str, list[str]] = stored if isinstance(stored, dict) else {}
    for key, losses in blames.items():
        together = dict.fromkeys([*found.pop(key, ()), *losses])
        found[key] = list(together)[-BLAMED_UNTIL_SUSPECT:]
    by_weight = sorted(found, key=lambda key: len(found[key]))  # otherwise in their order
    for key in by_weight[: max(len(found) - _MOST_BLAMED, 0)]:
        del found[key]
    return found
