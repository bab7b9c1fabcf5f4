"""The process that forks commands (`tests.forked`): ``python -m tests.forking SOCKET OWNER``.

An order is one line of JSON with the streams of the child; answered is a line with its number, and one with its exit
code, minus the number of the signal that ended it. It lives until the process OWNER has ended.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

CHECKOUT = Path(__file__).resolve().parents[1]
LARGEST_ORDER_BYTES = 1 << 20
READY = b"ready\n"
WITH_THREADS = (".arrow",)  #: modules whose libraries start a thread when they are loaded


def serve(address: str, owner: int) -> None:
    """Fork a child for each order that comes, until *owner* ends."""
    owner_end = os.pidfd_open(owner)
    import_everything()
    threads = os.listdir("/proc/self/task")
    assert len(threads) == 1, f"{len(threads)} threads would be lost by forking"
    gc.collect()
    gc.freeze()
    woken, wake = socket.socketpair()
    for each in (woken, wake):
        each.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as orders, selectors.DefaultSelector() as looking:
        orders.bind(address)
        orders.listen(64)
        for each in (orders, woken, owner_end):
            looking.register(each, selectors.EVENT_READ)
        os.write(1, READY)
        os.dup2(0, 1)
        while True:
            for key, _ in looking.select():
                if key.fileobj is orders:
                    take(orders, children, looking)
                elif key.fileobj is woken:
                    woken.recv(4096)
                    reap(children, looking)
                elif key.fileobj == owner_end:
                    return
                elif key.data in children:  # whoever ordered it has gone
                    looking.unregister(key.fileobj)
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(key.data, signal.SIGKILL)


def take(orders: socket.socket, children: dict[int, socket.socket], looking: selectors.BaseSelector) -> None:
    """Fork a child for one order, and answer its number."""
    client, _ = orders.accept()
    data, streams, _, _ = socket.recv_fds(client, LARGEST_ORDER_BYTES, 3)
    while data and not data.endswith(b"\n"):
        data += client.recv(LARGEST_ORDER_BYTES)
    if not data:  # killed before it could say what it wants
        client.close()
        return
    order = json.loads(data)
    child = os.fork()
    if child == 0:
        for each in (client, orders, *children.values()):
            each.close()
        looking.close()
        become(order, streams)
    for stream in streams:
        os.close(stream)
    children[child] = client
    with contextlib.suppress(OSError):
        client.sendall(f"{child}\n".encode())
    if order.get("bound"):
        looking.register(client, selectors.EVENT_READ, child)


def reap(children: dict[int, socket.socket], looking: selectors.BaseSelector) -> None:
    """Tell of the children that have ended how they did."""
    while children:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        client = children.pop(child)
        with contextlib.suppress(KeyError, ValueError):
            looking.unregister(client)
        with contextlib.suppress(OSError):  # who ordered it has gone
            client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        client.close()


def become(order: dict[str, Any], streams: Sequence[int]) -> NoReturn:
    """In a forked child: become what was ordered, and end as that."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it runs in the background ignore it
    code = 70
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115 - until it ends
        sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = sys.__stderr__ = open(2, "w", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        os.chdir(order["folder"])
        if order.get("user") not in (None, -1):
            os.setgroups([])
            os.setresgid(*[order["user"]] * 3)
            os.setresuid(*[order["user"]] * 3)
        if "umask" in order:
            os.umask(order["umask"])
        if order.get("stopped"):
            os.kill(os.getpid(), signal.SIGSTOP)
        code = run(order["words"], order["environment"])
    except BaseException:  # noqa: BLE001 - as Python ends a program
        sys.excepthook(*sys.exc_info())
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def modules_before(environment: Mapping[str, str]) -> list[str]:
    """The folders that ``PYTHONPATH`` names."""
    return [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]


def run(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a module as a program, or ``crawl``; gives its exit code."""
    from crawler import clock
    from crawler.cli import command

    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    named = modules_before(environment)
    found = [path for path in sys.path if path not in ("", str(CHECKOUT), *named)]
    sys.path[:] = [*named, *found]
    sys.argv[:] = list(words)
    importlib.invalidate_caches()
    importlib.reload(clock)  # it reads the system's clock once, at the start of a process
    atexit._clear()
    try:
        if words[0] == "crawl":
            command()
        sys.path.insert(0, os.getcwd())
        if words[0] in sys.modules and not hasattr(sys.modules[words[0]], "__path__"):
            del sys.modules[words[0]]  # it begins as a program
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    else:
        code = 0
    atexit._run_exitfuncs()
    return code & 0xFF


def import_everything() -> None:
    """What a command will need, so that its children do not import it each for itself; nothing that starts a thread."""
    import crawler

    for found in pkgutil.walk_packages(crawler.__path__, "crawler."):
        if ".testing" not in found.name and not found.name.endswith(("__main__", *WITH_THREADS)):
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(found.name)
    for name in ("cryptography.hazmat.primitives.ciphers.aead", "crawler.testing.site", "tests.engine.shop"):
        importlib.import_module(name)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
