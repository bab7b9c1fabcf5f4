"""PgBouncer in transaction mode before a server of the tests: each transaction may get another connection."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.postgres import PostgresServer

_SETTINGS = """[databases]
* = host={server} user=crawl

[pgbouncer]
pool_mode = transaction
unix_socket_dir = {folder}
listen_addr =
listen_port = 6432
auth_type = any
default_pool_size = {pool}
min_pool_size = {pool}
server_round_robin = 1
ignore_startup_parameters = extra_float_digits
logfile =
pidfile =
"""
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Pooler:
    """PgBouncer as a process; a context manager.

    Args:
        pool: Connections to the server that all clients share.
    """

    def __init__(self, server: PostgresServer, pool: int = 3) -> None:
        assert PROGRAM is not None
        self.folder = Path(tempfile.mkdtemp(prefix="pgb-"))
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(_SETTINGS.format(server=server.folder, folder=self.folder, pool=pool))
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # it refuses root
            shutil.chown(self.folder, "nobody")
            as_user = {"user": "nobody"}
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([PROGRAM, "-q", settings], **quiet, **as_user)
        deadline = time.monotonic() + 20
        while not (self.folder / ".s.PGSQL.6432").exists():
            assert time.monotonic() < deadline, "PgBouncer did not start"
            time.sleep(0.01)

    def address(self, database: str) -> str:
        return f"postgresql://crawl@/{database}?host={self.folder}&port=6432"

    def __enter__(self) -> Pooler:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
