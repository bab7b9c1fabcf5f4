"""Makes sure that no browser outlives its crawl: ``python guardian.py TOKEN``, a process that needs only Python.

The driver of the browser was started with a variable whose value is the token, and whatever it starts inherits that.
When the guardian's input ends, the crawl has closed it or is dead, however it died. Browsers mostly end by themselves
then; any left after a moment are killed, along with the process group that they lead, and their profile is removed.
"""

import os
import shutil
import signal
import sys
import time

VARIABLE = "CRAWL_RENDERS_FOR"
PATIENCE_S = 2.0  #: for browsers to end by themselves, and clean up
STEP_S = 0.05
KILLS = 20  #: rounds, since a killed process may just have started another
PROFILE = b"--user-data-dir="  #: argument of a browser; its folder is removed where Playwright made it


def read(pid: int | str, name: str) -> bytes:
    """A file of /proc about a process; b"" where there is none, or it belongs to another user."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def started_at(pid: int | str) -> str:
    """Moment of the start of a process, in ticks; "" where there is none. A number may have been reused by now."""
    fields = read(pid, "stat").rpartition(b")")[2].split()
    return "" if not fields or fields[0] == b"Z" else fields[19].decode()


def family(token: str) -> list[int]:
    """Processes that were started with the token."""
    mark = f"{VARIABLE}={token}".encode()
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and mark in read(name, "environ").split(b"\0") and started_at(name)
    ]


def profiles_in(command: bytes) -> list[bytes]:
    """Folders of Playwright's own making that a browser was started with; *command* is its /proc/PID/cmdline."""
    folders = [each.removeprefix(PROFILE) for each in command.split(b"\0") if each.startswith(PROFILE)]
    return [each for each in folders if b"playwright" in each]


def main(token: str) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # meant for the crawl; its end is the end of our input
    sys.stdin.read()
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends and family(token):
        time.sleep(STEP_S)
    profiles: set[bytes] = set()
    for _ in range(KILLS):
        left = family(token)
        if not left:
            break
        for pid in left:
            profiles.update(profiles_in(read(pid, "cmdline")))
            try:
                if os.getpgid(pid) == pid:
                    os.killpg(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # it ended just now
        time.sleep(STEP_S)
    for profile in profiles:
        shutil.rmtree(profile, ignore_errors=True)


if __name__ == "__main__" and os.path.isdir("/proc/self"):
    main(sys.argv[1])
