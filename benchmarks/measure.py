"""Runs a command and measures wall time, CPU seconds of all its processes, and their peak memory together."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_SAMPLE_S = 0.2


@dataclass(slots=True)
class Cost:
    """The resources used by a run.

    Attributes:
        cpu_s: User and system time of the command and all its children.
        peak_mb: Largest sum of the proportional set sizes of its processes, in 10^6 bytes.
        memory: Samples of that sum: seconds since the start, and 10^6 bytes.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    memory: list[tuple[float, float]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measured(command: list[str], *, environ: dict[str, str], cwd: Path, log: Path, limit_s: float) -> Cost:
    """Run *command* until it ends.

    Args:
        log: Receives its output.
        limit_s: Seconds after which it is killed.
    """
    with open(log, "wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environ,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        sampler = _Sampler(process.pid, started)
        sampler.start()
        watchdog = threading.Timer(limit_s, _end, [process.pid])
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
    return Cost(
        wall_s,
        usage.ru_utime + usage.ru_stime,
        max(sampler.peak_mb, usage.ru_maxrss * 1024 / 1e6 if not sampler.samples else 0.0),
        process.returncode,
        sampler.samples,
    )


def _end(group: int) -> None:
    try:
        os.killpg(group, 9)  # the session that was started only for this command
    except ProcessLookupError:
        pass


class _Sampler(threading.Thread):
    """Adds up the memory of a process and its descendants at intervals."""

    def __init__(self, pid: int, started: float) -> None:
        super().__init__(daemon=True)
        self._pid, self._begun = pid, started
        self._over = threading.Event()
        self.samples: list[tuple[float, float]] = []
        self.peak_mb = 0.0

    def run(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            total_mb = sum(map(_pss_mb, _family(self._pid)))
            if total_mb:
                self.peak_mb = max(self.peak_mb, total_mb)
                self.samples.append((round(time.perf_counter() - self._begun, 2), round(total_mb, 1)))

    def stop(self) -> None:
        self._over.set()
        self.join()


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            for task in os.listdir(f"/proc/{each}/task"):
                found += map(int, Path(f"/proc/{each}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def _pss_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return 0.0
