"""Sends notices about a run: how it went, at its end, and that a session waits for a person, as soon as it does.

The settings say whom to notify and of what; the wording is that of `output.notices`. Nothing here fails a run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

from crawler.clock import unix_now
from crawler.errors import AlreadyRunning, KeyFileError, SettingsError, StoreError, UsageError
from crawler.events import Event, PageDone, SessionParked, Summary
from crawler.output import metrics
from crawler.output.notices import (
    CHANGES,
    EVENTS,
    EXAMPLES,
    Notice,
    is_alive,
    of_changes,
    of_error,
    of_parked,
    of_run,
)
from crawler.output.notifiers import Ping, notifier_of, tell_all
from crawler.output.run_members import MemberShare, shares_of
from crawler.records import Change
from crawler.runs.verdict import CODES
from crawler.sessions.secrets import hide, remember_secret
from crawler.settings import Settings
from crawler.stores.base import RunRow, Store

log = logging.getLogger("crawler.notify")
_CODES: tuple[tuple[type[Exception], int], ...] = (
    (KeyFileError, 2),
    (StoreError, 6),
    (AlreadyRunning, 4),
    (UsageError, 2),
)
_BUG = 70
_COUNTED = 100_000  #: changes of a run that continues a crawl
PARKED_AFTER_S = 30.0  #: a run that ends sooner reports its sessions at its end
_CHOSEN = frozenset({"limit", "interrupted", "terminated"})  #: endings that say nothing about the state of the site


class Telling:
    """Sends the notices about one run of a spider. An observer of its events.

    Raises:
        SettingsError: An address is not valid, or needs an extra that is not installed; or there is no such event.
    """

    ignores: frozenset[type[Event]] = frozenset((PageDone,))

    def __init__(self, spider: str, settings: Settings) -> None:
        self.spider = spider
        self._notifiers = [notifier_of(url) for url in settings.notify.replace(",", " ").split()]
        self._events = frozenset(settings.notify_on.replace(",", " ").split())
        unknown = sorted(self._events - set(EVENTS))
        if unknown:
            raise SettingsError(f"setting notify_on: {', '.join(unknown)}: not one of {', '.join(EVENTS)}")
        self._ping = Ping(settings.ping) if settings.ping else None
        self._metrics = settings.metrics_file.replace("{spider}", spider)
        self._parked = False
        self._timers: list[threading.Timer] = []
        if settings.ping:
            remember_secret(settings.ping)

    @property
    def listens(self) -> bool:
        """Whether anything is sent while the run goes on."""
        return bool(self._notifiers) and "parked" in self._events

    def __call__(self, event: Event) -> None:
        if isinstance(event, SessionParked) and self.listens:
            timer = threading.Timer(PARKED_AFTER_S, self._tell_parked, [of_parked(self.spider, event)])
            timer.daemon = True
            timer.start()
            self._timers.append(timer)

    def _tell_parked(self, notice: Notice) -> None:
        """On a thread of its own: the scheduler must not wait for a service."""
        self._parked = True
        tell_all(self._calls(notice))

    def _no_more_timers(self) -> None:
        """What has not been reported about a session yet is reported at the end of the run."""
        for timer in self._timers:
            timer.cancel()
            if self._parked:
                timer.join(PARKED_AFTER_S)

    def ended(self, summary: Summary, left: Left) -> None:
        """Report a run that has ended, and what it has changed."""
        self._no_more_timers()
        bad = left.before is not None and left.before.exit_code != 0
        notice = of_run(summary, last_was_bad=bad, told_parked=self._parked)
        changed = of_changes(summary, left.counts, left.examples) if notice is not None else None
        also = self._calls(changed) if changed is not None and CHANGES in self._events else []
        self._tell(notice, alive=is_alive(notice, summary.exit_code), exit_code=summary.exit_code, also=also)
        if self._metrics:
            of_members = {str(each.number): each.pages for each in left.members}
            text = metrics.metrics_text(summary, now=unix_now(), last_success=left.last_success, members=of_members)
            self._write_metrics(text)

    def broke(self, error: Exception) -> None:
        """Report a run that ended with an error."""
        self._no_more_timers()
        code = next((code for kind, code in _CODES if isinstance(error, kind)), _BUG)
        self._tell(of_error(self.spider, error, code), alive=False, exit_code=code)
        if self._metrics:
            summary = Summary(self.spider, exit_code=code, ending=type(error).__name__)
            self._write_metrics(metrics.metrics_text(summary, now=unix_now(), last_success=None))

    def _tell(
        self,
        notice: Notice | None,
        *,
        alive: bool,
        exit_code: int,
        also: Sequence[tuple[str, Callable[[], None]]] = (),
    ) -> None:
        calls = self._calls(notice) if notice is not None and notice.event in self._events else []
        if self._ping is not None:
            ping = self._ping
            calls.append((ping.name, lambda: ping.send(alive=alive, exit_code=exit_code)))
        tell_all([*calls, *also])

    def _calls(self, notice: Notice) -> list[tuple[str, Callable[[], None]]]:
        return [(each.name, partial(each.send, notice)) for each in self._notifiers]

    def _write_metrics(self, text: str) -> None:
        try:
            metrics.write_metrics(Path(self._metrics), text)
        except OSError as error:
            log.error("metrics file %s: %s", self._metrics, hide(str(error.strerror or error)))


class RunWatcher(Protocol):
    """An observer that is closed at the end of the run."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...


def watchers(spider: str, settings: Settings) -> list[RunWatcher]:
    """The observers of a run that settings ask for; what they need is imported only for them.

    Raises:
        SettingsError: An extra is not installed.
    """
    found: list[RunWatcher] = []
    if settings.metrics_port:
        from crawler.runs.metrics_endpoint import MetricsEndpoint

        found.append(MetricsEndpoint(spider, settings.metrics_port))
    if settings.traces:
        from crawler.runs.traces import Traces

        found.append(Traces(spider))
    return found


class Left(NamedTuple):
    """What the store says about a run that has ended, besides its summary.

    Attributes:
        before: The last run before it whose ending says how the site was, or None.
        last_success: When the last good run ended, this one included.
        counts: Kind of item to how many of its records this run found new, changed, gone and back.
        examples: A few of these.
        members: What each process of the run did.
    """

    before: RunRow | None = None
    last_success: float | None = None
    counts: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    examples: Sequence[Change] = ()
    members: Sequence[MemberShare] = ()


def left_by(store: Store, run: int, summary: Summary) -> Left:
    """Ask the store, which is about to be closed."""
    this = store.runs.get(run)
    rows = [row for row in store.runs.last(this.spider, limit=200) if row.args == this.args]
    good = next((row.ended_at for row in rows if row.exit_code == CODES["finished"]), None)
    earlier = (row for row in rows if row.id < run and row.ending not in _CHOSEN)
    counts: Mapping[str, Mapping[str, int]] = summary.changes
    examples: list[Change] = []
    if any(number for kinds in counts.values() for number in kinds.values()):
        found = store.records.changes(this.spider, since=this.started_at)
        examples = list(islice(found, EXAMPLES))
        if summary.resumed:  # what earlier runs have found was reported then
            from crawler.output.changes import counts_of  # with all that writes exports

            counts = counts_of([*examples, *islice(found, _COUNTED)])
    return Left(next(earlier, None), good, counts, examples, shares_of(store, run))
