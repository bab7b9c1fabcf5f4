"""Processes of this machine, as /proc shows them; where it is missing nothing is known about any."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def command_of(pid: int) -> str:
    """The command line of a process; "" where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def leads_a_group(pid: int) -> bool:
    """Whether a process is the first one of its group."""
    try:
        return os.getpgid(pid) == pid
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    """Processes below *pid*, nearest first; none where the system does not say."""
    children: dict[int, list[int]] = {}
    try:
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{entry.name}/stat", encoding="latin-1") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                    children.setdefault(parent, []).append(int(entry.name))
    except OSError:
        return []
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for each in level for child in sorted(children.get(each, ()))]
        found += level
    return found


def kill_tree(pid: int) -> None:
    """Kill a process and all below it, also those that are stopped."""
    for each in (pid, *descendants(pid)):
        with contextlib.suppress(OSError):  # it has just ended
            os.kill(each, signal.SIGKILL)


def memory_bytes(pid: int) -> int:
    """Its share of the memory (PSS), or its resident memory (RSS) where that is not known."""
    for name, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/{name}", encoding="latin-1") as file:
            for line in file:
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
    return 0
