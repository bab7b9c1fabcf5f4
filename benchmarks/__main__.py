"""`python -m benchmarks`: every contender on the same site, interleaved, with each result checked.

Prints a table and which bars are reached; with ``--write`` it also writes results/*.json, and the tables and plots of
docs/explanation/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report, scenes, single, site, table
from benchmarks.measure import measured
from benchmarks.server import Server, free_port, has_delay, serve

ROOT = Path(__file__).parent.parent
LIMIT_S = 900.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="2,000 pages, one run of each: two minutes")
    parser.add_argument("--pages", help="2000, 20000 or 100000, or several with commas: only these scenes")
    parser.add_argument("--scenes", help=f"some of: {', '.join(scenes.ALL)}")
    parser.add_argument("--sites", help=f"some of: {', '.join(scenes.SITES)}")
    parser.add_argument("--runs", type=int, default=0, help="interleaved runs of each scene (3; short: 1)")
    parser.add_argument("--contenders", help=f"some of: {', '.join(table.ALL)}")
    parser.add_argument("--processes", help="also run ours with each of these numbers of processes")
    parser.add_argument("--against", help="also run ours as it was at these revisions of git")
    parser.add_argument("--single", action="store_true", help="start-up, idle and large stores, too")
    parser.add_argument("--write", action="store_true", help="write results/ and docs/; other scenes stay")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends with this process
    chosen = _scenes(options)
    folder = _folder()
    wanted = set(options.contenders.split(",")) if options.contenders else set(table.ALL)
    wanted |= {table.add_processes(int(number)) for number in (options.processes or "").split(",") if number}
    try:
        for revision in filter(None, (options.against or "").split(",")):
            wanted |= {key for key in table.add_revision(revision) if key.partition("@")[0] in wanted}
    except ValueError as unknown:
        sys.exit(f"--against: {unknown}")
    rows: list[dict[str, Any]] = []
    for scene in chosen:
        for name in options.sites.split(",") if options.sites else scene.sites:
            rows += _play(scene, name, options.runs or (1 if options.short else 3), wanted, folder)
    figures = single.figures() if options.single or not (options.scenes or options.pages) else {}
    if options.write:
        rows, figures = report.with_earlier(rows, figures, ROOT)
        report.write(rows, figures, ROOT)
    print(report.text(rows, figures))
    if not all(row["right"] for row in rows):
        sys.exit("a contender did not do the work; see above")


def _scenes(options: argparse.Namespace) -> list[scenes.Scene]:
    if options.pages:
        keys = [f"{int(number) // 1000}k" for number in options.pages.split(",")]
    elif options.scenes:
        keys = options.scenes.split(",")
    else:
        keys = list(scenes.SHORT if options.short else scenes.FULL)
    unknown = [key for key in keys if key not in scenes.ALL]
    if unknown:
        sys.exit(f"no such scene: {', '.join(unknown)}; there are {', '.join(scenes.ALL)}")
    return [scenes.ALL[key] for key in keys]


def _folder() -> Path:
    """A folder in memory if there is room, so that disks do not affect the results."""
    place = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
    folder = place / "crawl-bench"
    folder.mkdir(exist_ok=True)
    return folder


def _play(scene: scenes.Scene, name: str, runs: int, wanted: set[str], folder: Path) -> list[dict[str, Any]]:
    contenders = [table.ALL[key] for key in (*scene.contenders, *_extra(scene, wanted)) if key in wanted]
    if scene.latency_ms and not has_delay():
        print(f"{scene.title}: left out, since nginx or its echo module is missing", file=sys.stderr)
        return []
    usable = []
    for contender in contenders:
        reason = table.missing(contender)
        if reason:
            print(f"{contender.label}: left out: {reason}", file=sys.stderr)
        else:
            usable.append(contender)
    port = free_port()
    made = site.make(folder, name, scene.pages, port)
    rows = []
    with serve(made.root, port=port, kind=made.kind, latency_ms=scene.latency_ms, login=scene.login) as server:
        for number in range(runs):
            for contender in usable:
                row = {"site": name, **_once(scene, contender, name, made, server, folder)}
                row["run"], row["server"] = number + 1, server.kind
                rows.append(row)
                print(report.line(row), file=sys.stderr)
    return rows


def _extra(scene: scenes.Scene, wanted: set[str]) -> list[str]:
    """Contenders added on the command line: this crawler with more processes, or at older revisions."""
    earlier = {f"{key}@" for key in scene.contenders}
    return sorted(key for key in wanted if key.startswith(("ours-p", *earlier)))


def _once(
    scene: scenes.Scene, contender: table.Contender, name: str, made: site.Site, server: Server, folder: Path
) -> dict[str, Any]:
    """One run of one contender, and whether it did the work."""
    work = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    hosts = [f"127.0.0.{number}" for number in range(1, scene.hosts + 1)]
    orders: dict[str, Any] = {
        "starts": [server.url(host) for host in hosts],
        "hosts": [f"{host}:{server.port}" for host in hosts],
        "out": str(work / "items.jsonl"),
        "login": server.url(path="/login.html") if scene.login else "",
        "at_once": scene.at_once,
        "per_host": scene.per_host,
        "our_workers": scene.workers,
        "our_per_host": scene.our_per_host,
        "site": name,
    }
    environ = {**os.environ, "BENCH": json.dumps(orders), "PYTHONPATH": "" if contender.revision else str(ROOT)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled once, not on every start
    environ |= {"CRAWL_DEFAULT_USERNAME": "u", "CRAWL_DEFAULT_PASSWORD": "p"}
    before = server.requests()
    command = contender.command(contender, work, orders)
    cost = measured(command, environ=environ, cwd=work, log=work / "log", limit_s=LIMIT_S)
    after = server.requests()
    pages = made.pages * scene.hosts
    right = _is_right(contender, made, scene.hosts, work, cost.code)
    if not right:
        print((work / "log").read_text(errors="replace")[-2_000:], file=sys.stderr)
    shutil.rmtree(work)
    return {
        "scene": scene.key,
        "contender": contender.key,
        "version": contender.version(),
        "pages": pages,
        "asked": None if before is None or after is None else after - before,
        "load": round(os.getloadavg()[0], 1),
        "wall_s": round(cost.wall_s, 3),
        "cpu_s": round(cost.cpu_s, 3),
        "peak_mb": round(cost.peak_mb, 1),
        "memory": cost.memory[:: max(len(cost.memory) // 100, 1)],
        "right": right,
    }


def _is_right(contender: table.Contender, made: site.Site, hosts: int, work: Path, code: int) -> bool:
    if contender.items is None:
        return contender.pages_of(work) in (None, made.pages)
    if code:
        return False
    try:
        return site.digest_of(contender.items(work), made.kind.FIELDS, hosts) == (made.items * hosts, made.digest)
    except (OSError, ValueError, KeyError, table.StoreFault) as error:
        print(f"{contender.label}: {error}", file=sys.stderr)
        return False


if __name__ == "__main__":
    main()
