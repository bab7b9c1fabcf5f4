"""Threads and descriptors by number of connections: ``python -m benchmarks.connections [--against REVISION]``.

One process crawls hosts that answer after half a second, with one to a thousand connections. Its peak numbers of
threads, descriptors and memory are read from /proc while it runs, and so is the number of connections that the server
has open.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import site, table
from benchmarks.server import free_port, has_delay, serve

LATENCY_MS = 500
SITE = "shop"
LIMIT_S = 300.0
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Load:
    """The connections that a crawl may use.

    Attributes:
        hosts: Number of hosts to crawl.
        per_host: Connections to each host.
        pages: Pages of each host.
    """

    hosts: int
    per_host: int
    pages: int

    @property
    def connections(self) -> int:
        return self.hosts * self.per_host


LOADS = (Load(1, 1, 30), Load(1, 32, 1_000), Load(1, 500, 4_000), Load(2, 500, 4_000))


@dataclass(slots=True)
class Most:
    """Peak figures of a process, the most connections that its server had open, and its total CPU time."""

    open: int = 0
    threads: int = 0
    descriptors: int = 0
    memory_mb: float = 0.0
    cpu_s: float = 0.0
    pages: int = 0

    def look(self, pid: int, port: int) -> None:
        """Update the figures; does nothing if the process has ended."""
        self.open = max(self.open, established(port))
        with contextlib.suppress(OSError, ValueError, IndexError):
            status = Path(f"/proc/{pid}/status").read_text()
            self.threads = max(self.threads, int(status.partition("Threads:")[2].split()[0]))
            self.memory_mb = max(self.memory_mb, int(status.partition("VmHWM:")[2].split()[0]) / 1000)
            self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{pid}/fd")))


def established(port: int) -> int:
    """How many connections are open at a server's port, on any address of this machine."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def crawled(contender: table.Contender, load: Load, made: site.Site, server: Any, work: Path) -> Most:
    """Run one crawl. Raises RuntimeError if it did not get all pages."""
    hosts = [f"127.0.0.{number}" for number in range(1, load.hosts + 1)]
    orders = {
        "starts": [server.url(host) for host in hosts],
        "login": "",
        "site": SITE,
        "our_workers": load.connections + 100,
        "our_per_host": load.per_host,
    }
    environ = {**os.environ, "BENCH": json.dumps(orders), "PYTHONPATH": "" if contender.revision else str(ROOT)}
    most, ends = Most(), time.monotonic() + LIMIT_S
    command = contender.command(contender, work, orders)
    with (
        open(work / "log", "wb") as log,
        subprocess.Popen(command, env=environ, cwd=work, stdout=log, stderr=log) as run,
    ):
        while time.monotonic() < ends:
            most.look(run.pid, server.port)
            pid, status, usage = os.wait4(run.pid, os.WNOHANG)
            if pid:
                run.returncode = os.waitstatus_to_exitcode(status)
                most.cpu_s = usage.ru_utime + usage.ru_stime
                break
            time.sleep(0.1)
        else:
            run.kill()
    with contextlib.closing(sqlite3.connect(work / "data" / "crawl.db")) as store:
        most.pages = store.execute("SELECT count(*) FROM crawl_requests WHERE state = 2").fetchone()[0]
    if most.pages != made.pages * load.hosts:
        raise RuntimeError(f"{most.pages} pages of {made.pages * load.hosts}: {(work / 'log').read_text()[-2000:]}")
    return most


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.connections", description=__doc__)
    parser.add_argument("--against", help="also as it was at a revision of git, in one process")
    options = parser.parse_args()
    if not has_delay():
        sys.exit("nginx or its echo module is missing")
    keys = ["ours-1"]
    if options.against:
        keys += [key for key in table.add_revision(options.against) if key.startswith("ours-1")]
    print("| connections | | open at the server | threads | descriptors | peak MB | CPU ms a page |")
    print("|--:|---|--:|--:|--:|--:|--:|")
    for load in LOADS:
        with tempfile.TemporaryDirectory(prefix="connections-", dir="/dev/shm") as folder:
            port = free_port()
            made = site.make(Path(folder), SITE, load.pages, port)
            with serve(made.root, port=port, kind=made.kind, latency_ms=LATENCY_MS) as server:
                for key in keys:
                    contender = table.ALL[key]
                    if reason := table.missing(contender):
                        sys.exit(reason)
                    work = Path(tempfile.mkdtemp(dir=folder))
                    most = crawled(contender, load, made, server, work)
                    cpu_ms = most.cpu_s / most.pages * 1000
                    told = (
                        f"{most.open:,} | {most.threads} | {most.descriptors:,} | {most.memory_mb:.0f} | {cpu_ms:.2f}"
                    )
                    print(f"| {load.connections:,} | {contender.revision or 'now'} | {told} |", flush=True)


if __name__ == "__main__":
    main()
