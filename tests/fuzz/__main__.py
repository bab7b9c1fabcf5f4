"""``python -m tests.fuzz [--minutes N] [TARGET ...]``: every target for some minutes; prints a table.

With atheris installed the inputs are guided by coverage; without it they are mutations of good ones. Exit code 1 when
an input did something other than raise one of our own errors, or took more than a second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def main() -> int:
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", help=f"some of: {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="where the chances begin (default: 1)")
    parser.add_argument("--folder", type=Path, help="keep the inputs that atheris found there, and begin with them")
    parser.add_argument("--engine", choices=("atheris", "mutation"), help="default: atheris where it is installed")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    print(f"{'target':<10} {'engine':<9} {'inputs':>9} {'seconds':>8} {'a second':>9}  finding")
    failed = False
    for name in chosen.targets or TARGETS:
        found = _one(name, chosen)
        rate = found["inputs"] / max(found["seconds"], 0.001)
        line = f"{name:<10} {found['engine']:<9} {found['inputs']:>9} {found['seconds']:>8.1f} {rate:>9.0f}"
        print(f"{line}  {found['finding'][:2000] or 'none'}", flush=True)
        failed = failed or bool(found["finding"])
    return 1 if failed else 0


def _one(name: str, chosen: argparse.Namespace) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.one",
        name,
        "--seconds",
        str(chosen.minutes * 60),
        "--seed",
        str(chosen.seed),
    ]
    if chosen.folder:
        command += ["--folder", str(chosen.folder)]
    if chosen.engine:
        command += ["--engine", chosen.engine]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    said = (done.stderr or done.stdout).strip()[-1500:]
    return {"engine": "?", "inputs": 0, "seconds": 0.0, "finding": f"ended with code {done.returncode}: {said}"}


if __name__ == "__main__":
    sys.exit(main())
