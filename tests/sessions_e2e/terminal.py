"""A command at a terminal of its own, with a person who reads and types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.forked import Forked

PATIENCE_S = 30.0


class Terminal:
    """One running command. Used by one thread."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process, self._screen = process, screen
        self.shown = ""

    def read_until(self, text: str) -> None:
        """Read what the command shows until *text* is among it.

        Raises:
            AssertionError: It ended, or did not show it in time.
        """
        ends = time.monotonic() + PATIENCE_S
        while text not in self.shown:
            if not self._read(ends):
                raise AssertionError(f"{text!r} was not shown; it showed:\n{self.shown}")

    def read_until_after(self, text: str, start: int) -> None:
        """The same of what is shown behind the first *start* characters."""
        ends = time.monotonic() + PATIENCE_S
        while text not in self.shown[start:]:
            if not self._read(ends):
                raise AssertionError(f"{text!r} was not shown; it showed:\n{self.shown[start:]!r}")

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        os.write(self._screen, line.encode() + b"\n")

    def ended(self) -> int:
        """Read to its end; its exit code."""
        ends = time.monotonic() + PATIENCE_S
        while self._read(ends):
            pass
        return self._process.wait(PATIENCE_S)

    def _read(self, ends: float) -> bool:
        looking = select.poll()  # select() knows no descriptor above 1,023
        looking.register(self._screen, select.POLLIN)
        if not looking.poll(max(ends - time.monotonic(), 0.0) * 1000):
            return False
        try:
            found = os.read(self._screen, 65_536)
        except OSError:  # Linux says so when the other side was closed
            return False
        self.shown += found.decode("utf-8", "replace")
        return bool(found)


@contextmanager
def at_a_terminal(
    *words: str, folder: Path, columns: int = 200, environ: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """``crawl WORDS`` in *folder*, with a terminal for everything; ended by force where it does not end."""
    screen, other_side = pty.openpty()
    termios.tcsetwinsize(other_side, (50, columns))
    try:
        process = Forked(
            [sys.executable, "-m", "crawler.cli", *words],
            cwd=folder,
            stdin=other_side,
            stdout=other_side,
            stderr=other_side,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "TERM": "dumb",
                "COLUMNS": str(columns),
                **(environ or {}),
            },
            start_new_session=True,
        )
    finally:
        os.close(other_side)
    try:
        yield Terminal(process, screen)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE_S)
        os.close(screen)
