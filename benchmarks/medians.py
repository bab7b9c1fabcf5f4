"""The medians of measured rows, by site, scene and contender."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks import scenes

Row = dict[str, Any]


class Figures:
    """Medians of the runs on one site, by scene and contender."""

    def __init__(self, rows: list[Row], site: str) -> None:
        self.site = site
        self._rows: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            if row["right"] and row["site"] == site:
                self._rows.setdefault((row["scene"], row["contender"]), []).append(row)

    def has(self, scene: str, *contenders: str) -> bool:
        return all((scene, each) in self._rows for each in contenders)

    def runs(self, scene: str, contender: str) -> list[Row]:
        return self._rows.get((scene, contender), [])

    def speed(self, scene: str, contender: str) -> float:
        """Pages per second."""
        return float(statistics.median(row["pages"] / row["wall_s"] for row in self._rows[scene, contender]))

    def cpu_ms(self, scene: str, contender: str) -> float:
        """CPU milliseconds per page: seconds per 1,000 pages."""
        return float(statistics.median(row["cpu_s"] / row["pages"] * 1000 for row in self._rows[scene, contender]))

    def peak_mb(self, scene: str, contender: str) -> float:
        return float(statistics.median(row["peak_mb"] for row in self._rows[scene, contender]))


def by_site(rows: list[Row]) -> list[Figures]:
    """The figures of each measured site, in the order of the sites."""
    measured = {row["site"] for row in rows}
    return [Figures(rows, site) for site in scenes.SITES if site in measured]
