"""From measured rows to a table, the bars reached or not, and the pages and plots of the documentation."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import plots, scenes, table

Row = dict[str, Any]
START, END = "<!-- measured: start -->", "<!-- measured: end -->"


def line(row: Row) -> str:
    """One run, for the terminal."""
    right = "" if row["right"] else "   WRONG ANSWER"
    return (
        f"{row['scene']:10} {row['contender']:12} {row['pages'] / row['wall_s']:8.0f} pages/s"
        f" {row['cpu_s'] / row['pages'] * 1000:8.3f} s CPU a 1,000 pages {row['peak_mb']:7.0f} MB{right}"
    )


class Figures:
    """Medians of runs, by scene and contender."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            if row["right"]:
                self._rows[row["scene"], row["contender"]].append(row)

    def has(self, scene: str, *contenders: str) -> bool:
        return all((scene, each) in self._rows for each in contenders)

    def runs(self, scene: str, contender: str) -> list[Row]:
        return self._rows[scene, contender]

    def speed(self, scene: str, contender: str) -> float:
        """Pages a second."""
        return float(statistics.median(row["pages"] / row["wall_s"] for row in self._rows[scene, contender]))

    def cpu_ms(self, scene: str, contender: str) -> float:
        """CPU milliseconds a page: seconds a 1,000 pages."""
        return float(statistics.median(row["cpu_s"] / row["pages"] * 1000 for row in self._rows[scene, contender]))

    def peak_mb(self, scene: str, contender: str) -> float:
        return float(statistics.median(row["peak_mb"] for row in self._rows[scene, contender]))


def bars(rows: list[Row], single: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """What was asked for, what was measured, whether it is reached; only what was measured now."""
    figures, found = Figures(rows), list[tuple[str, str, bool]]()

    def ratio(what: str, a: float, b: float, least: float | None = None, most: float | None = None) -> None:
        value = a / b
        good = (least is None or value >= least) and (most is None or value <= most)
        found.append((what, f"{value:.2f}", good))

    base = "20k" if figures.has("20k", "ours", "scrapy") else "2k"
    size = scenes.ALL[base].title
    if figures.has(base, "ours", "scrapy"):
        speed, cpu = figures.speed, figures.cpu_ms
        ratio(f"{size}: at least 8 times Scrapy's pages a second", speed(base, "ours"), speed(base, "scrapy"), 8)
        if figures.has(base, "ours-1"):
            what = f"{size}, one process: at least 4.5 times Scrapy's pages a second"
            ratio(what, speed(base, "ours-1"), speed(base, "scrapy"), 4.5)
            ratio(
                f"{size}, one process: CPU a page at most 1/5 of Scrapy's",
                cpu(base, "ours-1"),
                cpu(base, "scrapy"),
                None,
                0.2,
            )
        ratio(f"{size}: CPU a page at most 1/5 of Scrapy's", cpu(base, "ours"), cpu(base, "scrapy"), None, 0.2)
        what = f"{size}: peak memory of all processes at most Scrapy's"
        ratio(what, figures.peak_mb(base, "ours"), figures.peak_mb(base, "scrapy"), None, 1.0)
    for wget2 in ("wget2-files", "wget2"):
        if figures.has(base, "ours", wget2):
            what = f"{size}: at least 0.75 of `{table.ALL[wget2].label.partition(' (')[0]}`"
            ratio(what, figures.speed(base, "ours"), figures.speed(base, wget2), 0.75)
    if figures.has("100k", "ours") and figures.has("2k", "ours"):
        what = "100,000 pages: at least 0.85 of the pages a second at 2,000"
        ratio(what, figures.speed("100k", "ours"), figures.speed("2k", "ours"), 0.85)
    if figures.has("hosts200", "ours") and figures.has("20k", "ours"):
        what = "200 hosts: CPU a page at most 1.2 times that of one host"
        ratio(what, figures.cpu_ms("hosts200", "ours"), figures.cpu_ms("20k", "ours"), None, 1.2)
    if figures.has("latency20", "ours") and figures.has(base, "ours"):
        possible = min(20 * 8 / 0.05, figures.speed(base, "ours"))
        what = f"50 ms, 20 hosts, 8 connections each: at least 0.9 of the possible ({possible:.0f} pages/s)"
        ratio(what, figures.speed("latency20", "ours"), possible, 0.9)
    if figures.has("latency1", "ours"):
        what = "50 ms, one host, 8 connections: at least 0.9 of the possible (160 pages/s)"
        ratio(what, figures.speed("latency1", "ours"), 160, 0.9)
    if single:
        found += [
            ("`crawl --help`: less than 0.25 s of CPU", f"{single['help_cpu_s']:.2f} s", single["help_cpu_s"] < 0.25),
            (
                "`crawl list` loads no engine",
                "it does" if single["list_loads_engine"] else "it does not",
                not single["list_loads_engine"],
            ),
            ("a crawl of one page: less than 0.6 s", f"{single['one_page_s']:.2f} s", single["one_page_s"] < 0.6),
            ("all hosts wait: less than 1 % of a core", f"{single['idle_share']:.2%}", single["idle_share"] < 0.01),
        ]
        for key, what in (("open_ms", "opens"), ("resume_ms", "resumes"), ("lease_ms", "leases")):
            milliseconds = single[key]
            found.append((f"1,000,000 known URLs: {what} within 1 s", f"{milliseconds:.0f} ms", milliseconds < 1_000))
        if "known_peak_mb" in single and figures.has(base, "scrapy"):
            most_mb = figures.peak_mb(base, "scrapy") + 50
            what = f"1,000,000 known URLs: peak memory at most 50 MB above Scrapy's at {size} ({most_mb:.0f} MB)"
            found.append((what, f"{single['known_peak_mb']:.0f} MB", single["known_peak_mb"] <= most_mb))
    return found


def markdown(rows: list[Row], single: dict[str, Any]) -> str:
    """The tables, with machine, versions and date."""
    figures, parts = Figures(rows), [_about(rows)]
    for scene in scenes.ALL.values():
        present = [key for key in table.ALL if figures.has(scene.key, key)]
        if not present:
            continue
        parts.append(f"**{scene.title}**, {len(figures.runs(scene.key, present[0]))} interleaved runs:\n")
        lines = ["| | pages/s | least to most | CPU s a 1,000 pages | peak MB |", "|---|--:|--:|--:|--:|"]
        for key in sorted(present, key=lambda each: -figures.speed(scene.key, each)):
            speeds = [row["pages"] / row["wall_s"] for row in figures.runs(scene.key, key)]
            least, most = min(speeds), max(speeds)
            name = f"{table.ALL[key].label} {figures.runs(scene.key, key)[0]['version']}".strip()
            bold = "**" if key.startswith("ours") else ""
            lines.append(
                f"| {bold}{name}{bold} | {figures.speed(scene.key, key):,.0f} | {least:,.0f} to {most:,.0f}"
                f" | {figures.cpu_ms(scene.key, key):.2f} | {figures.peak_mb(scene.key, key):.0f} |"
            )
        parts.append("\n".join(lines) + "\n")
    judged = bars(rows, single)
    if judged:
        lines = ["| asked for | measured | |", "|---|--:|---|"]
        lines += [f"| {what} | {value} | {'reached' if good else '**not reached**'} |" for what, value, good in judged]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


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
    """What was measured now, with the scenes and figures of the last results that were not measured again."""
    file = root / "benchmarks" / "results" / "latest.json"
    if not file.exists():
        return rows, single
    earlier, now = json.loads(file.read_text()), {row["scene"] for row in rows}
    kept = [row for row in earlier["rows"] if row["scene"] not in now]
    return kept + rows, single or earlier["single"]


def write(rows: list[Row], single: dict[str, Any], root: Path) -> None:
    """Write results/, the plots, and the measured part of docs/explanation/performance.md."""
    results, docs = root / "benchmarks" / "results", root / "docs" / "explanation"
    results.mkdir(exist_ok=True)
    made = {"date": time.strftime("%Y-%m-%d"), "rows": rows, "single": single}
    (results / "latest.json").write_text(json.dumps(made, indent=1) + "\n")
    plots.draw(Figures(rows), docs)
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n\n{markdown(rows, single)}\n{END}{after}")
