"""Two nodes of PostgreSQL under Patroni, of which one dies: the other takes over, and the members go on with it.

Patroni keeps its decisions by Raft, with a third voter that has no database. What it needs is not among the usual tools
of the tests: ``pip install 'patroni[raft]'``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from tests import postgres

_WITHIN_S = 90.0
_MISSED_S = 2.0
_TTL_S = 20  #: after so long without a word the other node takes over; Patroni takes no less


def why_no_cluster() -> str:
    """Why none can be started here; "" when it can."""
    if postgres.initdb() is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    if not all(map(importlib.util.find_spec, ("patroni", "pysyncobj"))):
        return "Patroni is not installed: pip install 'patroni[raft]'"
    if _python() is None:
        return "PostgreSQL refuses root, and no Python that has Patroni can be run by another user"
    return ""


#: said first: a trial that is killed leaves no node behind (Linux: SIGTERM when the parent ends, PR_SET_PDEATHSIG)
_TIED = "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "
_PACKAGES = {"PATH": os.environ["PATH"], "PYTHONPATH": sysconfig.get_path("platlib")}
_AS_USER: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@cache
def _python() -> str | None:
    """An interpreter that can run Patroni as a user who may run PostgreSQL; ours may lie in root's home."""
    needed = "import patroni.raft_controller, pysyncobj, psycopg"
    for path in (sys.executable, "/usr/bin/python3"):
        tried: dict[str, Any] = {"env": _PACKAGES, "cwd": "/", "capture_output": True, "check": False, **_AS_USER}
        with suppress(OSError):
            if not subprocess.run([path, "-c", needed], **tried).returncode:
                return path
    return None


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """Two nodes; a context manager. It has what a trial asks of a `tests.postgres.PostgresServer`.

    Args:
        synchronous: A commit is told only when the other node has it, too.
    """

    def __init__(self, *, synchronous: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="patroni-"))
        tool = postgres.initdb()
        assert tool is not None
        self._synchronous, self._bin = synchronous, str(Path(tool).parent)
        if _AS_USER:
            shutil.chown(self.folder, "nobody")
        self._votes = _free_ports(3)
        self._ports, self._rest = _free_ports(2), _free_ports(2)
        self._processes = [self._voter(), self._node(0)]
        self._until(lambda: self.leader() == 0)
        self._processes.append(self._node(1))
        wanted = "sync_standby" if synchronous else "replica"
        self._until(lambda: any(each.get("role") == wanted and each.get("state") in _RUNS for each in self._members()))

    def _raft(self, number: int) -> dict[str, object]:
        votes = [f"127.0.0.1:{port}" for port in self._votes]
        kept = self.folder / f"raft{number}"
        kept.mkdir()
        if _AS_USER:
            shutil.chown(kept, "nobody")
        return {
            "data_dir": str(kept),
            "self_addr": votes[number],
            "partner_addrs": votes[:number] + votes[number + 1 :],
        }

    def _started(self, module: str, settings: dict[str, object], name: str) -> subprocess.Popen[bytes]:
        path = self.folder / f"{name}.json"  # which is YAML, too
        path.write_text(json.dumps(settings))
        with (self.folder / f"{name}.log").open("wb") as said:
            return subprocess.Popen(
                [_python() or sys.executable, "-c", f"{_TIED}from {module} import main; main()", path],
                cwd=self.folder,
                env={**_PACKAGES, "HOME": str(self.folder)},
                stdout=said,
                stderr=said,
                start_new_session=True,
                **_AS_USER,
            )

    def _voter(self) -> subprocess.Popen[bytes]:
        return self._started("patroni.raft_controller", {"scope": "crawl", "raft": self._raft(2)}, "voter")

    def _node(self, number: int) -> subprocess.Popen[bytes]:
        timing = {"ttl": _TTL_S, "loop_wait": 1, "retry_timeout": 3, "synchronous_mode": self._synchronous}
        parameters = {"fsync": "off", "full_page_writes": "off", "max_connections": 60, "shared_buffers": "32MB"}
        access = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
        address = f"127.0.0.1:{self._ports[number]}"
        settings: dict[str, object] = {
            "scope": "crawl",
            "name": f"node{number}",
            "restapi": {
                "listen": f"127.0.0.1:{self._rest[number]}",
                "connect_address": f"127.0.0.1:{self._rest[number]}",
            },
            "raft": self._raft(number),
            "bootstrap": {
                "dcs": {**timing, "postgresql": {"parameters": parameters}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}],
            },
            "postgresql": {
                "listen": address,
                "connect_address": address,
                "data_dir": str(self.folder / f"data{number}"),
                "bin_dir": self._bin,
                "pgpass": str(self.folder / f"pgpass{number}"),
                "pg_hba": access,
                "authentication": {"superuser": {"username": "crawl"}, "replication": {"username": "crawl"}},
                "parameters": {"unix_socket_directories": str(self.folder)},
            },
        }
        return self._started("patroni.__main__", settings, f"node{number}")

    # --- who leads ----------------------------------------------------------------------------------------------------
    def _members(self) -> list[dict[str, Any]]:
        for port in self._rest:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/cluster", timeout=2) as answer:
                    found: list[dict[str, Any]] = json.load(answer)["members"]
                    return found
            except (OSError, ValueError, KeyError):
                continue
        return []

    def leader(self) -> int | None:
        """Number of the node that takes writes now; None while there is none."""
        for number, port in enumerate(self._rest):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/primary", timeout=2) as answer:
                    if answer.status == 200:
                        return number
            except OSError:
                continue
        return None

    def fail_over(self) -> float:
        """Kill the node that leads, with its database, and wait until the other one does. Returns the seconds.

        An asynchronous standby has missed the last moments before.
        """
        leader = self.leader()
        assert leader is not None
        if not self._synchronous:
            self._standby(1 - leader, "SELECT pg_terminate_backend(pid) FROM pg_stat_wal_receiver")
            time.sleep(_MISSED_S)  # it connects again after 5 s
        began = time.monotonic()
        main = int((self.folder / f"data{leader}" / "postmaster.pid").read_text().split()[0])
        self._processes[leader + 1].kill()
        os.kill(main, signal.SIGQUIT)  # at once
        self._until(lambda: self.leader() == 1 - leader)
        return time.monotonic() - began

    # --- as a server of the tests -------------------------------------------------------------------------------------
    def address(self, database: str = "postgres") -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"postgresql://crawl@{hosts}/{database}?target_session_attrs=read-write&sslmode=disable"

    def database(self) -> str:
        """The address of a new database."""
        self.do("CREATE DATABASE test_1")
        return self.address("test_1")

    def do(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement where writes are taken, and give its rows."""
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def _standby(self, number: int, statement: str) -> None:
        import psycopg

        with psycopg.connect(f"postgresql://crawl@127.0.0.1:{self._ports[number]}/postgres", autocommit=True) as raw:
            raw.execute(statement.encode())

    def _until(self, holds: Any) -> None:
        deadline = time.monotonic() + _WITHIN_S
        while not holds():
            if time.monotonic() > deadline:
                said = [path.read_text(errors="replace")[-1500:] for path in sorted(self.folder.glob("*.log"))]
                raise TimeoutError("\n".join(["the cluster does not come so far", *said]))
            time.sleep(0.2)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for number in range(2):
            _stop(self.folder / f"data{number}" / "postmaster.pid")
        shutil.rmtree(self.folder, ignore_errors=True)


_RUNS: Sequence[str] = ("running", "streaming")


def _stop(pid_file: Path) -> None:
    """End a database whose Patroni was killed."""
    try:
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
    except (OSError, ValueError, IndexError):
        pass
