"""The cost of the store per page: ``python -m benchmarks.micro.store [--known N]``.

Prints CPU microseconds for adding, leasing and committing, in groups as the engine makes them, and the times that a
store with N known URLs (1,000,000 by default) needs to open, to resume a run and to lease.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from crawler.outcome import Found, ItemRow, Leased, Outcome, Verdict
from crawler.stores.base import LeaseTerms, RunRow, SlotRule
from crawler.stores.sqlite import SQLiteStore

GROUP = 50
LINKS_NEW, LINKS_KNOWN = 2, 45
NO_DELAY = SlotRule()


class OpenCipher:
    """Does not encrypt: the cost of encryption is measured elsewhere."""

    def seal(self, text: str, place: str = "") -> bytes:
        return text.encode()

    def open(self, sealed: bytes, place: str = "") -> str:
        return sealed.decode()


def found(random_bytes: Callable[[int], bytes], number: int, slots: int = 1) -> Found:
    url = f"https://shop{number % slots}.example/catalogue/category-{number % 50}/item-{number}.html"
    return Found(random_bytes(16), url, f"shop{number % slots}.example", "default", callback="parse_detail", depth=3)


def item(number: int) -> ItemRow:
    return ItemRow(
        "items",
        {
            "title": f"A book with a title of usual length, number {number}",
            "price": 12.5,
            "stock": number,
            "upc": f"{number:016x}",
            "category": "Travel",
            "rating": 4,
            "description": "words " * 30,
            "image": f"https://shop.example/media/{number}.jpg",
        },
    )


def outcome(leased: Leased, links: Sequence[Found]) -> Outcome:
    return Outcome(
        leased,
        Verdict.ACCEPT,
        items=[item(leased.id)],
        found=links,
        status=200,
        size_bytes=20_000,
        elapsed_ms=12.5,
        sent_at=time.time(),
        session_name="default",
        epoch=1,
    )


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def measure(path: str, pages: int, slots: int, start: int) -> Iterator[tuple[str, float]]:
    """CPU microseconds per page, by step."""
    make = random.Random(1).randbytes
    store = SQLiteStore(path, cipher=OpenCipher())
    run = store.runs.open("bench", args="{}", fresh=True, process="benchmark")
    first = [found(make, number, slots) for number in range(start)]
    cpu, _ = spent(lambda: store.frontier.add(run.frontier, first))
    yield f"add (request of {start})", cpu / start * 1e6
    number, lease_s, commit_s, done = start, 0.0, 0.0, 0
    recent = first[-500:]
    chosen = random.Random(2)
    while done < pages:
        leased: list[Leased] = []

        def claim(into: list[Leased] = leased) -> None:
            into += lease(store, run, GROUP)

        lease_s += spent(claim)[0]
        outcomes = []
        for one in leased:
            fresh = [found(make, number + offset, slots) for offset in range(LINKS_NEW)]
            number += LINKS_NEW
            outcomes.append(outcome(one, chosen.choices(recent, k=LINKS_KNOWN) + fresh))
        recent = recent[len(leased) :] + [one for each in outcomes for one in each.found[-LINKS_NEW:]][: len(leased)]
        commit_s += spent(lambda ready=outcomes: store.commit(run, "me", ready))[0]  # type: ignore[misc]
        done += len(leased)
    yield "lease (page)", lease_s / done * 1e6
    yield "commit (page)", commit_s / done * 1e6
    cpu, _ = spent(lambda: [store.frontier.counts(run.frontier) for _ in range(100)])
    yield "counts (call)", cpu / 100 * 1e6
    cpu, _ = spent(lambda: [store.leases.next_due(run.frontier) for _ in range(100)])
    yield "next_due (call)", cpu / 100 * 1e6
    store.close()


def lease(store: SQLiteStore, run: RunRow, limit: int) -> list[Leased]:
    return store.leases.lease(run.frontier, owner="me", terms=LeaseTerms(limit, 90, 1))


def fill(path: str, known: int, *, spider: str, make_found: Callable[[int], Found]) -> tuple[RunRow, float]:
    """Fill a store with known URLs of one spider. Returns its run, not ended, and the seconds that adding took."""
    store = SQLiteStore(path, cipher=OpenCipher())
    run = store.runs.open(spider, args="{}", fresh=True, process="benchmark")
    portion = 10_000
    wall = 0.0
    for start in range(0, known, portion):
        ready = [make_found(start + number) for number in range(portion)]
        wall += spent(lambda ready=ready: store.frontier.add(run.frontier, ready))[1]  # type: ignore[misc]
    store.close()
    return run, wall


def large(path: str, known: int) -> Iterator[tuple[str, float]]:
    """Wall milliseconds of starting with many known URLs."""
    make = random.Random(3).randbytes
    run, wall = fill(path, known, spider="large", make_found=lambda number: found(make, number))
    yield f"add {known} URLs (s)", wall
    yield "file (bytes a URL)", os.path.getsize(path) / known
    stores: list[SQLiteStore] = []
    yield "open (ms)", spent(lambda: stores.append(SQLiteStore(path, cipher=OpenCipher())))[1] * 1e3
    store = stores[0]
    runs: list[RunRow] = []
    again = lambda: runs.append(store.runs.open("large", args="{}", fresh=False, process="benchmark"))  # noqa: E731
    yield "resume (ms)", spent(again)[1] * 1e3
    yield "first lease of 64 (ms)", spent(lambda: lease(store, runs[0], 64))[1] * 1e3
    yield "second lease of 64 (ms)", spent(lambda: lease(store, runs[0], 64))[1] * 1e3
    yield "commit at that size (CPU us a page)", _commit_some(store, runs[0], make)
    yield "next_due (ms)", spent(lambda: store.leases.next_due(run.frontier))[1] * 1e3
    yield "counts (ms)", spent(lambda: store.frontier.counts(run.frontier))[1] * 1e3
    store.close()


def _commit_some(store: SQLiteStore, run: RunRow, make: Callable[[int], bytes], groups: int = 20) -> float:
    cpu = 0.0
    for group in range(groups):
        pages = [
            outcome(one, [found(make, 10**7 + group * 1000 + one.id + number) for number in range(LINKS_NEW)])
            for one in lease(store, run, GROUP)
        ]
        cpu += spent(lambda ready=pages: store.commit(run, "me", ready))[0]  # type: ignore[misc]
    return cpu / groups / GROUP * 1e6


def durable(path: str, durability: str, groups: int = 20) -> float:
    """Wall milliseconds of one commit."""
    make = random.Random(4).randbytes
    store = SQLiteStore(path, cipher=OpenCipher(), durability=durability)
    run = store.runs.open("durable", args="{}", fresh=True, process="benchmark")
    store.frontier.add(run.frontier, [found(make, number) for number in range(groups * GROUP)])
    wall = 0.0
    for _ in range(groups):
        pages = [outcome(one, []) for one in lease(store, run, GROUP)]
        wall += spent(lambda ready=pages: store.commit(run, "me", ready))[1]  # type: ignore[misc]
    store.close()
    return wall / groups * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5_000)
    parser.add_argument("--known", type=int, default=1_000_000, help="0 leaves the large store out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for slots in (1, 20, 200):
            print(f"{slots} hosts, groups of {GROUP} pages, {LINKS_NEW} new and {LINKS_KNOWN} known links, CPU us:")
            for name, figure in measure(str(Path(folder) / f"{slots}.db"), asked.pages, slots, 2_000):
                print(f"  {name:28} {figure:10.1f}")
        for durability in ("normal", "full"):
            figure = durable(str(Path(folder) / f"{durability}.db"), durability)
            print(f"durability {durability}: {figure:.2f} ms of wall time for a commit of {GROUP} pages")
        if asked.known:
            print(f"{asked.known} known URLs:")
            for name, figure in large(str(Path(folder) / "large.db"), asked.known):
                print(f"  {name:28} {figure:10.1f}")


if __name__ == "__main__":
    main()
