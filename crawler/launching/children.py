"""Workers as processes on this machine: started, kept running, and told to leave. A killed one is started again."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from crawler.launching.tied import command
from crawler.signal_event import SignalEvent

_LOOK_S: Final = 0.1
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0  #: before one is started again; twice as long each time
_GOOD_S: Final = 300.0  #: after living this long, one begins with the short wait again
MOST_STARTS: Final = 8  #: of one worker in a row, each of which ended soon
AGAIN: Final = frozenset({6, 70})  #: exit codes after which another try may help: the store, and unforeseen errors


class Children:
    """Some workers, each a process. For the main thread.

    Args:
        words: Name of each worker to the words of its command, after ``crawl``.
        tell: Takes a line for a person.
    """

    def __init__(self, words: Mapping[str, Sequence[str]], *, tell: Callable[[str], None]) -> None:
        self._kept = [Child([*each, "--name", name], name) for name, each in words.items()]
        self._tell, self.told = tell, SignalEvent()

    def leave(self, signal_number: int = 0) -> None:
        """Pass it on: the first one lets workers finish their pages, the second one ends them. A signal handler."""
        self.told.set()
        for each in self._kept:
            each.signal()

    def run(self) -> int:
        """Keep them running until all have ended by themselves or were told to. Returns the highest exit code."""
        try:
            for each in self._kept:
                each.start()
            while any(not each.is_over for each in self._kept):
                for each in self._kept:
                    each.look(self.told.is_set(), self._tell)
                self.told.wait(_LOOK_S) if not self.told.is_set() else time.sleep(_LOOK_S)
        finally:
            for each in self._kept:
                each.signal()
        return max((each.code for each in self._kept), default=0)


class Child:
    """One worker: its process, and when it is started again."""

    def __init__(self, words: Sequence[str], name: str) -> None:
        self._words, self.name = list(words), name
        self._process: subprocess.Popen[Any] | None = None
        self._starts, self._began, self._again_at = 0, 0.0, 0.0
        self.is_over, self.code = False, 0

    def start(self) -> None:
        self._starts, self._began = self._starts + 1, time.monotonic()
        self._process = subprocess.Popen(  # a terminal's Ctrl-C reaches them through us alone
            command(self._words), process_group=0, stdin=subprocess.DEVNULL
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def signal(self) -> None:
        if self.pid is not None and self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def look(self, told: bool, tell: Callable[[str], None]) -> None:
        """See whether it has ended, and what follows."""
        if self.is_over:
            return
        if self._process is None:
            if told:
                self.is_over = True
            elif time.monotonic() >= self._again_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        lived_s = time.monotonic() - self._began
        self._starts = 0 if lived_s > _GOOD_S else self._starts
        if told or not may_help(code) or self._starts >= MOST_STARTS:
            self.is_over, self.code = True, shell_code(code) if not told or code != -signal.SIGTERM else 0
            return
        wait_s = min(_FIRST_WAIT_S * 2 ** (self._starts - 1 if self._starts else 0), _LONGEST_WAIT_S)
        tell(f"worker {self.name} ended ({how(code)}); started again in {wait_s:g} s")
        self._process, self._again_at = None, time.monotonic() + wait_s


def may_help(code: int) -> bool:
    """Whether to restart a worker that ended with this code: it was killed, or its problem may be over soon."""
    return code < 0 or code in AGAIN


def shell_code(code: int) -> int:
    """As a shell reports it: 128 plus the number of the signal."""
    return 128 - code if code < 0 else code


def how(code: int) -> str:
    """The same for a person."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
