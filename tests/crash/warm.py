"""Crawls that start at once (`tests.forked`), with tracers and other users, and files for what they say.

A sweep over hundreds of crash points cannot spend most of a second twice at each on importing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.crash.project import ENDED_WITHIN_S, Ended
from tests.forked import Forked, Server

TRACED_WITHIN_S = 20.0


class Warm:
    """A process that forks crawls: the shared one, or one of its own, which `close` ends.

    Args:
        before: A folder whose modules come first, for all crawls.
    """

    def __init__(self, *, before: Path | None = None) -> None:
        self._own = None if before is None else Server(before / "orders", os.getpid(), before=before)

    def start(
        self,
        words: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        trace: Callable[[int], list[str]] | None = None,
        user: int | None = None,
    ) -> WarmRunning:
        """Run ``crawl`` with *words* in *folder*.

        Args:
            environment: All of its variables.
            trace: From the number of the process to the command of a tracer, which is at it before it does anything.
            user: Number of the user it becomes; only for root.
        """
        outputs = [tempfile.NamedTemporaryFile(prefix="crash-") for _ in range(2)]  # noqa: SIM115 - as long as it lives
        process = Forked(
            [sys.executable, "-m", "crawler.cli", *words],
            server=self._own.address if self._own is not None else "",
            stopped=trace is not None,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[1],
            user=user,
            start_new_session=True,
        )
        tracer = None
        if trace is not None:
            wait_until_stopped(process.pid)
            tracer = subprocess.Popen(trace(process.pid), stdin=subprocess.DEVNULL, start_new_session=True)
            _wait_for_tracer(process.pid)
            os.kill(process.pid, signal.SIGCONT)
        return WarmRunning(process, tracer, outputs)

    def close(self) -> None:
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class WarmRunning:
    """A crawl that was forked; the same methods as `project.Running`."""

    def __init__(self, process: Forked, tracer: subprocess.Popen[bytes] | None, outputs: list[IO[bytes]]) -> None:
        self._process, self._tracer, self._outputs = process, tracer, outputs

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def ended_within(self, seconds: float) -> bool:
        """Whether it ended by itself within so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL for the whole group, and wait for the process's end."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has just ended by itself
        self.ended_within(ENDED_WITHIN_S)

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self, seconds: float = ENDED_WITHIN_S) -> Ended:
        """Wait for its end and tell what it said.

        Raises:
            TimeoutError: It is still running; it is killed then.
        """
        if not self.ended_within(seconds):
            self.kill()
            raise TimeoutError(f"still running after {seconds:g} s; it said: {self._said(1)[-2000:]}")
        code = self.code
        assert code is not None
        return Ended(code, self._said(0), self._said(1))

    def _said(self, which: int) -> str:
        return Path(self._outputs[which].name).read_text(errors="replace")

    def __enter__(self) -> WarmRunning:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.code is None:
            self.kill()
        if self._tracer is not None:
            self._tracer.wait(ENDED_WITHIN_S)
        for file in self._outputs:
            file.close()


def wait_until_stopped(pid: int) -> None:
    """Until the process has stopped itself."""
    _until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "it did not stop")


def _wait_for_tracer(pid: int) -> None:
    """Until a tracer is at the process and has let it stop again."""
    _until(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text(), "no tracer came")


def _until(there: Callable[[], bool], otherwise: str) -> None:
    ends = time.monotonic() + TRACED_WITHIN_S
    while not there():
        if time.monotonic() > ends:
            raise TimeoutError(otherwise)
        time.sleep(0.002)
