"""Identifies a process uniquely, past and future: on its own machine it is known at once whether it has died."""

from __future__ import annotations

import json
import os
from typing import Any


def this_process() -> dict[str, Any]:
    """This process, for `is_dead` on the same machine."""
    return {"machine": _machine(), "number": os.getpid(), "began": _began(os.getpid())}


def is_dead(process: str) -> bool:
    """Whether a process is known to have ended: it was on this machine, and is not there any more.

    Args:
        process: What `this_process` returned there, as JSON.
    """
    found = json.loads(process)
    if not found.get("machine") or found["machine"] != _machine():
        return False
    return bool(_began(int(found["number"])) != found["began"])


def _machine() -> str:
    """This boot of this machine, and the space of its process numbers; "" where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _began(number: int) -> str:
    """When a process began, in ticks since the boot; "" when there is none, or it is a zombie."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
