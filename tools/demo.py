"""The demo: a practice shop on a free port, a crawl behind its login, then the results.

Run by ``make demo`` from the project's folder. Leaves ``data/crawl.db`` behind to look at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from crawler.testing import SiteProcess

BOOKS = 500
LATENCY_S = 0.05  # a shop on loopback answers too fast to watch
SHOWN_ROWS = 5


def main() -> int:
    """Run the demo.

    Returns:
        The exit code of the crawl, or of the command after it that failed.
    """
    crawl = str(Path(sysconfig.get_path("scripts")) / "crawl")
    with SiteProcess(books=BOOKS, latency_s=LATENCY_S, log_limit=0) as site:
        alice = site.accounts[0]
        os.environ["CRAWL_DEFAULT_USERNAME"], os.environ["CRAWL_DEFAULT_PASSWORD"] = alice.username, alice.password
        say(
            f"A practice shop with {BOOKS} books is at {site.url}/, and its prices are for members only.",
            f"We log in as {alice.username}; the password is passed in the variable CRAWL_DEFAULT_PASSWORD.",
        )
        code = run(crawl, "run", "bookshop", "-a", f"site={site.url}")
        if code:
            return code
        say(f"The first {SHOWN_ROWS} rows of the table `items` in data/crawl.db:")
        exported = subprocess.run(
            [crawl, "export", "bookshop", "-o", "-", "--format", "csv"], check=True, capture_output=True, text=True
        )
        print("".join(exported.stdout.splitlines(keepends=True)[: SHOWN_ROWS + 1]), end="", flush=True)
        say("The status of the crawl, and the audit of its numbers:")
        return run(crawl, "status", "bookshop") or run(crawl, "audit", "bookshop")


def say(*lines: str) -> None:
    """Print lines of explanation, set off from the output of the commands."""
    print("", *(f"# {line}" for line in lines), sep="\n", flush=True)


def run(*command: str) -> int:
    """Show a command, run it on this terminal and return its exit code."""
    print("$ " + " ".join(["crawl", *command[1:]]), flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
