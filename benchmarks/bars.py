"""The bars: what was required, what was measured on each site, and whether the worse of them reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks import scenes
from benchmarks.medians import Figures


@dataclass(slots=True)
class Bar:
    """One requirement.

    Attributes:
        values: By site, if it depends on the site; otherwise *value* counts.
        is_reached: Whether it is reached on every site.
    """

    what: str
    is_reached: bool
    value: str = ""
    values: dict[str, str] = field(default_factory=dict)


def judged(figures: list[Figures], single: dict[str, Any]) -> list[Bar]:
    """The bars for which figures were measured."""
    return [bar for bar in (*_speed(figures), *_far(figures), *_memory(figures)) if bar is not None] + _single(single)


def _ratio(
    what: str,
    figures: list[Figures],
    needed: tuple[tuple[str, ...], ...],
    value: Callable[[Figures], float],
    *,
    least: float | None = None,
    most: float | None = None,
) -> Bar | None:
    """A bar for a number on each site that has the needed scenes and contenders."""
    values = {each.site: value(each) for each in figures if all(each.has(*scene) for scene in needed)}
    if not values:
        return None
    reached = all((least is None or each >= least) and (most is None or each <= most) for each in values.values())
    return Bar(what, reached, values={site: f"{each:.2f}" for site, each in values.items()})


def _of_speeds(scene: str, ours: str, rival: str) -> Callable[[Figures], float]:
    return lambda figures: figures.speed(scene, ours) / figures.speed(scene, rival)


def _of_cpu(scene: str, other: str, ours: str) -> Callable[[Figures], float]:
    return lambda figures: figures.cpu_ms(scene, ours) / figures.cpu_ms(other, ours)


def _speed(figures: list[Figures]) -> list[Bar | None]:
    base = "20k" if any(each.has("20k", "ours") for each in figures) else "2k"
    size, found = scenes.ALL[base].title, list[Bar | None]()
    for scene, ours, rival, least, what in (
        (base, "ours-1", "aiohttp", 1.0, f"{size}, one process: at least aiohttp and selectolax by hand"),
        (base, "ours", "aiohttp", 1.6, f"{size}: at least 1.6 times aiohttp and selectolax by hand"),
        (base, "ours", "scrapy", 7.0, f"{size}: at least 7 times Scrapy"),
        ("login", "ours", "aiohttp", 1.3, "behind a login: at least 1.3 times aiohttp and selectolax by hand"),
        ("login-20k", "ours", "aiohttp", 1.3, "the same with 20,000 pages"),
    ):
        found.append(_ratio(what, figures, ((scene, ours, rival),), _of_speeds(scene, ours, rival), least=least))
    for ours, alone, login, near in (
        ("ours", "", "login", "2k"),
        ("ours-1", ", one process", "login", "2k"),
        ("ours", "", "login-20k", "20k"),
        ("ours-1", ", one process", "login-20k", "20k"),
    ):
        found.append(
            _ratio(
                f"{scenes.ALL[login].title}{alone}: CPU a page, at most 1.1 times",
                figures,
                ((login, ours), (near, ours)),
                _of_cpu(login, near, ours),
                most=1.1,
            )
        )
    found.append(
        _ratio(
            "100,000 pages: at least 0.85 of the pages a second at 2,000",
            figures,
            (("100k", "ours"), ("2k", "ours")),
            lambda each: each.speed("100k", "ours") / each.speed("2k", "ours"),
            least=0.85,
        )
    )
    found.append(
        _ratio(
            "200 hosts: CPU a page at most 1.2 times that of one host",
            figures,
            (("hosts200", "ours"), ("20k", "ours")),
            lambda each: each.cpu_ms("hosts200", "ours") / each.cpu_ms("20k", "ours"),
            most=1.2,
        )
    )
    return found


def _far(figures: list[Figures]) -> list[Bar | None]:
    found = [
        _ratio(
            f"50 ms, one host, {connections}: share of the possible {possible}, at least 0.9",
            figures,
            ((scene, "ours"),),
            lambda each, scene=scene, possible=possible: each.speed(scene, "ours") / possible,  # type: ignore[misc]
            least=0.9,
        )
        for scene, connections, possible in (
            ("latency1", "8 connections", 160),
            ("latency32", "32 connections", 640),
            ("latency32-20k", "32 connections, 20,000 pages", 640),
        )
    ]
    found.append(
        _ratio(
            "50 ms, one host, 32 connections: at least 1.3 times aiohttp, where 0.9 of the possible is not reached",
            figures,
            (("latency32", "ours", "aiohttp"),),
            _of_speeds("latency32", "ours", "aiohttp"),
            least=1.3,
        )
    )
    found.append(
        _ratio(
            "50 ms, 20 hosts, 8 connections each: at least 0.9 of the possible (3,200, or what 20,000 near pages get)",
            figures,
            (("latency20", "ours"), ("20k", "ours")),
            lambda each: each.speed("latency20", "ours") / min(3_200, each.speed("20k", "ours")),
            least=0.9,
        )
    )
    for scene in (each for each in scenes.ALL.values() if each.key.startswith("far")):
        found.append(
            _ratio(
                f"{scene.title}, one process: CPU a page of a near server at 2,000 pages, at most 1.0 times",
                figures,
                ((scene.key, "ours-1"), ("2k", "ours-1")),
                lambda each, key=scene.key: each.cpu_ms(key, "ours-1") / each.cpu_ms("2k", "ours-1"),  # type: ignore[misc]
                most=1.0,
            )
        )
    return found


def _memory(figures: list[Figures]) -> list[Bar | None]:
    compared = [
        _ratio(
            f"{scene.title}: peak memory of all processes below Scrapy's",
            figures,
            ((scene.key, "ours", "scrapy"),),
            lambda each, key=scene.key: each.peak_mb(key, "ours") / each.peak_mb(key, "scrapy"),  # type: ignore[misc]
            most=1.0,
        )
        for scene in scenes.ALL.values()
    ]
    return [
        *compared,
        _ratio(
            "20,000 pages of one host, one process: at most 60 MB",
            figures,
            (("20k", "ours-1"),),
            lambda each: each.peak_mb("20k", "ours-1"),
            most=60,
        ),
        _ratio(
            "20,000 pages of one host: a second process at most 40 MB more",
            figures,
            (("20k", "ours-1", "ours"),),
            lambda each: each.peak_mb("20k", "ours") - each.peak_mb("20k", "ours-1"),
            most=40,
        ),
    ]


def _single(single: dict[str, Any]) -> list[Bar]:
    if not single:
        return []
    loads = bool(single["list_loads_engine"])
    found = [
        Bar("`crawl --help`: less than 0.25 s of CPU", single["help_cpu_s"] < 0.25, f"{single['help_cpu_s']:.2f} s"),
        Bar("`crawl list` loads no engine", not loads, "it does" if loads else "it does not"),
        Bar("a crawl of one page: at most 0.35 s", single["one_page_s"] <= 0.35, f"{single['one_page_s']:.2f} s"),
        Bar("all hosts wait: less than 1 % of a core", single["idle_share"] < 0.01, f"{single['idle_share']:.2%}"),
    ]
    if "nothing_to_do_s" in single:
        value = single["nothing_to_do_s"]
        found.append(Bar("a crawl that finds nothing to do: at most 0.3 s", value <= 0.3, f"{value:.2f} s"))
    for key, what in (("open_ms", "opens"), ("resume_ms", "resumes"), ("lease_ms", "leases")):
        found.append(Bar(f"1,000,000 known URLs: {what} within 1 s", single[key] < 1_000, f"{single[key]:.0f} ms"))
    if "known_peak_mb" in single:
        value = single["known_peak_mb"]
        found.append(Bar("1,000,000 known URLs: peak memory at most 183 MB", value <= 183, f"{value:.0f} MB"))
    return found
