"""``python -m benchmarks.fleet``: the costs of a fleet, part by part. Needs PostgreSQL on the machine.

``stores``: claims, and pages committed with 2 and 10 new links, on PostgreSQL and SQLite. ``rivals``: one crawl by
several processes of this crawler, scrapy-redis and Crawlee, and what each loses when processes are killed.
``room``: bytes a URL. ``soak``: claims over an hour while another session holds an old snapshot.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.fleet import paces, rivals, room
from benchmarks.fleet.ground import database
from benchmarks.fleet.tables import of_paces, of_rivals, of_room
from benchmarks.table import Contender, install

_GROUPS = ((2, 64), (10, 64), (10, 25), (10, 1))  #: new links per page, pages per group


def main(words: Sequence[str] | None = None) -> int:
    """Measure a part, and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__.partition("\n")[0])
    parts = parser.add_subparsers(dest="part", required=True)
    stores = parts.add_parser("stores", help="claims and commits")
    stores.add_argument("--pages", type=int, default=12_800)
    stores.add_argument("--rounds", type=int, default=3, help="PostgreSQL and SQLite in turn")
    stores.add_argument("--members", type=int, default=2, help="processes at once, in one more row")
    beside = parts.add_parser("rivals", help="beside scrapy-redis and Crawlee")
    beside.add_argument("--pages", type=int, default=2_000)
    beside.add_argument("--kills", type=int, default=5)
    beside.add_argument("--rounds", type=int, default=1)
    beside.add_argument("--only", default=",".join(rivals.ALL), help="some of them, with commas")
    beside.add_argument("--limit", type=float, default=900.0, metavar="SECONDS", help="of one crawl")
    space = parts.add_parser("room", help="bytes a URL")
    space.add_argument("--urls", type=int, default=1_000_000)
    space.add_argument("--done", type=int, default=100_000, help="of them are fetched, each with an item")
    parts.add_parser("soak", help="options of python -m tests.soak.held", add_help=False)
    chosen, rest = parser.parse_known_args(words)
    if chosen.part == "soak":
        from tests.soak import held

        return held.main(rest)
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    return {"stores": _stores, "rivals": _rivals, "room": _room}[chosen.part](chosen)


def _stores(chosen: argparse.Namespace) -> int:
    rows: list[tuple[str, paces.Pace]] = []
    for _ in range(chosen.rounds):
        for on_server in (True, False):
            rows += _one_store(chosen, on_server)
    print(of_paces(rows))
    return 0


def _one_store(chosen: argparse.Namespace, on_server: bool) -> list[tuple[str, paces.Pace]]:
    """Run each kind of work once, on a new store."""
    name = "PostgreSQL" if on_server else "SQLite"
    kinds = [paces.Work(max(group, chosen.pages // (1 if group > 1 else 16)), n, group) for n, group in _GROUPS]
    if chosen.members > 1:
        kinds.append(paces.Work(chosen.pages, 10, 64, chosen.members))
    made: list[tuple[str, paces.Pace]] = []

    def told(pace: paces.Pace) -> None:
        made.append((name, pace))
        print(json.dumps({"store": name, **asdict(pace)}), file=sys.stderr, flush=True)

    for work in kinds:
        if on_server:
            with database() as server:
                told(paces.pages(server.address, server, work))
        else:
            with tempfile.TemporaryDirectory() as folder:
                told(paces.pages(str(Path(folder) / "crawl.db"), None, work))
    if on_server:
        with database() as server:
            told(paces.claims(server.address, server, chosen.pages, 64))
    else:
        with tempfile.TemporaryDirectory() as folder:
            told(paces.claims(str(Path(folder) / "crawl.db"), None, chosen.pages, 64))
    return made


def _rivals(chosen: argparse.Namespace) -> int:
    rows: list[rivals.Played] = []
    for key in (asked := chosen.only.split(",")):
        one = rivals.ALL[key]
        if one.environment:
            install(Contender(one.key, one.label, one.environment, _never, None))
    for kills in (0,) * chosen.rounds + (chosen.kills,):
        for key in asked:
            rows.append(rivals.play(rivals.ALL[key], chosen.pages, kills=kills, limit_s=chosen.limit))
            print(json.dumps(asdict(rows[-1])), file=sys.stderr, flush=True)
    print(of_rivals(rows))
    return 0


def _never(*given: Any) -> list[str]:
    raise AssertionError("only its environment is made")


def _room(chosen: argparse.Namespace) -> int:
    with database() as server:
        filled = room.fill(server, chosen.urls, chosen.done)
        print(of_room(filled), flush=True)
        room.vacuum(server.address)
        print(of_room(room.look(server, chosen.urls, chosen.done, filled.urls_s)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
