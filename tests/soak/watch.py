"""Memory and descriptors of a crawl and its members over time, from /proc.

Only processes of the crawler itself are looked at: the `keyring` package, where it is installed, starts a compiler for
a moment to find out that this is no Mac.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process."""

    at_s: float
    pid: int
    rss_bytes: int
    descriptors: int


@dataclass
class Watch:
    """Looks at a process group every so often, on a thread of its own, until `close`."""

    group: int
    every_s: float = 1.0
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self.every_s):
            at_s = time.monotonic() - self._began
            for pid in members(self.group):
                seen = look(pid, at_s)
                if seen is not None:
                    self.samples.append(seen)

    def of(self, pid: int) -> list[Sample]:
        return [each for each in self.samples if each.pid == pid]

    @property
    def pids(self) -> list[int]:
        """In the order in which they were first seen."""
        return list(dict.fromkeys(each.pid for each in self.samples))


def members(group: int) -> list[int]:
    """The processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[2]) == group:
            found.append(int(path.parent.name))
    return found


def look(pid: int, at_s: float) -> Sample | None:
    """A sample; None when the process has ended, or is none of the crawler's."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        if b"crawler.cli" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            return None
        return Sample(at_s, pid, pages * PAGE_BYTES, len(os.listdir(f"/proc/{pid}/fd")))
    except (OSError, IndexError):
        return None


def part(samples: list[Sample], number: int, of: int) -> list[Sample]:
    """Part *number* (from 0) of the samples cut into *of* equal ones; all of them when there are too few to cut."""
    size = len(samples) // of
    return samples[number * size : (number + 1) * size] if size else samples


def median(values: list[int]) -> int:
    """The one in the middle; 0 for none."""
    return sorted(values)[len(values) // 2] if values else 0
