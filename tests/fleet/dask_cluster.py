"""A Dask cluster of the tests: a scheduler and workers as processes of their own, which may be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

_WITHIN_S = 40.0


class Cluster:
    """A context: ``address`` is that of the scheduler, ``HOST:PORT``."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._stack = ExitStack()
        self.nodes: list[subprocess.Popen[Any]] = []
        self.address = ""

    def __enter__(self) -> Cluster:
        file = self._folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        deadline = time.monotonic() + _WITHIN_S
        while not (file.exists() and '"address"' in file.read_text()):
            assert time.monotonic() < deadline, "the scheduler does not answer"
            time.sleep(0.05)
        self.address = str(json.loads(file.read_text())["address"]).removeprefix("tcp://")
        return self

    def node(self, threads: int = 2) -> subprocess.Popen[Any]:
        """One more Dask worker, with room for so many tasks."""
        words = ["--nthreads", str(threads), "--no-dashboard", "--no-nanny", "--local-directory", str(self._folder)]
        node = self._start("worker", f"tcp://{self.address}", *words)
        self.nodes.append(node)
        return node

    def kill(self, node: subprocess.Popen[Any]) -> None:
        """SIGKILL, as when a machine takes it."""
        node.send_signal(signal.SIGKILL)
        node.wait()

    def _start(self, *words: str) -> subprocess.Popen[Any]:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words], cwd=self._folder, env=self._environment, **quiet
        )
        self._stack.callback(self._end, process)
        return process

    def _end(self, process: subprocess.Popen[Any]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
