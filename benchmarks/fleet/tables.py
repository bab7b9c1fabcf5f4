"""The figures of a fleet as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.fleet import rivals
from benchmarks.fleet.paces import Pace, Work
from benchmarks.fleet.rivals import Played
from benchmarks.fleet.room import Room


def of_paces(rows: Sequence[tuple[str, Pace]]) -> str:
    """The medians for each kind of work on each store."""
    kinds: dict[tuple[str, Work], list[Pace]] = {}
    for store, pace in rows:
        kinds.setdefault((store, pace.work), []).append(pace)
    lines = [
        "| store | work | a second | client, ms of CPU | server, ms of CPU | WAL, bytes | load |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for (store, work), found in kinds.items():
        rate, client, server, wal = (
            median(getattr(each, name) for each in found) for name in ("pages_s", "client_ms", "server_ms", "wal_bytes")
        )
        loads = sorted(float(each.load) for each in found)
        of_server = (f"{server:.3f}", f"{wal:,.0f}") if store != "SQLite" else ("", "")
        lines.append(
            f"| {store} | {_said(work)} | {rate:,.0f} | {client:.3f} | {of_server[0]} | {of_server[1]}"
            f" | {loads[0]:.0f} to {loads[-1]:.0f} |"
        )
    return "\n".join(lines)


def _said(work: Work) -> str:
    group = f"groups of {work.group}" if work.group > 1 else "singly"
    several = f", {work.members} processes" if work.members > 1 else ""
    return f"URLs claimed, {group}" if work.links == 0 else f"pages, {work.links} new links, {group}{several}"


def of_rivals(rows: Sequence[Played]) -> str:
    """One row for each crawl, those with kills last."""
    lines = [
        "| crawler | kills | pages/s | members, ms of CPU a page | server, ms | lost | twice | fetched again | load |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        figures = f"{row.pages_s:.0f} | {row.members_ms:.2f} | {row.server_ms:.2f}" if row.pages_s else "| | "
        lines.append(
            f"| {rivals.ALL[row.key].label} | {row.kills} | {figures} | {row.lost} | {row.twice} |"
            f" {row.fetched_again} | {row.load} |"
        )
    return "\n".join([*lines, *(f"{row.key}: {row.said}" for row in rows if row.said)])


def of_room(room: Room) -> str:
    """The tables and indexes, and their dead rows."""
    lines = ["| table | index | MB | bytes a URL |", "|---|---|--:|--:|"]
    for part in room.parts:
        table, index = (part.table, part.name) if part.table else (part.name, "")
        lines.append(f"| {table} | {index} | {part.bytes / 1e6:,.0f} | {part.bytes / room.urls:.0f} |")
    total = sum(part.bytes for part in room.parts)
    lines += [f"| together | | {total / 1e6:,.0f} | {total / room.urls:.0f} |", ""]
    lines += ["| table | living rows | dead rows | autovacuums |", "|---|--:|--:|--:|"]
    lines += [f"| {table} | {living:,} | {dead:,} | {count} |" for table, living, dead, count, _ in room.dead]
    return "\n".join([*lines, "", f"{room.urls_s:,.0f} URLs added a second"])
