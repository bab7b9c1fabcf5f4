"""Counting: from outcomes to the Summary; and passing events to observers."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from crawler.clock import unix_now
from crawler.events import Event, LoginEnded, Observer, PageDone, PageFailed, PageRetried, Progress, Summary
from crawler.outcome import Outcome, Verdict
from crawler.output.figures import count_fields
from crawler.output.reasons import short_reason
from crawler.output.timeline import Moment, Timeline
from crawler.runs.together import Together
from crawler.runs.uncertain import Uncertain
from crawler.urls import printable, redact

log = logging.getLogger("crawler.engine")
_PROGRESS_EVERY_S = 0.25
_ERRORS_KEPT = 50
_REASONS_KEPT = 50


def error_name(error: str) -> str:
    """How an error (or a rule) is counted: by its class, or by its status."""
    name = error.partition("\n")[0].partition(":")[0]
    return (" ".join(error.split()[1:2]) or name) if name == "StatusError" else name


def wants_pages(observers: Iterable[Observer]) -> bool:
    """Whether one of them does something with a `PageDone`."""
    return any(PageDone not in getattr(each, "ignores", ()) for each in observers)


class Stats:
    """Counts of one run in this process. Used by the scheduler's thread.

    Attributes:
        timeline: The course of the run, including what further processes did.
        together: Progress of the processes whose figures are counted with this one's.
    """

    def __init__(self, summary: Summary, observers: Iterable[Observer], together: Together | None = None) -> None:
        self.summary = summary
        self._observers = list(observers)
        self._tells_pages = wants_pages(self._observers)
        self._started = time.monotonic()
        self._told_at = 0.0
        self._errors: Counter[str] = Counter()
        self._uncertain = Uncertain()
        self._warned = 0
        self._warning = ""
        self.together = together or Together()
        self.timeline = Timeline()
        self.told = 0  #: events so far: one means that something is new
        self._stands = (0, 0)  # waiting and failed, as last reported

    @property
    def watched(self) -> bool:
        """Whether there are observers."""
        return bool(self._observers)

    @property
    def has_warned(self) -> bool:
        """Whether a page of this process had a warning."""
        return self._warned > 0

    def tell(self, event: Event) -> None:
        """Count an event, and call the observers; one that raises is reported and left out from then on."""
        self.told += 1
        for observer in list(self._observers):
            try:
                observer(event)
            except Exception:  # observers are users' code
                log.exception("an observer raised and is no longer called: %r", observer)
                self._observers.remove(observer)

    def token_login(self, session: str, elapsed_ms: float) -> None:
        """Count and tell a good login by the auth of a session itself, for a token."""
        self.summary.logins += 1
        self.tell(LoginEnded(unix_now(), session, "ok", 0, elapsed_ms))

    def committed(self, outcomes: Sequence[Outcome], lost: frozenset[int], now: float) -> None:
        """Count what a commit wrote."""
        summary = self.summary
        for outcome in outcomes:
            if outcome.request.id in lost:
                continue
            verdict = outcome.verdict
            self._uncertain.take_back(outcome.request.id, summary)  # it comes again: its session was lost
            if outcome.warnings:
                self._warned += 1
                self._warning = self._warning or f"{outcome.warnings[0]}, as on {redact(outcome.request.url)}"
            summary.retried += max(outcome.tries - 1, 0) if outcome.sent_at else 0
            if outcome.rejected:
                summary.rejected += len(outcome.rejected)
            if outcome.dropped:
                self._count_dropped(outcome.dropped)
            if verdict is Verdict.ACCEPT:
                summary.pages += 1
                summary.size_bytes += outcome.size_bytes
                if outcome.file is None:
                    self._count_callback(outcome)
                if outcome.file is not None or outcome.files_held:
                    self._count_files(outcome)
                if outcome.unchanged is not None or outcome.status == 304:
                    self._count_unchanged(outcome)
                self._uncertain.note(outcome)
            elif verdict is Verdict.RETRY:
                summary.retried += 1
            elif verdict is Verdict.FAIL:
                self._count_error(outcome.error)
            if outcome.items and verdict in (Verdict.ACCEPT, Verdict.FAIL):  # of an errback, too
                for item in outcome.items:
                    summary.items[item.table] = summary.items.get(item.table, 0) + 1
                    summary.seen[item.table] = summary.seen.get(item.table, 0) + 1
                count_fields(outcome.items, summary.filled)
        if self._observers:
            for outcome in outcomes:
                self._tell_outcome(outcome, now)

    def _count_dropped(self, dropped: Mapping[str, int]) -> None:
        counts = self.summary.dropped
        for reason, count in dropped.items():
            name = reason if reason in counts or len(counts) < _REASONS_KEPT else "for other reasons"
            counts[name] = counts.get(name, 0) + count

    def _count_files(self, outcome: Outcome) -> None:
        files, how = self.summary.files, outcome.file_was or "held"
        files[how] = files.get(how, 0) + (1 if outcome.file is not None else outcome.files_held)

    def _count_unchanged(self, outcome: Outcome) -> None:
        summary = self.summary
        summary.unchanged += 1
        summary.not_asked += not outcome.status
        visit = outcome.unchanged
        for table, count in (*visit.items.items(), *visit.records.items()) if visit is not None else ():
            summary.items[table] = summary.items.get(table, 0) + count

    def _count_callback(self, outcome: Outcome) -> None:
        name = outcome.request.callback or "parse"
        of_it = self.summary.callbacks.get(name)
        if of_it is None:
            of_it = self.summary.callbacks[name] = {"pages": 0, "items": 0, "requests": 0}
        of_it["pages"] += 1
        of_it["items"] += outcome.item_count
        of_it["requests"] += outcome.requests

    def _count_error(self, error: str) -> None:
        name = error_name(error)
        if name in self._errors or len(self._errors) < _ERRORS_KEPT:
            self._errors[name] += 1
        self.summary.errors = dict(self._errors.most_common())

    def _tell_outcome(self, outcome: Outcome, now: float) -> None:
        if outcome.verdict is Verdict.ACCEPT and not self._tells_pages:
            return
        url = printable(redact(outcome.request.url))
        error = printable(outcome.error.partition("\n")[0])
        if outcome.verdict is Verdict.ACCEPT:
            self.tell(
                PageDone(
                    now,
                    url,
                    outcome.status,
                    outcome.session_name,
                    outcome.item_count,
                    len(outcome.found),
                    outcome.size_bytes,
                    outcome.elapsed_ms,
                    outcome.sent_at,
                )
            )
        elif outcome.verdict is Verdict.RETRY:
            wait_s = max(outcome.not_before - now, 0.0)
            attempt, took_ms = outcome.request.attempt + outcome.tries, outcome.elapsed_ms
            self.tell(PageRetried(now, url, error, attempt, wait_s, outcome.sent_at, took_ms))
        elif outcome.verdict is Verdict.FAIL:
            why = printable(short_reason(outcome.error))
            self.tell(PageFailed(now, url, why, outcome.status, outcome.sent_at, outcome.elapsed_ms))

    def progress(self, now: float, *, waiting: int, failed: int, force: bool = False) -> None:
        """Report progress, a few times a second at most."""
        self._stands = (waiting, failed)
        monotonic = time.monotonic()
        if not force and monotonic - self._told_at < _PROGRESS_EVERY_S:
            return
        self._told_at = monotonic
        moment = self.keep_moment(force=force)
        if self._observers:
            rate = moment.pages / max(moment.after_s, 1e-6)
            whole = self.together.leads
            self.tell(Progress(now, moment.pages, waiting, failed, moment.items, moment.logins, rate, whole))

    def keep_moment(self, *, force: bool = True) -> Moment:
        """The progress now, all processes together, in the form of the timeline."""
        summary, others = self.summary, self.together.others()
        moment = Moment(
            time.monotonic() - self._started,
            summary.pages + sum(other.pages for other in others),
            *self._stands,
            summary.item_count + sum(other.items for other in others),
            summary.logins + sum(other.logins for other in others),
        )
        self.timeline.note(moment, last=force)
        return moment

    def ended(self) -> None:
        """Fill in the times, and say that there were warnings."""
        if self._warned:
            pages = "1 page has" if self._warned == 1 else f"{self._warned:,} pages have"
            self.summary.messages.append(
                f"{pages} a warning ({self._warning}); `crawl status {self.summary.spider}` lists them"
            )
        self.summary.elapsed_s = round(time.monotonic() - self._started, 3)
        self.summary.pages_per_s = round(self.summary.pages / max(self.summary.elapsed_s, 1e-6), 1)
