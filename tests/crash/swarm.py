"""Many starts of one command within a second: a process that has imported everything forks all of them at once.

As a program (``python -m tests.crash.swarm COUNT``) it takes one order as `tests.crash.warm` does, and prints the exit
codes as a JSON list.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from tests.crash.project import CHECKOUT, ENDED_WITHIN_S, Project
from tests.crash.warm import be_a_crawl, import_everything


def started_at_once(project: Project, count: int, words: Sequence[str] | None = None) -> list[int]:
    """The exit codes of *count* runs that were started within a moment."""
    order = {
        "words": list(words if words is not None else project.words()),
        "folder": str(project.folder),
        "environment": project.environment,
        "out": os.devnull,
        "err": os.devnull,
        "wait": False,
        "user": None,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.swarm", str(count)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        input=json.dumps(order).encode(),
        capture_output=True,
        check=True,
        timeout=ENDED_WITHIN_S,
    )
    codes: list[int] = json.loads(done.stdout)
    return codes


def main() -> None:
    """Fork, wait for all, tell the codes."""
    import_everything()
    order = json.load(sys.stdin)
    gate_out, gate_in = os.pipe()
    pids = []
    for _ in range(int(sys.argv[1])):
        pid = os.fork()
        if pid == 0:
            os.close(gate_in)
            os.read(gate_out, 1)  # until all are there
            os.close(gate_out)
            be_a_crawl(order)
        pids.append(pid)
    os.close(gate_in)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]))


if __name__ == "__main__":
    main()
