"""The scenes of the benchmark: what is crawled, by whom, and for which bars."""

from __future__ import annotations

from dataclasses import dataclass

EVERYBODY = ("ours", "ours-1", "scrapy", "crawlee", "scrapling", "requests", "aiohttp", "wget2", "wget2-files")
OURS = ("ours", "ours-1")
SITES = ("shop", "market", "journal")
MAIN = ("shop", "market")  #: sites on which every scene is run; the third has the two scenes of one near host


@dataclass(frozen=True, slots=True)
class Scene:
    """One case to measure.

    Attributes:
        pages: Approximate number of pages of each host.
        hosts: Number of addresses from 127.0.0.1 on; each has the same pages.
        latency_ms: Milliseconds that the server waits before each answer.
        login: Whether every page requires the cookie of a login.
        at_once: Concurrent requests that a contender may have in all; *per_host* of them to one host.
        workers: Setting `workers` of this crawler for each of its processes; 0 for its default.
        our_per_host: Setting `per_host` of this crawler; 0 for its default.
        sites: Sites on which it is run by default.
    """

    key: str
    title: str
    pages: int
    contenders: tuple[str, ...]
    hosts: int = 1
    latency_ms: int = 0
    login: bool = False
    at_once: int = 16
    per_host: int = 16
    workers: int = 0
    our_per_host: int = 0
    sites: tuple[str, ...] = MAIN


ALL = {
    each.key: each
    for each in (
        Scene("2k", "2,000 pages of one host", 2_000, EVERYBODY, sites=SITES),
        Scene("20k", "20,000 pages of one host", 20_000, EVERYBODY, sites=SITES),
        Scene("100k", "100,000 pages of one host", 100_000, OURS[:1], sites=("shop",)),
        Scene(
            "login",
            "2,000 pages behind a login",
            2_000,
            ("ours", "ours-1", "scrapy", "requests", "aiohttp"),
            login=True,
        ),
        Scene(
            "login-20k",
            "20,000 pages behind a login",
            20_000,
            ("ours", "ours-1", "scrapy", "aiohttp"),
            login=True,
        ),
        Scene("hosts20", "20 hosts of 500 pages", 500, ("ours", "scrapy"), hosts=20),
        Scene("hosts200", "200 hosts of 100 pages", 100, ("ours",), hosts=200),
        Scene(
            "latency1",
            "50 ms a page, one host, 8 connections",
            2_000,
            ("ours", "scrapy", "requests", "aiohttp"),
            latency_ms=50,
            at_once=8,
            per_host=8,
        ),
        Scene(
            "latency32",
            "50 ms a page, one host, 32 connections",
            2_000,
            ("ours", "ours-1", "scrapy", "aiohttp"),
            latency_ms=50,
            at_once=32,
            per_host=32,
            workers=64,
            our_per_host=32,
        ),
        Scene(
            "latency32-20k",
            "50 ms a page, one host, 32 connections, 20,000 pages",
            20_000,
            ("ours", "ours-1", "aiohttp"),
            latency_ms=50,
            at_once=32,
            per_host=32,
            workers=64,
            our_per_host=32,
        ),
        Scene(
            "latency20",
            "50 ms a page, 20 hosts, 8 connections each",
            1_000,
            ("ours", "scrapy", "aiohttp"),
            hosts=20,
            latency_ms=50,
            at_once=160,
            per_host=8,
            workers=160,
        ),
        Scene(
            "hosts200-500",
            "500 ms a page, 200 hosts, 8 connections each",
            40,
            ("ours", "ours-1", "aiohttp"),
            hosts=200,
            latency_ms=500,
            at_once=1_600,
            per_host=8,
            workers=512,
            sites=("market",),
        ),
        *(
            Scene(
                f"far{32 * hosts}-{latency_ms}",
                f"{latency_ms} ms a page, {32 * hosts} connections",
                2_000 // hosts,
                ("ours-1", "aiohttp"),
                hosts=hosts,
                latency_ms=latency_ms,
                at_once=32 * hosts,
                per_host=32,
                workers=64 * hosts,  # pages being parsed and committed meanwhile need a place, too
                our_per_host=32,
                sites=("market",),
            )
            for latency_ms in (50, 500)
            for hosts in (1, 8)
        ),
    )
}
SHORT = ("2k",)
FULL = (*(key for key in ALL if key != "100k"), "100k")  # the longest one last
