"""Commands that start at once: a process that has imported everything forks a child for each of them.

Importing takes a third of a second of a processor, hundreds of times in all tests. What is forked here is otherwise
what the command is: a process of its own with a session, folder, variables, streams, words, mask and exit code of its
own, that is stopped and killed by its number. All tests of one call of pytest share one such process; it has a single
thread, holds no store and no connection but the orders, and ends with whoever called pytest.

Three ways lead to it: `Forked` is a `subprocess.Popen` of ``python -m MODULE``; `forked_crawl` gives a program
``crawl`` for shells; `tests.crash.warm` has tracers and other users. These take the real start, `subprocess.Popen`:

- what is about starting: the installed program and the pages of the first hour, ``crawl --help`` without the engine,
  the time and memory that loading takes, cron's bare environments, systemd, containers, ``ulimit``;
- what Python itself reads when it starts (`READ_AT_START`), such as a locale or ``LD_PRELOAD``: `Forked` sees to that;
- a false clock, which has to be there before the first import: a `Server` of its own (`tests.signals.test_clock`).
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.forking import CHECKOUT, READY, modules_before

SHARED = "FORKED_FOR_TESTS"  #: the variable that names the folder of the shared process, and whom it ends with
STARTED_WITHIN_S = 60.0
#: Variables that Python, the C library and the loader read when a process starts: another value needs a real start.
READ_AT_START = ("LANG", "LC_", "LD_", "MALLOC_", "PYTHON", "SSL_", "OPENSSL_", "GLIBC_")
READ_LATER = ("PYTHONPATH", "PYTHON_KEYRING_BACKEND")
_AT_START = dict(os.environ)
PROGRAM = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    order = dict(words=["crawl", *sys.argv[1:]], folder=os.getcwd(), environment=dict(os.environ), bound=True)
    socket.send_fds(server, [json.dumps(order).encode() + b"\\n"], [0, 1, 2])
    answers = server.makefile()
    answers.readline()
    ended = answers.readline()
code = int(ended) if ended else 70
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


class Server:
    """A process that forks; a context manager that ends it.

    Args:
        address: Path of its socket.
        owner: Number of the process with which it ends at the latest.
        before: A folder whose modules come first, for all that it forks.
    """

    def __init__(self, address: Path, owner: int, *, before: Path | None = None) -> None:
        self.address = str(address)
        path = os.pathsep.join(map(str, filter(None, (before, CHECKOUT))))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CRAWL_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", self.address, str(owner)],
            cwd=CHECKOUT,
            env={**environment, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            assert said.readline() == READY, "the forking process did not start"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(STARTED_WITHIN_S)

    def leave(self) -> None:
        """Let it live for others, until its owner ends."""
        self._process.returncode = 0  # nobody waits for it here

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def share(owner: int) -> Path:
    """Let this process and all that it starts from now on share one forking process. Returns a folder to remove."""
    folder = Path(tempfile.mkdtemp(prefix="forked-"))
    os.environ[SHARED] = f"{folder}:{owner}"
    return folder


@cache
def shared(process: int) -> str:
    """The address of the shared forking process, for the process of this number; the first who asks starts it."""
    if SHARED not in os.environ:
        atexit.register(shutil.rmtree, share(process), ignore_errors=True)
    folder, _, owner = os.environ[SHARED].rpartition(":")
    address = Path(folder) / "orders"
    with open(Path(folder) / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            Server(address, int(owner)).leave()
    return str(address)


class Forked(subprocess.Popen[Any]):
    """As `subprocess.Popen`, for ``[sys.executable, "-m", MODULE, ...]`` of the crawler or of the tests.

    It always has a session of its own. What such a child cannot be is started as usual: see `READ_AT_START`.

    Args:
        server: Address of the process that forks; the shared one when left out.
        stopped: It stops before it does anything, until SIGCONT.
    """

    def __init__(self, args: Sequence[Any], *, server: str = "", stopped: bool = False, **options: Any) -> None:
        self._server, self._stopped = server, stopped
        self._order: socket.socket | None = None
        super().__init__(args, **options)

    def _execute_child(
        self, args: Any, executable: Any, preexec: Any, close: Any, keep: Any, cwd: Any, env: Any, *more: Any
    ) -> None:
        words = [os.fspath(word) for word in args]
        environment = dict(os.environ if env is None else env)
        alike = bool(self._server) or starts_alike(environment)
        if words[:2] != [sys.executable, "-m"] or preexec or keep or executable or not alike:
            super()._execute_child(args, executable, preexec, close, keep, cwd, env, *more)
            return
        ends, uid = more[3:9], more[12]  # what it reads and we write, what we read and it writes, its errors
        streams = [own if own != -1 else number for number, own in enumerate((ends[0], ends[3], ends[5]))]
        order = {
            "words": words[2:],
            "folder": os.fspath(os.getcwd() if cwd is None else cwd),
            "environment": environment,
            "stopped": self._stopped,
            "user": uid,
            "umask": umask(),
        }
        self._order = socket.socket(socket.AF_UNIX)
        self._order.connect(self._server or shared(os.getpid()))
        socket.send_fds(self._order, [json.dumps(order).encode() + b"\n"], streams)
        self._close_pipe_fds(*ends)
        self._child_created = True
        self.pid = int(self._answer())

    def _answer(self) -> str:
        assert self._order is not None
        said = b""
        while not said.endswith(b"\n"):
            more = self._order.recv(1)
            assert more, "the forking process has gone"
            said += more
        return said.decode()

    def _ended_within(self, seconds: float | None) -> bool:
        with self._waitpid_lock:
            if self.returncode is None and self._order is not None:
                looking = select.poll()
                looking.register(self._order, select.POLLIN)
                if looking.poll(None if seconds is None else max(seconds, 0) * 1000):
                    self.returncode = int(self._answer())
                    self._order.close()
            return self.returncode is not None

    def _internal_poll(self, *looks: Any, **more: Any) -> int | None:
        if self._order is None:
            return super()._internal_poll(*looks, **more)
        self._ended_within(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self._order is None:
            return super()._wait(timeout)
        if not self._ended_within(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        assert self.returncode is not None
        return self.returncode


def ended(words: Sequence[Any], *, timeout: float = 60.0, **options: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with texts, for a command that is forked."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with Forked(words, **{**streams, **options}) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def starts_alike(environment: Mapping[str, str]) -> bool:
    """Whether a process with these variables begins as the one that forks has begun."""
    for name, value in environment.items():
        if name.startswith(READ_AT_START) and name not in READ_LATER and value != _AT_START.get(name):
            return False
    return not any((Path(path) / "sitecustomize.py").exists() for path in modules_before(environment))


def umask() -> int:
    """That of this process, which can otherwise only be asked for by changing it."""
    (mask,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask"))
    return int(mask.split()[1], 8)


def forked_crawl(folder: Path) -> Path:
    """Puts the program ``crawl`` into *folder*, which a shell calls like any other; gives its path.

    ``PYTHONPATH`` counts as for a new process: what it names can be imported by the child. A program that is killed
    takes the child with it.
    """
    program = folder / "crawl"
    program.write_text(PROGRAM.format(python=sys.executable, address=shared(os.getpid())))
    program.chmod(0o755)
    return program
