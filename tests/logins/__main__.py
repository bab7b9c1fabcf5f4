"""``python -m tests.logins`` (or ``make logins``): each login that plain HTTP cannot do, played with `crawl run` and an
installed Chromium, and a table of what came of it. Exit code 0 where all of it is as it should be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.logins import single_sign_on
from tests.logins.pages import PAGES, PASSWORD, USER
from tests.logins.play import STEPS, Played, app_of, play
from tests.sessions_e2e.test_browser_login import why_not

USES = {"localStorage": 5, "IndexedDB": 5, "OpenID Connect": 5}
HEAD = ("login", "items exact", "logins of the runs", "logins at the server", "tokens renewed", "secrets found")


@dataclass(frozen=True, slots=True)
class Done:
    """What one command left behind."""

    code: int
    out: str
    err: str


def command(*words: str) -> Done:
    """``crawl WORDS`` as a program of its own."""
    run = [sys.executable, "-c", "from crawler.cli import main; main()", *words]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def in_folder(folder: Path) -> Iterator[Path]:
    """A project of its own, with keys and credentials that are nobody's."""
    project, before = folder / "project", Path.cwd()
    project.mkdir()
    os.environ |= {
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONPATH": str(before),
        "CRAWL_DEFAULT_USERNAME": USER,
        "CRAWL_DEFAULT_PASSWORD": PASSWORD,
    }
    os.chdir(project)
    try:
        yield project
    finally:
        os.chdir(before)


def row(kind: str, played: Played) -> tuple[str, ...]:
    """As words of a table."""
    exact = f"{sum(played.exact)} of {len(played.exact)} runs"
    logins = ", ".join(map(str, played.logins))
    renewed = str(played.renewed) if kind in USES else "-"
    return kind, exact, logins, str(played.at_server), renewed, "; ".join(played.leaks) or "none"


def is_good(kind: str, played: Played) -> bool:
    """Whether all of it is as promised."""
    renewed = 1 <= played.renewed <= PAGES + 3 if kind in USES else not played.renewed
    return all(played.exact) and (played.logins, played.at_server) == ((1, 0, 1), 2) and renewed and not played.leaks


def main() -> int:
    """Play all of them."""
    if why := why_not() or single_sign_on.why_not():
        print(why)
        return 1
    bad = []
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for kind in STEPS:
        with (
            tempfile.TemporaryDirectory(prefix="logins-") as folder,
            in_folder(Path(folder)) as project,
            app_of(kind) as app,
        ):
            played = play(kind, app, project, command, uses=USES.get(kind, 10_000))
        print(f"| {' | '.join(row(kind, played))} |", flush=True)
        if not is_good(kind, played):
            bad.append(kind)
    if bad:
        print(f"not as it should be: {', '.join(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
