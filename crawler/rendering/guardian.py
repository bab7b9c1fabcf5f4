"""Sees to it that no browser outlives its crawl: ``python guardian.py``, a process of its own with nothing but Python.

It is told over its standard input which processes belong to the crawl, one line each: number, moment of its start in
ticks, and folder that goes with it ("" for none). When that input ends, the crawl has closed it or is dead, however it
died. What is left then after a moment is killed, with the process group that it leads. `crawler.rendering.launched`
starts it, and stops it when nothing is left to watch.
"""

import os
import shutil
import signal
import sys
import time

PATIENCE_S = 2.0  #: browsers end by themselves when whoever drives them is gone, and clean up
STEP_S = 0.05


def started_at(pid: int | str) -> str:
    """Moment of the start of a process, in ticks; "" where there is none. A number may be another process by now."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except OSError:
        return ""


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # meant for the crawl; its end is the end of our input
    watched = [line.rstrip("\n").split("\t") for line in sys.stdin if line.strip()]
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends and any(started_at(pid) == start for pid, start, _ in watched):
        time.sleep(STEP_S)
    for pid, start, folder in watched:
        if started_at(pid) == start:
            number = int(pid)
            try:
                if os.getpgid(number) == number:
                    os.killpg(number, signal.SIGKILL)
                os.kill(number, signal.SIGKILL)
            except OSError:
                pass  # it ended just now
        if folder:
            time.sleep(STEP_S)
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
