"""Many starts of one command within a moment: forked processes that stop until all of them are there."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from tests.crash.project import ENDED_WITHIN_S, Project
from tests.crash.warm import wait_until_stopped
from tests.forked import Forked


def started_at_once(project: Project, count: int, words: Sequence[str] | None = None) -> list[int]:
    """The exit codes of *count* runs that were started within a moment."""
    command = [sys.executable, "-m", "crawler.cli", *(words if words is not None else project.words())]
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with ExitStack() as running:
        processes = [
            running.enter_context(Forked(command, stopped=True, cwd=project.folder, env=project.environment, **quiet))
            for _ in range(count)
        ]
        for process in processes:
            wait_until_stopped(process.pid)
        for process in processes:
            process.send_signal(signal.SIGCONT)
        return [process.wait(ENDED_WITHIN_S) for process in processes]
