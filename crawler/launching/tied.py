"""``python -m crawler.launching.tied PARENT WORDS...``: runs ``crawl WORDS...``, told to leave when PARENT dies.

The system sends SIGTERM when the thread ends that started this process (Linux, ``PR_SET_PDEATHSIG``); it holds across
`exec`. So a worker whose starter was killed finishes its pages and hands the others back; none is left behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def command(words: list[str]) -> list[str]:
    """What to start for ``crawl WORDS...``, tied to this process."""
    return [sys.executable, "-m", "crawler.launching.tied", str(os.getpid()), *words]


def main() -> None:
    parent, words = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could say so
            return
    os.execv(sys.executable, [sys.executable, "-m", "crawler.cli", *words])


if __name__ == "__main__":
    main()
