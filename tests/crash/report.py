"""The tables that `python -m tests.crash` prints: what was tried, and what was lost, doubled, repeated."""

from __future__ import annotations

from collections.abc import Sequence

from tests.crash.power import PowerTally
from tests.crash.random_kills import Tally, Variant
from tests.crash.sweep import SweepTally

FAULTS_SHOWN = 20


def table(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with columns of even width."""
    cells = [list(heading), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heading))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def kills_table(found: Sequence[tuple[Variant, Tally]], total: Tally) -> str:
    """One row a kind of crawl, and one for all."""
    heading = (
        "random kills",
        "crawls",
        "kills",
        "pages lost",
        "rows doubled",
        "most repeats a kill",
        "logins",
        "expected",
    )
    rows = [_row(str(variant), variant.workers * variant.processes, tally) for variant, tally in found]
    return table(heading, [*rows, _row("all", None, total)])


def _row(name: str, in_flight: int | None, tally: Tally) -> tuple[object, ...]:
    worst = max(tally.repeats, default="not counted")
    repeats = f"{worst} of {in_flight} allowed" if in_flight is not None and tally.repeats else worst
    expected = f"{tally.least_logins} to {tally.most_logins}"
    return name, tally.crawls, tally.kills, len(tally.lost), len(tally.doubled), repeats, tally.logins, expected


def phases(total: Tally) -> str:
    """Where the kills fell."""
    return "kills by phase: " + ", ".join(f"{count} {name}" for name, count in total.phases.most_common())


def sweep_table(found: Sequence[tuple[str, SweepTally]]) -> str:
    """One row a kind of disturbance."""
    heading = ("at the n-th call", "points", "how the run ended", "pages lost", "rows doubled", "most repeats", "other")
    rows = []
    for name, tally in found:
        codes = ", ".join(f"{_ending(code)} {count}" for code, count in sorted(tally.codes.items()))
        points = f"{tally.points.total()}: " + ", ".join(f"{n} {_plain(call)}" for call, n in tally.points.items())
        rows.append((name, points, codes, len(tally.lost), len(tally.doubled), tally.most_repeats, len(tally.problems)))
    return table(heading, rows)


def power_table(found: Sequence[tuple[str, int, PowerTally]]) -> str:
    """One row a setting of `durability`."""
    heading = ("power cuts, durability", "recorded steps", "cuts", "store unsound", "most pages taken back")
    rows = [(name, steps, tally.cuts, len(tally.faults), tally.most_taken) for name, steps, tally in found]
    return table(heading, rows)


def _plain(call: str) -> str:
    """``?unlink,?unlinkat`` is ``unlink`` to a reader."""
    return call.partition(",")[0].lstrip("?")


def _ending(code: int) -> str:
    return {-9: "killed", 0: "finished", 6: "exit 6"}.get(code, f"exit {code}")


def faults(found: Sequence[str]) -> str:
    """What broke the guarantee, the first ones."""
    if not found:
        return "nothing lost, nothing doubled, every audit clean"
    more = len(found) - FAULTS_SHOWN
    return "\n".join([f"{len(found)} faults:", *found[:FAULTS_SHOWN], *([f"and {more} more"] if more > 0 else [])])
