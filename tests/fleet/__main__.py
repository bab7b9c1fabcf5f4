"""``python -m tests.fleet``: crawls by a fleet that is broken on purpose. Exit code 1 when a promise did not hold.

Each seed is a crawl of its own behind a login: members are killed and paused for longer than their leases, the database
is stopped at once, connections are cut and fall silent, answers to COMMIT are lost. Afterwards items, files, audit,
logins and the history of all claims, sendings and commits have to be right.

``--machines`` gives each member a network namespace and pulls the cable of one for longer than its lease;
``--failover sync`` (or ``async``) puts two nodes under Patroni and kills the one that leads. Both are left out, with
the reason, where they cannot be had.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from tests import postgres
from tests.crash.report import faults, table
from tests.fleet.failover import Cluster, why_no_cluster
from tests.fleet.ground import HUB, Direct, Ground, Loopback, Namespaces, why_no_namespaces
from tests.fleet.trial import Server, Terms, Trial


@contextmanager
def surroundings(chosen: argparse.Namespace) -> Iterator[tuple[Server, Ground]]:
    """The database of one crawl, and the way to it."""
    if chosen.failover:
        with Cluster(synchronous=chosen.failover == "sync") as cluster:
            yield cluster, Direct(cluster.address)
    elif chosen.machines:
        with Namespaces(chosen.workers) as ground, closing(postgres.started(prefix=ground.site, listen=HUB)) as server:
            yield server, ground
    else:
        with closing(postgres.started()) as server, Loopback(server) as ground:
            yield server, ground


def why_not(chosen: argparse.Namespace) -> str:
    """Why it cannot be done here; "" when it can."""
    if chosen.failover:
        return why_no_cluster()
    if postgres.initdb() is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    return why_no_namespaces() if chosen.machines else ""


def main(words: Sequence[str] | None = None) -> int:
    """Run, print a table, and say whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=20_000, help="of all hosts together")
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4, help="processes that share the crawl")
    parser.add_argument("--expiries", type=int, default=3, help="how often the site ends all sessions")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds between two requests to one host")
    parser.add_argument("--seed", type=int, default=1, help="of the first crawl")
    parser.add_argument("--seeds", type=int, default=20, help="how many crawls, each with the next seed")
    parser.add_argument("--faults", help="what is broken, as often as it is named, with commas between")
    parser.add_argument("--machines", action="store_true", help="each member in a network namespace of its own")
    parser.add_argument("--failover", choices=("sync", "async"), help="two nodes under Patroni, of which one dies")
    parser.add_argument("--keep", type=Path, help="folder in which logs are left")
    chosen = parser.parse_args(words)
    terms = Terms(
        pages=chosen.pages,
        hosts=chosen.hosts,
        members=chosen.workers,
        expiries=chosen.expiries,
        delay_s=chosen.delay,
        forgets=chosen.failover == "async",
    )
    usual = "failover" if chosen.failover else "unplug" if chosen.machines else ",".join(Terms.faults)
    named = usual if chosen.faults is None else chosen.faults
    terms = replace(terms, faults=[each for each in named.split(",") if each])
    if reason := why_not(chosen):
        print(f"left out: {reason}")
        return 0
    wrong: list[str] = []
    rows: list[list[object]] = []
    heading: list[str] = []
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        if chosen.keep is not None:
            chosen.keep.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"fleet-{seed}-", dir=chosen.keep))
        with surroundings(chosen) as (server, ground):
            result = Trial(terms, seed, folder, server, ground).run()
        if chosen.keep is None:
            shutil.rmtree(folder)
        wrong += [f"seed {seed}: {what}" for what in result.wrong]
        heading = ["seed", *result.figures, "faults"]
        rows.append([seed, *result.figures.values(), len(result.wrong)])
        print(f"seed {seed}: {result.figures}", *result.wrong[:20], sep="\n  ", file=sys.stderr, flush=True)
    print(table(heading, rows))
    print(faults(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
