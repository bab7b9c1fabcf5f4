"""How far a run has come: a live line on a terminal, plain log lines elsewhere.

Both are observers of the engine's events and run on its scheduler thread: they only keep numbers and write a line.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from crawler import events
from crawler.cli.options import here
from crawler.cli.text import about, counted, duration, local_time, mute, safe
from crawler.output.reasons import parked_words
from crawler.output.time_left import TimeLeft
from crawler.quick_dataclass import quick_dataclass
from crawler.signal_event import SignalEvent

if TYPE_CHECKING:
    from rich.progress import Progress as LiveDisplay

Ask = Callable[[str, bool], str]

FIRST_LINE_AFTER_S = 2.0  # then twice as long each time, so that a person who watches sees that it is alive
LINE_EVERY_S = 30.0  # longest time between two progress lines of a log
WIDE_CHARACTERS = 105  # a terminal narrower than this gets a short bar and no clock: the numbers come first
_log = logging.getLogger("crawler.run")
_OUTCOMES = {
    "ok": "logged in",
    "restored": "the stored session is good, no login was needed",
    "renewed": "renewed by a page of the app, no login was needed",
    "refused": "could not log in",
    "failed": "could not log in",
    "human": "needs a person to log in",
}


@quick_dataclass
class RunView:
    """What `application.run` is given: observers of its events, and how to ask the person (None: nobody is there)."""

    observers: tuple[events.Observer, ...]
    ask: Ask | None


@contextmanager
def watching(spider: str, *, quiet: bool, logs: bool = False) -> Iterator[RunView]:
    """Show the progress of one run: live where standard error is a terminal, else as log lines; nothing when quiet.

    Args:
        logs: The log lines are wanted in a file, even of a quiet run.
    """
    ask = terminal_ask()
    notice = StopNotice()
    if quiet:
        yield RunView((LogLines(),) if logs else (), ask)
    elif sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb"):
        display = _live_display()
        live = LiveProgress(display, spider)
        try:
            yield RunView((LogLines(progress=False), notice, live), live.asking(ask) if ask is not None else None)
        finally:
            notice.close()
            try:
                display.stop()
            except OSError:  # the terminal was closed
                mute(sys.stderr)
    else:
        try:
            yield RunView((LogLines(), notice), ask)
        finally:
            notice.close()


def terminal_ask() -> Ask | None:
    """A function that asks the person at the terminal, or None when standard input is no terminal."""
    try:
        if not sys.stdin.isatty():
            return None
    except (AttributeError, ValueError):  # closed
        return None
    return _ask_on_standard_error


def _ask_on_standard_error(question: str, hidden: bool) -> str:
    """Standard output belongs to the result: the question goes to standard error."""
    prompt = safe(question)
    if hidden:
        import getpass

        return getpass.getpass(prompt, stream=sys.stderr)
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError(prompt)
    return line.strip()


class LogLines:
    """An observer that writes what happens as log lines, and the numbers every `LINE_EVERY_S` seconds, at first sooner.

    Args:
        progress: Whether to write the numbers; a live display shows them already.
    """

    ignores = frozenset((events.PageDone,))

    def __init__(self, *, progress: bool = True) -> None:
        self._progress = progress
        self._last_line_at = 0.0
        self._wait_s = FIRST_LINE_AFTER_S
        self._left = TimeLeft()
        self._last_detail: dict[str, str] = {}  # of the login of a session: what follows from it need not repeat it
        self._last_warning = ""

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.Progress():
                self._numbers(event)
            case events.RunStarted():
                going_on = f", going on with {event.waiting:,} waiting" if event.resumed else ""
                _log.info("run %d of %s%s", event.run, event.spider, going_on)
            case events.LoginStarted():
                is_told = bool(event.reason) and self._last_warning.startswith(event.reason)  # the line before it
                does = "is renewed by a page of the app" if event.renews else "logs in"
                _log.info("session %s %s: %s", event.session, does, "another try" if is_told else event.reason)
            case events.LoginEnded():
                level = logging.INFO if event.outcome in ("ok", "restored", "renewed") else logging.WARNING
                detail = f": {event.detail}" if event.detail else ""
                took = duration(event.elapsed_ms / 1000)
                self._last_detail[event.session] = event.detail
                outcome = _OUTCOMES.get(event.outcome, f"login {event.outcome}")
                _log.log(level, "session %s: %s (%s)%s", event.session, outcome, took, detail)
            case events.SessionParked():
                why = "" if self._last_detail.get(event.session) == event.why else f": {event.why}"
                words = parked_words(event.session, event.why)
                waits = words.startswith("session")
                words = words if waits or not why else f"session {event.session}"
                then = "put them right, then run" if not waits else "then run" if "is mended" in words else "run"
                _log.warning("%s%s; %s: %s", words, why, then, here(event.command))
            case events.SlotPaused():
                _log.warning("%s is left alone until %s: %s", event.slot, local_time(event.until), event.why)
            case events.PageFailed():
                _log.warning("failed: %s (%s)", event.url, event.error)
            case events.PageRetried():
                _log.debug("again in %s: %s (%s)", duration(event.wait_s), event.url, event.error)
            case events.Warned():
                self._last_warning = event.message
                _log.warning("%s: %s", event.where, event.message)
            case _:
                pass  # the summary reports the end; single pages are in the page log of the store

    def _numbers(self, event: events.Progress) -> None:
        if not self._progress:
            return
        self._left.note(event.at, done=event.pages, waiting=event.waiting)
        if not self._last_line_at:
            self._last_line_at = event.at  # the first numbers say nothing yet
        if event.at - self._last_line_at >= self._wait_s:
            self._last_line_at, self._wait_s = event.at, min(2 * self._wait_s, LINE_EVERY_S)
            left_s = self._left.seconds()
            _log.info("%s%s", numbers(event), "" if left_s is None else f", {about(left_s)} left")


def numbers(event: events.Progress) -> str:
    """``120 pages, 300 waiting, 12.3/s, 0 failed, 1 login, 480 items``."""
    return (
        f"{counted(event.pages, 'page')}, {event.waiting:,} waiting, {event.pages_per_s:,.1f}/s, "
        f"{event.failed:,} failed, {counted(event.logins, 'login')}, {counted(event.items, 'item')}"
    )


def live_numbers(event: events.Progress, left_s: float | None) -> str:
    """``120 pages, 300 waiting, 12.3/s, ~24 s left, 480 items, 1 login``: what a narrow terminal cuts is last."""
    left = [] if left_s is None else [f"{about(left_s)} left"]
    failed = [f"{event.failed:,} failed"] if event.failed else []
    parts = (counted(event.pages, "page"), f"{event.waiting:,} waiting", f"{event.pages_per_s:,.1f}/s", *left, *failed)
    return ", ".join((*parts, counted(event.items, "item"), counted(event.logins, "login")))


class StopNotice:
    """An observer that answers a first Ctrl-C at once: what is in flight may take a while, and silence invites another.

    The engine's own handler is in place when the run has started; this one goes before it, and is removed with it. A
    handler must not write, so a thread of its own does. It is not started earlier: further processes are forked first.
    """

    ignores = frozenset((events.PageDone,))

    def __init__(self) -> None:
        self._asked = SignalEvent()
        self._closed = False
        self._teller = threading.Thread(target=self._tell, name="stop-notice", daemon=True)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.RunStarted):
            self._listen()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._asked.set()
        if self._teller.is_alive():
            self._teller.join()

    def _listen(self) -> None:
        handle = signal.getsignal(signal.SIGINT)
        if not callable(handle) or threading.current_thread() is not threading.main_thread():
            return

        def asked(number: int, frame: FrameType | None) -> None:
            self._asked.set()
            handle(number, frame)

        signal.signal(signal.SIGINT, asked)
        self._teller.start()

    def _tell(self) -> None:
        self._asked.wait()
        if not self._closed:
            _log.info("stopping: what is in flight is finished and kept; Ctrl-C again leaves at once")


class LiveProgress:
    """An observer that keeps one line at the bottom of the terminal, from the first event on.

    Not earlier: the display has a thread, and further processes are forked before the first event. The bar fills once
    an end is in sight; while more is found than done, it only shows that something is happening.
    """

    ignores = frozenset((events.PageDone,))

    def __init__(self, display: LiveDisplay, spider: str) -> None:
        self._display = display
        self._failed_before: int | None = 0
        self._left = TimeLeft()
        self._task = display.add_task(spider, total=None, numbers="starting")

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.RunStarted):
            self._failed_before = None if event.resumed else 0
            self._display.start()
        elif isinstance(event, events.Progress):
            if self._failed_before is None:  # the run continues a frontier: these failed in earlier runs
                self._failed_before = event.failed
            done = event.pages + event.failed - self._failed_before
            self._left.note(event.at, done=done, waiting=event.waiting)
            left_s = self._left.seconds() if event.waiting else 0.0
            total = None if left_s is None or not done else done + event.waiting
            text = live_numbers(event, left_s or None)
            self._display.update(self._task, completed=done, total=total, numbers=text)

    def asking(self, ask: Ask) -> Ask:
        """*ask* with the display taken away while the person types."""

        def asked(question: str, hidden: bool) -> str:
            self._display.stop()
            try:
                return ask(question, hidden)
            finally:
                self._display.start()

        return asked


def _live_display() -> LiveDisplay:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(stderr=True, highlight=False)
    wide = console.width >= WIDE_CHARACTERS
    time_column: tuple[ProgressColumn, ...] = (TimeElapsedColumn(),) if wide else ()
    return Progress(
        SpinnerColumn(style="cyan"),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(
            20 if wide else 4, style="bright_black", complete_style="cyan", finished_style="cyan", pulse_style="cyan"
        ),
        TextColumn(  # what is too long is cut at its end, where the least important numbers are
            "{task.fields[numbers]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        *time_column,
        console=console,
        refresh_per_second=4,  # each drawing takes the interpreter from the workers for some milliseconds
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what a spider prints goes above the bar; a file gets it as it is
    )
