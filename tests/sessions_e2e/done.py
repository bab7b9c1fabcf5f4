"""What sessions promise, measured: each function plays one promise on the practice site and returns its figures."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from crawler import Identity
from crawler.engine import application
from crawler.testing import Account, SiteProcess
from tests.engine.shop import Members
from tests.engine.test_session_keeping import WideMembers
from tests.forked import forked_crawl

ROOT = Path(__file__).parents[2]
FIELDS = ("id", "title", "upc", "price")
REVOCATIONS = 10
FIRST_PAGES = 12  #: answers after which the first login has brought pages


@contextmanager
def knowing(account: Account, session: str = "default") -> Any:
    """While inside, the account's credentials are where the session looks for them."""
    names = {
        f"CRAWL_{session.upper()}_USERNAME": account.username,
        f"CRAWL_{session.upper()}_PASSWORD": account.password,
    }
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def rows(folder: Path) -> Counter[tuple[str, ...]]:
    with closing(sqlite3.connect(folder / "crawl.db")) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'items'").fetchone():
            return Counter()
        return Counter(database.execute(f"SELECT {', '.join(FIELDS)} FROM items").fetchall())


def revoked_at_random(folder: Path, *, style: str, seed: int, books: int = 1200, clock: bool = False) -> dict[str, Any]:
    """32 threads in 2 processes; the site ends all sessions 10 times, at random.

    Args:
        clock: By the clock, so that a session may end in the middle of a login; otherwise after so many pages.
    Returns:
        Figures: logins, items, items that are missing, doubled or not those of a logged-in customer.
    """
    chance = random.Random(seed)
    moments = () if clock else tuple(sorted(chance.sample(range(30, books - 50), REVOCATIONS)))
    over = threading.Event()
    latency_s = 0.1 if clock else 0.0
    with SiteProcess(books=books, login=style, revoke_at=moments, latency_s=latency_s, log_limit=0) as site:
        alice = site.accounts[0]
        hits = [0]

        def revoke() -> None:
            while sum(site.record.statuses.values()) < FIRST_PAGES and not over.wait(0.02):
                pass  # a first login that is ended twice before it has shown a page may well fail
            while hits[0] < REVOCATIONS and not over.wait(chance.uniform(0.05, 0.35)):
                hits[0] += site.revoke() > 0  # one that hits nobody is none

        revoking = threading.Thread(target=revoke)
        started = time.perf_counter()
        if clock:
            revoking.start()
        with knowing(alice):
            summary = application.run(
                WideMembers,
                arguments={"site": site.url, "pages": str(books // 20)},
                settings={
                    "store": str(folder / "crawl.db"),
                    "workers": 16,
                    "per_host": 32,
                    "processes": 2,
                    "login_budget": 100,
                },
            )
        over.set()
        if clock:
            revoking.join()
        record = site.record
        right = {tuple(item[field] for field in FIELDS) for item in site.truth.member_items(alice.username)}
    found = rows(folder)
    return {
        "ending": summary.ending,
        "processes": summary.processes,
        "revocations": hits[0] if clock else record.revocations,
        "logins": record.logins[alice.username],
        "items": sum(found.values()),
        "missing": len(right - set(found)),
        "twice": sum(number - 1 for number in found.values()),
        "from a logged-out page": len(set(found) - right),
        "answers to the logged out": record.refused["logged-out"],
        "fetched again": summary.rechecked,
        "notes": summary.messages,
        "seconds": round(time.perf_counter() - started, 1),
    }


def rotating_cookie(folder: Path, *, serial: bool, books: int = 955) -> dict[str, Any]:
    """The server replaces the session id with every answer and refuses the old one; 8 threads."""

    class Rotating(Members):
        name = "rotating"
        sessions = (Identity("default", serial=serial),)

    with SiteProcess(books=books, rotate_cookie=True, log_limit=0) as site:
        started = time.perf_counter()
        with knowing(site.accounts[0]):
            summary = application.run(
                Rotating,
                arguments={"site": site.url},
                settings={"store": str(folder / "crawl.db"), "workers": 8, "processes": 1, "login_budget": 1000},
            )
        record = site.record
    return {
        "ending": summary.ending,
        "requests": sum(record.statuses.values()),
        "refused": record.refused["stale-session"] + record.statuses[401],
        "logins": sum(record.logins.values()),
        "items": sum(rows(folder).values()),
        "seconds": round(time.perf_counter() - started, 1),
    }


SPIDER = """
from tests.engine.shop import Members


class Spider{number}(Members):
    name = "spider{number}"
"""


def four_spiders(folder: Path, *, books: int = 40) -> dict[str, Any]:
    """Four spiders of one project as processes: at once on an empty store, one after the other, and at once again."""
    (folder / "spiders").mkdir()
    for number in range(4):
        (folder / "spiders" / f"spider{number}.py").write_text(SPIDER.format(number=number), encoding="utf-8")
    (folder / "program").mkdir()
    figures: dict[str, Any] = {}
    crawl = forked_crawl(folder / "program")
    with SiteProcess(books=books) as site, knowing(site.accounts[0]):

        def start(number: int) -> subprocess.Popen[bytes]:
            words = ["run", f"spider{number}", "--fresh", "--quiet", "-a", f"site={site.url}"]
            return subprocess.Popen(
                [crawl, *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
            )

        def ended(processes: list[subprocess.Popen[bytes]]) -> list[int]:
            return [process.wait(120) for process in processes]

        for name, codes in (
            ("at once, nothing stored", lambda: ended([start(number) for number in range(4)])),
            ("one after the other", lambda: [ended([start(number)])[0] for number in range(4)]),
            ("at once, session stored", lambda: ended([start(number) for number in range(4)])),
        ):
            figures[f"exit codes {name}"] = codes()
            figures[f"logins in all after {name}"] = sum(site.record.logins.values())
        figures["items"] = sum(rows(folder / "data").values())
    return figures
