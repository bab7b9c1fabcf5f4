"""Figures of a run as Prometheus reads them from a file (node_exporter's textfile collector). No library needed.

Names and labels are bounded: one line for each state, for each of at most fifty kinds of items, and for each ending.

Source: "Exposition formats", "Text-based format" in the documentation of Prometheus.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from crawler.events import Summary

_KINDS = 50
_MEMBERS = 50


def metrics_text(
    summary: Summary, *, now: float, last_success: float | None, members: Mapping[str, int] | None = None
) -> str:
    """All figures of one run.

    Args:
        now: When it ended, seconds since 1970.
        last_success: When the last good run ended, this one included; None for none.
        members: Number of each process that worked on it, to its pages.
    """
    lines: list[str] = []
    found = [*_metrics(summary, now, last_success), *_of_members(members or {})]
    for name, text, samples in found:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{{_labels(summary.spider, labels)}}} {value:.15g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


Samples = list[tuple[dict[str, str], float]]


def _metrics(summary: Summary, now: float, last_success: float | None) -> Iterator[tuple[str, str, Samples]]:
    good = summary.exit_code == 0
    yield "crawl_run_end_timestamp_seconds", "When the last run ended.", [({}, now)]
    if last_success is not None:
        yield "crawl_run_success_timestamp_seconds", "When the last good run ended.", [({}, last_success)]
    yield "crawl_run_success", "1 when the last run ended with exit code 0.", [({}, float(good))]
    yield "crawl_run_exit_code", "Exit code of the last run.", [({}, summary.exit_code)]
    yield "crawl_run_duration_seconds", "How long the last run took.", [({}, summary.elapsed_s)]
    yield "crawl_run_pages", "Pages of the last run.", [({}, summary.pages)]
    kinds = sorted(summary.items.items(), key=lambda pair: -pair[1])[:_KINDS]
    yield "crawl_run_items", "Items of the last run, by kind.", [({"kind": kind}, count) for kind, count in kinds]
    states = ("known", "waiting", "failed", "skipped", "parked")
    counted = [({"state": state}, float(getattr(summary, state))) for state in states]
    yield "crawl_requests", "Requests of the crawl, by state.", counted
    yield "crawl_run_logins", "Logins that the last run made.", [({}, summary.logins)]
    yield "crawl_run_retries", "Tries beyond the first of a page in the last run.", [({}, summary.retried)]


def _of_members(members: Mapping[str, int]) -> Iterator[tuple[str, str, Samples]]:
    if members:
        samples: Samples = [({"member": number}, pages) for number, pages in list(members.items())[:_MEMBERS]]
        yield "crawl_run_member_pages", "Pages of the last run, by the process that committed them.", samples


def _labels(spider: str, labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in {"spider": spider, **labels}.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def write_metrics(path: Path, text: str) -> None:
    """Replace *path* whole: a collector reading meanwhile sees the old file or the new one. Mode 0644, which it needs.

    Raises:
        OSError: It cannot be written.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o644)  # figures only, and the collector is another user
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
