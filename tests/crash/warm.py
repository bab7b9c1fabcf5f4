"""Crawls that start at once: a process that has imported everything forks a child for each command.

Importing takes most of a second, which a sweep over hundreds of crash points cannot spend twice at each. The child is
otherwise what ``python -m crawler.cli`` is: a session and process group of its own, its own streams, folder and
environment, and `crawler.cli.main` with the words of the command line.

As a program (``python -m tests.crash.warm``) it is the forking process: one order a line on standard input, two answers
on standard output: the number of the child, and how it ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.crash.project import CHECKOUT, ENDED_WITHIN_S, Ended

STARTED_WITHIN_S = 60.0
TRACED_WITHIN_S = 20.0


class Warm:
    """A process that forks crawls, one at a time. Not for several threads at once; `close` ends it.

    Args:
        before: A folder whose modules come first, for all crawls.
    """

    def __init__(self, *, before: Path | None = None) -> None:
        path = str(CHECKOUT) if before is None else f"{before}:{CHECKOUT}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.warm"],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

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
        outputs = [tempfile.mkstemp(prefix="crash-") for _ in range(2)]
        for descriptor, _ in outputs:
            os.close(descriptor)
        out, err = outputs[0][1], outputs[1][1]
        order = {
            "words": list(words),
            "folder": str(folder),
            "environment": dict(environment),
            "out": out,
            "err": err,
            "wait": trace is not None,
            "user": user,
        }
        self._write(json.dumps(order))
        pid = int(self._read(STARTED_WITHIN_S)["pid"])
        tracer = None
        if trace is not None:
            tracer = subprocess.Popen(trace(pid), stdin=subprocess.DEVNULL, start_new_session=True)
            _wait_for_tracer(pid)
            os.kill(pid, signal.SIGCONT)
        return WarmRunning(self, pid, tracer, (out, err))

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _read(self, seconds: float) -> dict[str, Any]:
        """The next answer.

        Raises:
            TimeoutError: None came in time.
        """
        pipe = self._process.stdout
        assert pipe is not None
        if not select.select([pipe], [], [], max(seconds, 0.0))[0]:
            raise TimeoutError(f"no answer within {seconds:g} s")
        answer: dict[str, Any] = json.loads(pipe.readline())
        return answer

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(STARTED_WITHIN_S)

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class WarmRunning:
    """A crawl that was forked; the same methods as `project.Running`."""

    def __init__(self, warm: Warm, pid: int, tracer: subprocess.Popen[bytes] | None, outputs: tuple[str, str]) -> None:
        self.pid = pid
        self.code: int | None = None
        self._warm, self._tracer, self._outputs = warm, tracer, outputs

    def ended_within(self, seconds: float) -> bool:
        """Whether it ended by itself within so many seconds."""
        if self.code is None:
            try:
                answer = self._warm._read(seconds)
            except TimeoutError:
                return False
            self.code = int(answer["code"])
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
        assert self.code is not None
        return Ended(self.code, self._said(0), self._said(1))

    def _said(self, which: int) -> str:
        return Path(self._outputs[which]).read_text(errors="replace")

    def __enter__(self) -> WarmRunning:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.code is None:
            self.kill()
        if self._tracer is not None:
            self._tracer.wait(ENDED_WITHIN_S)
        for path in self._outputs:
            os.unlink(path)


def _wait_for_tracer(pid: int) -> None:
    """Until a tracer is at the process and has let it stop again."""
    ends = time.monotonic() + TRACED_WITHIN_S
    while time.monotonic() < ends:
        status = Path(f"/proc/{pid}/status").read_text()
        if "TracerPid:\t0\n" not in status:
            return
        time.sleep(0.002)
    raise TimeoutError("no tracer came")


def serve() -> None:
    """Fork a child for each order until standard input ends."""
    import_everything()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            be_a_crawl(order)
        if order["wait"]:
            os.waitpid(pid, os.WUNTRACED)
        _answer(pid=pid)
        _, status = os.waitpid(pid, 0)
        _answer(code=os.waitstatus_to_exitcode(status))


def _answer(**values: int) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def import_everything() -> None:
    """What a run will need, so that its children do not import it each for itself."""
    import importlib
    import pkgutil

    import crawler

    for found in pkgutil.walk_packages(crawler.__path__, "crawler."):
        if ".testing" not in found.name and not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except ImportError:
                pass  # an extra that is not installed
    importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")


def be_a_crawl(order: dict[str, Any]) -> NoReturn:
    """In a forked child: become ``crawl`` as the order says."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(order[name], os.O_WRONLY | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    os.close(nowhere)
    os.chdir(order["folder"])
    if order["user"] is not None:
        os.setgroups([])
        os.setresgid(order["user"], order["user"], order["user"])
        os.setresuid(order["user"], order["user"], order["user"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.path[:] = [path for path in sys.path if path]
    if order["wait"]:
        os.kill(os.getpid(), signal.SIGSTOP)  # until the tracer is there
    end_as_crawl(order["words"])


def end_as_crawl(words: Sequence[str]) -> NoReturn:
    """Run a command and end this process as it would."""
    import importlib

    from crawler import clock
    from crawler.cli import main

    importlib.reload(clock)  # it reads the system's clock once, at the start of a process
    code = 70
    try:
        main(words)
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        os._exit(code)


if __name__ == "__main__":
    serve()
