"""``python -m tests.crash``: kill crawls until it is certain that nothing gets lost. Exit code 1 when something did.

By default 200 kills at random moments, then the sweep over every write and sync of a small crawl, then power cuts that
take away any of the writes that were not synced. ``--short`` takes a
sample of each; ``--seed`` repeats the moments of a run (the operating system decides the rest).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.crash import report
from tests.crash.power import BOOKS, MANY_BOOKS, PowerTally, cut, moments_of, record
from tests.crash.random_kills import VARIANTS, Tally, Variant, crawl_with_kills, variants
from tests.crash.sweep import KINDS, Kind, Sweep, SweepTally, why_not
from tests.crash.warm import Warm

LANES = 2
PATIENT_LANES = 4
SHORT_KILLS, SHORT_STEP = 8, 60
SHORT_MOMENTS, MOMENTS = 20, 200  #: of power cuts, each with four different remains
MOST_CALLS = 100_000  #: a crawl that makes more of one system call is no small one


def random_kills(kills: int, seed: int) -> list[tuple[Variant, Tally]]:
    """Crawls of all variants in turn, on a few lanes, until there were so many kills."""
    found = {variant: Tally() for variant in VARIANTS}
    turn = variants()
    lock = threading.Lock()  # guards found and turn

    def lane(number: int) -> None:
        dice = random.Random(f"{seed}-{number}")
        with Warm() as warm:
            while True:
                with lock:
                    so_far = sum(tally.kills for tally in found.values())
                    variant = next(turn)
                if so_far >= kills:
                    return
                tally = crawl_with_kills(variant, dice, warm)
                with lock:
                    found[variant].add(tally)
                    sys.stderr.write(f"{variant}: {tally.kills} kills, {len(tally.faults)} faults\n")

    with ThreadPoolExecutor(LANES) as lanes:
        for each in [lanes.submit(lane, number) for number in range(LANES)]:
            each.result()
    return [(variant, tally) for variant, tally in found.items() if tally.crawls]


def points_of(kind: Kind, *, short: bool) -> dict[str, range] | None:
    """Which calls are disturbed: in the short form a sample, otherwise every one."""
    if not short:
        return None
    return {call: range(1, MOST_CALLS, SHORT_STEP if call == "pwrite64" else SHORT_STEP // 10) for call in kind.calls}


def sweep(*, short: bool) -> list[tuple[str, SweepTally]]:
    """All kinds of disturbance."""
    found = []
    for kind in KINDS:
        # A disk that stays full costs the patience of a run each time, in which the processor has nothing to do.
        tally = Sweep(kind, lanes=PATIENT_LANES if kind.for_good else LANES).run(points_of(kind, short=short))
        found.append((f"{kind.name}{', a sample' if short else ', every one'}", tally))
        sys.stderr.write(f"{kind.name}: {tally.points.total()} points, {len(tally.faults)} faults\n")
    return found


def power_cuts(*, short: bool) -> list[tuple[str, int, PowerTally]]:
    """Both settings of `durability`: name, recorded steps, and what came of the cuts."""
    found = []
    for durability in ("normal", "full"):
        with tempfile.TemporaryDirectory(prefix="power-") as folder, tempfile.TemporaryDirectory() as rebuilt:
            recording = record(Path(folder), durability, books=BOOKS if short else MANY_BOOKS)
            moments = moments_of(recording, SHORT_MOMENTS if short else MOMENTS)
            tally = cut(recording, moments, Path(rebuilt), full=durability == "full")
        found.append((durability, len(recording.steps), tally))
        sys.stderr.write(f"power, {durability}: {tally.cuts} cuts, {len(tally.faults)} faults\n")
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run, print the tables, and say whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="least number of kills at random moments (0 for none)")
    parser.add_argument("--sweep", action="store_true", help="the sweep alone")
    parser.add_argument("--short", action="store_true", help="a sample of everything")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments; a new one each time by default")
    chosen = parser.parse_args(words)
    seed = chosen.seed if chosen.seed is not None else random.randrange(1_000_000)
    started = time.monotonic()
    wrong: list[str] = []
    if not chosen.sweep and chosen.kills:
        found = random_kills(min(chosen.kills, SHORT_KILLS) if chosen.short else chosen.kills, seed)
        total = Tally()
        for _, tally in found:
            total.add(tally)
            wrong += tally.faults
        print(report.kills_table(found, total), report.phases(total), f"seed {seed}", "", sep="\n")
    reason = why_not()
    if reason:
        print(f"no sweep: {reason}")
    else:
        swept = sweep(short=chosen.short)
        wrong += [fault for _, each in swept for fault in each.faults]
        print(report.sweep_table(swept), "", sep="\n")
        cuts = power_cuts(short=chosen.short)
        wrong += [fault for _, _, each in cuts for fault in each.faults]
        print(report.power_table(cuts), "", sep="\n")
    print(report.faults(wrong))
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
