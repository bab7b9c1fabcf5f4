"""A PostgreSQL server for the benchmark, as Debian installs it, and the resources its processes have used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.postgres import PostgresServer, initdb

#: In addition to the package's settings: memory for a table in constant use, and fewer checkpoints. fsync,
#: synchronous_commit and full_page_writes are on.
SETTINGS = (
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "max_connections=60",
    "shared_preload_libraries=pg_stat_statements",
)
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Database:
    """One database on a server that was started for it."""

    def __init__(self, server: PostgresServer, address: str) -> None:
        self._server, self.address = server, address
        self._name = address.partition("?")[0].rpartition("/")[2]

    def ask(self, statement: str) -> list[Any]:
        """Run one statement and return its rows."""
        return self._server.do(statement, self._name)

    def cpu_s(self) -> float:
        """CPU seconds of all server processes so far, including those that have ended."""
        return processes_cpu_s(self._server.pid)

    def wal_bytes(self) -> int:
        """Bytes of WAL written so far."""
        return int(self.ask("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])

    def version(self) -> str:
        return str(self.ask("SHOW server_version")[0][0]).partition(" ")[0]


@contextmanager
def database(*more: str) -> Iterator[Database]:
    """Starts a new server with an empty database.

    Args:
        more: Settings in addition to `SETTINGS`.
    """
    if initdb() is None:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    tool = initdb()
    assert tool is not None
    server = PostgresServer(tool, settings=(*SETTINGS, *more))
    try:
        yield Database(server, server.database())
    finally:
        server.close()


def processes_cpu_s(pid: int) -> float:
    """CPU seconds of a process, of its children, and of children that have ended and were waited for."""
    fields = _stat(pid)
    total = sum(map(int, fields[11:15]))  # its own, and that of children it has waited for
    for child in _children(pid):
        try:
            total += sum(map(int, _stat(child)[11:15]))
        except OSError:
            continue  # it has just ended: counted the next time
    return total * _TICK_S


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in os.listdir(f"/proc/{pid}/task"):
        found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def load() -> str:
    """The current load of the machine, for a table."""
    return f"{os.getloadavg()[0]:.1f}"
