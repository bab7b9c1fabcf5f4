"""The plots of the documentation, made with matplotlib (optional for the benchmark: requirements/plots.txt)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.medians import Figures

_OURS, _OTHERS = "#1b6ca8", "#b8bec6"


def draw(sites: list[Figures], folder: Path) -> None:
    """Write performance-speed.png and performance-memory.png, for the second site if it was measured."""
    if not sites:
        return
    figures = next((each for each in sites if each.site == "market"), sites[0])
    try:
        import matplotlib
    except ImportError:
        print("no plots: matplotlib is missing (pip install -r benchmarks/requirements/plots.txt)")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    base = "20k" if figures.has("20k", "ours") else "2k"
    keys = [key for key in table.ALL if figures.has(base, key)]
    if keys:
        _speed(pyplot, figures, base, keys, folder / "performance-speed.png")
    sizes = [scene for scene in ("2k", "20k", "100k") if figures.has(scene, "ours")]
    if len(sizes) > 1:
        _memory(pyplot, figures, sizes, folder / "performance-memory.png")


def _speed(pyplot: Any, figures: Figures, scene: str, keys: list[str], file: Path) -> None:
    keys.sort(key=lambda key: figures.speed(scene, key))
    names = [table.ALL[key].label.replace("`", "") for key in keys]
    colours = [_OURS if key.startswith("ours") else _OTHERS for key in keys]
    drawn, axes = pyplot.subplots(1, 2, figsize=(12, 0.5 * len(keys) + 1.2), sharey=True, layout="constrained")
    for axis, values, title in (
        (axes[0], [figures.speed(scene, key) for key in keys], "pages a second (log scale)"),
        (axes[1], [figures.cpu_ms(scene, key) for key in keys], "CPU seconds a 1,000 pages"),
    ):
        shown = axis.barh(names, values, color=colours)
        axis.bar_label(shown, fmt="{:,.0f}" if axis is axes[0] else "{:.2f}", padding=3)
        axis.set_title(title)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.15)
    axes[0].set_xscale("log")
    axes[0].set_xticks([200, 500, 1_000, 2_000, 5_000, 10_000], ["200", "500", "1,000", "2,000", "5,000", "10,000"])
    axes[0].minorticks_off()
    drawn.savefig(file, dpi=110)
    pyplot.close(drawn)


def _memory(pyplot: Any, figures: Figures, sizes: list[str], file: Path) -> None:
    drawn, axis = pyplot.subplots(figsize=(9, 4), layout="constrained")
    for scene in sizes:
        run = figures.runs(scene, "ours")[0]
        pages = [second / run["wall_s"] * run["pages"] for second, _ in run["memory"]]
        axis.plot(pages, [megabytes for _, megabytes in run["memory"]], label=f"{run['pages']:,} pages")
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("pages done (about)")
    axis.set_ylabel("MB, all processes (PSS)")
    axis.legend()
    axis.spines[["top", "right"]].set_visible(False)
    drawn.savefig(file, dpi=110)
    pyplot.close(drawn)
