"""A program that is ``crawl``, without the half second that each start of it costs.

A process that has imported everything forks a child for each command (`tests.crash.warm` says what the child is). Here
orders come from a program of a few lines, which a shell calls like any other: it sends its words, folder, variables and
streams, waits, and ends with the code of the child. What proves the start itself takes the real program.

As a program (``python -m tests.forked SOCKET``) it is the forking process, until its standard input ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tests.crash.warm import end_as_crawl, import_everything

CHECKOUT = Path(__file__).resolve().parents[1]
LARGEST_ORDER_BYTES = 1 << 20
READY = b"ready\n"
PROGRAM = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    order = [sys.argv[1:], os.getcwd(), dict(os.environ)]
    socket.send_fds(server, [json.dumps(order).encode() + b"\\n"], [0, 1, 2])
    answer = server.recv(16)
code = int(answer) if answer else 70
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextmanager
def forked_crawl(folder: Path) -> Iterator[Path]:
    """Puts the program ``crawl`` into *folder* for as long as its forking process lives; gives its path.

    ``PYTHONPATH`` counts as for a new process: what it names can be imported by the child.
    """
    address = folder / "orders"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", str(address)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == READY, "the forking process did not start"
        program = folder / "crawl"
        program.write_text(PROGRAM.format(python=sys.executable, address=str(address)))
        program.chmod(0o755)
        yield program
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def serve(address: str) -> None:
    """Fork a child for each order that comes."""
    import_everything()
    with socket.socket(socket.AF_UNIX) as orders:
        orders.bind(address)
        orders.listen(64)
        os.write(1, READY)
        while True:
            ready, _, _ = select.select([orders, 0], [], [])
            if 0 in ready:
                return
            order, _ = orders.accept()
            if os.fork() == 0:
                orders.close()
                look_after(order)
            order.close()
            reap()


def reap() -> None:
    """Forget children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def look_after(order: socket.socket) -> NoReturn:
    """In a forked child: start the crawl, and tell how it ended. It ends with the one who ordered it."""
    data, streams, _, _ = socket.recv_fds(order, LARGEST_ORDER_BYTES, 3)
    while not data.endswith(b"\n"):
        data += order.recv(LARGEST_ORDER_BYTES)
    words, folder, environment = json.loads(data)
    pid = os.fork()
    if pid == 0:
        order.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115 - until it ends
        sys.stderr = open(2, "w", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        sys.argv[:] = ["crawl", *words]
        named = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        sys.path[:] = named + [path for path in sys.path if path not in ("", str(CHECKOUT), *named)]
        end_as_crawl(words)
    for stream in (*streams, 0, 1):
        os.close(stream)
    end = os.pidfd_open(pid)
    if end not in select.select([end, order], [], [])[0]:
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    try:
        order.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    except OSError:
        pass  # who ordered it has gone
    os._exit(0)


if __name__ == "__main__":
    assert threading.active_count() == 1
    serve(sys.argv[1])
