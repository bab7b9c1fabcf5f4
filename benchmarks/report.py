"""Turns measured rows into a table, the bars that are reached or not, and pages and plots of the documentation."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from benchmarks import bars, plots, scenes, table
from benchmarks.medians import Figures, Row, by_site

START, END = "<!-- measured: start -->", "<!-- measured: end -->"


def line(row: Row) -> str:
    """One run as a line for the terminal."""
    right = "" if row["right"] else "   WRONG ANSWER"
    return (
        f"{row['site']:8} {row['scene']:10} {row['contender']:12} {row['pages'] / row['wall_s']:8.0f} pages/s"
        f" {row['cpu_s'] / row['pages'] * 1000:8.3f} s CPU a 1,000 pages {row['peak_mb']:7.0f} MB"
        f"  load {row['load']}{right}"
    )


def markdown(rows: list[Row], single: dict[str, Any]) -> str:
    """The tables, with machine, versions and date."""
    figures, parts = by_site(rows), [_about(rows)]
    parts += [_table(scene, figures) for scene in scenes.ALL.values()]
    judged = bars.judged(figures, single)
    if judged:
        names = [each.site for each in figures]
        lines = [f"| asked for | {' | '.join(names)} | the worse |", f"|---|{'--:|' * len(names)}---|"]
        lines += [
            f"| {bar.what} | {' | '.join(bar.values.get(name, '') if bar.values else bar.value for name in names)} "
            f"| {'reached' if bar.is_reached else '**not reached**'} |"
            for bar in judged
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(part for part in parts if part)


def _table(scene: scenes.Scene, figures: list[Figures]) -> str:
    """The contenders of a scene, with the sites side by side; the fastest on the last site comes first."""
    here = [each for each in figures if any(each.has(scene.key, key) for key in table.ALL)]
    present = [key for key in table.ALL if any(each.has(scene.key, key) for each in here)]
    if not present:
        return ""
    runs = max(len(each.runs(scene.key, key)) for each in here for key in present if each.has(scene.key, key))
    loads = [row.get("load", 0) for each in here for key in present for row in each.runs(scene.key, key)]
    head = "".join(f" | {each.site}: pages/s | CPU ms a page | peak MB" for each in here)
    lines = [
        f"**{scene.title}**, {runs} interleaved runs, load of the machine {min(loads):.1f} to {max(loads):.1f}:\n",
        f"|{head} |",
        f"|---{'|--:|--:|--:' * len(here)}|",
    ]
    present.sort(key=lambda key: -min(each.speed(scene.key, key) for each in here if each.has(scene.key, key)))
    for key in present:
        version = next(each.runs(scene.key, key)[0]["version"] for each in here if each.has(scene.key, key))
        bold = "**" if key.startswith("ours") else ""
        cells = "".join(_cells(scene.key, key, each) for each in here)
        lines.append(f"| {bold}{f'{table.ALL[key].label} {version}'.strip()}{bold}{cells} |")
    return "\n".join(lines) + "\n"


def _cells(scene: str, key: str, figures: Figures) -> str:
    if not figures.has(scene, key):
        return " | | | "
    speeds = [row["pages"] / row["wall_s"] for row in figures.runs(scene, key)]
    speed = f"{figures.speed(scene, key):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f})"
    return f" | {speed} | {figures.cpu_ms(scene, key):.2f} | {figures.peak_mb(scene, key):.0f}"


def text(rows: list[Row], single: dict[str, Any]) -> str:
    """The same for the terminal."""
    return markdown(rows, single)


def _about(rows: list[Row]) -> str:
    model = "unknown processor"
    for each in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if each.startswith("model name"):
            model = each.partition(":")[2].strip()
    server = rows[0]["server"] if rows else "no server"
    return (
        f"Measured on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({model}) shared with the server"
        f" ({server}, one worker), Linux {platform.release().partition('-')[0]}, CPython {platform.python_version()}."
        " Medians; wall time from the start of the command to its end.\n"
    )


def with_earlier(rows: list[Row], single: dict[str, Any], root: Path) -> tuple[list[Row], dict[str, Any]]:
    """The new results, with scenes and figures from the last results that were not measured again."""
    file = root / "benchmarks" / "results" / "latest.json"
    if not file.exists():
        return rows, single
    earlier, now = json.loads(file.read_text()), {(row["scene"], row["site"]) for row in rows}
    kept = [row for row in earlier["rows"] if (row["scene"], row["site"]) not in now]
    return kept + rows, single or earlier["single"]


def write(rows: list[Row], single: dict[str, Any], root: Path) -> None:
    """Write results/, the plots, and the measured part of docs/explanation/performance.md."""
    results, docs = root / "benchmarks" / "results", root / "docs" / "explanation"
    results.mkdir(exist_ok=True)
    made = {"date": time.strftime("%Y-%m-%d"), "rows": rows, "single": single}
    (results / "latest.json").write_text(json.dumps(made, indent=1) + "\n")
    plots.draw(by_site(rows), docs)
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n\n{markdown(rows, single)}\n{END}{after}")
