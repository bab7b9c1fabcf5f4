"""``python -m tests.sessions_e2e``: the figures of what sessions promise, and the commands that show the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sessions_e2e import done

PROMISES: list[tuple[str, Callable[[Path], dict[str, Any]]]] = [
    *(
        (
            f"32 threads in 2 processes, 10 revocations at random, {style}, seed {seed}",
            lambda folder, style=style, seed=seed: done.revoked_at_random(folder, style=style, seed=seed),
        )
        for style in ("redirect", "soft200")
        for seed in (1, 2, 3)
    ),
    *(
        (
            f"the same by the clock, also in the middle of a login, {style}, seed {seed}",
            lambda folder, style=style, seed=seed: done.revoked_at_random(
                folder, style=style, seed=seed, books=1500, clock=True
            ),
        )
        for style in ("redirect", "soft200")
        for seed in (1, 2)
    ),
    ("a cookie that rotates with every answer, serial", lambda folder: done.rotating_cookie(folder, serial=True)),
    ("the same without serial, for comparison", lambda folder: done.rotating_cookie(folder, serial=False)),
    ("four spiders of one project", done.four_spiders),
]

TESTS = {
    "no secret in the raw files": "X11_no_file_of_the_store",
    "nothing left after clear": "X11_clear_leaves_nothing",
    "an old snapshot logs in again without a login": "restored_snapshot_logs_in_again",
    "a browser logs in once, the crawl goes on without it": "L13_a_browser_logs_in_once",
    "the Django admin, a week later: one probe, one login": "resumed_a_week_later",
}


def main() -> int:
    """Play all promises. Returns 0 when the tests passed; the figures are for the reader."""
    with tempfile.TemporaryDirectory(prefix="sessions-") as configuration:
        os.environ["XDG_CONFIG_HOME"] = configuration
        for title, play in PROMISES:
            with tempfile.TemporaryDirectory(prefix="sessions-") as folder:
                figures = play(Path(folder))
            print(title, *(f"    {name}: {value}" for name, value in figures.items()), sep="\n", flush=True)
        code = 0
        for title, name in TESTS.items():
            places = ["tests/sessions_e2e", "tests/test_django_admin.py"]
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *places, "-k", name]
            print(f"{title}: pytest -k {name}", flush=True)
            code = subprocess.run(command, check=False).returncode or code
    return code


if __name__ == "__main__":
    raise SystemExit(main())
