"""A real PostgreSQL for the tests of a process: started by the first that wants it, with a database for each."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

#: Nothing has to survive a power cut here, and a test waits for no disk.
_FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60", "jit=off")
_numbers = count(1)


class PostgresServer:
    """A server on a socket in a folder of its own, as a user that is not root.

    Attributes:
        folder: Where its socket is.
    """

    def __init__(
        self, tool: str, *, prefix: Sequence[str] = (), listen: str = "", settings: Sequence[str] = _FAST
    ) -> None:
        """Make the files and start it.

        Args:
            prefix: Words in front of its command, as root.
            listen: Address at which it answers, too; anybody may come in there.
            settings: Each ``name=value``.
        """
        self._bin, self._prefix, self._listen, self._settings = Path(tool).parent, prefix, listen, settings
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
            environment = {**os.environ, "HOME": str(self.folder)}
            self._as_user = {"user": "nobody", "cwd": self.folder, "env": environment}
        self._quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        made = [tool, "-D", self.folder / "data", "-U", "crawl", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"]
        subprocess.run(made, check=True, **self._quiet, **self._as_user)
        if listen:
            with (self.folder / "data" / "pg_hba.conf").open("a", encoding="ascii") as rules:
                rules.write("host all all samenet trust\n")
        self._server = self._started()
        atexit.register(self.close)

    def _started(self) -> subprocess.Popen[bytes]:
        words = [self._bin / "postgres", "-D", self.folder / "data", "-k", self.folder, "-h", self._listen]
        words += [word for setting in self._settings for word in ("-c", setting)]
        as_user = self._as_user
        if self._prefix:
            words = [*self._prefix, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *words]
            as_user = {"cwd": self.folder}
        server = subprocess.Popen(words, **self._quiet, **as_user)
        deadline = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.02)
        return server

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.address(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def pid(self) -> int:
        """Of the process whose children are all others of the server."""
        return self._server.pid

    def address(self, database: str = "postgres") -> str:
        return f"postgresql:///{database}?host={self.folder}&user=crawl"

    def connected(self) -> socket.socket:
        """A connection to its socket."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.folder / ".s.PGSQL.5432"))
        except OSError:
            connection.close()
            raise
        return connection

    def database(self, template: str = "template1") -> str:
        """The address of a new database."""
        name = f"test_{next(_numbers)}"
        (version,) = self.do("SELECT current_setting('server_version_num')::int")[0]
        strategy = " STRATEGY FILE_COPY" if version >= 150_000 else ""  # version 14 knows no other
        self.do(f"CREATE DATABASE {name} TEMPLATE {template}{strategy}")
        return self.address(name)

    def do(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement, and give its rows."""
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def stop_at_once(self, down_s: float = 0.0) -> None:
        """As `pg_ctl stop -m immediate`: what is not on the disk is gone. After *down_s* it is started again."""
        self._server.send_signal(3)  # SIGQUIT
        self._server.wait(20)
        time.sleep(down_s)
        self._server = self._started()

    def close(self) -> None:
        if self._server.poll() is None:
            self._server.send_signal(2)  # SIGINT: connections are cut
            self._server.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def _server(process: int) -> PostgresServer | None:
    return started() if initdb() is not None else None


def started(**options: Any) -> PostgresServer:
    """A server of its own, with *options* of `PostgresServer`; PostgreSQL has to be installed (`initdb`)."""
    tool = initdb()
    assert tool is not None
    return PostgresServer(tool, **options)


def initdb() -> str | None:
    """The program that makes the files of a server: the newest that is installed, or one in CRAWL_POSTGRES."""
    chosen = os.environ.get("CRAWL_POSTGRES")
    if chosen:
        return str(Path(chosen) / "initdb")
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(binaries[-1]) if binaries else shutil.which("initdb")


def server() -> PostgresServer:
    """The server of this process; the test is left out where PostgreSQL is not installed."""
    pytest.importorskip("psycopg")
    found = _server(os.getpid())
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found
