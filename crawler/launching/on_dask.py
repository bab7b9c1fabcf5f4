"""Workers on a Dask cluster: each is a task that runs `crawl worker` as a process of its own, beside the Dask worker.

It is a process of its own, since a crawl needs the main thread for signals; it is told to leave when the Dask worker
that started it dies, in whatever way. A task whose Dask worker has died is reassigned by Dask; as it does so at most
``allowed-failures`` times, tasks that it gives up are submitted again here. Nothing secret goes through the scheduler:
keys and passwords are in the environment of the Dask workers, as on any machine.

Source: "Resilience", "Futures" and "Configuration" in the documentation of dask.distributed.
"""

from __future__ import annotations

import socket
import subprocess
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from crawler.errors import SettingsError, UsageError
from crawler.launching.children import MOST_STARTS, may_help, shell_code
from crawler.launching.tied import command
from crawler.quick_dataclass import quick_dataclass
from crawler.signal_event import SignalEvent

_LOOK_S: Final = 0.5
_CONNECT_S: Final = 20.0
_GONE: Final = frozenset({"cancelled", "released", "forgotten", "error"})  #: states of a task that is no longer wanted


@quick_dataclass
class OnDask:
    """What is started where.

    Attributes:
        address: Of the scheduler, ``HOST:PORT``.
        words: Of the command, after ``crawl``.
        folder: Of the project on the machines of the cluster; "" for the folder in which the Dask workers run.
        names: Of the workers.
    """

    address: str
    words: Sequence[str]
    folder: str
    names: Sequence[str]


def work(words: Sequence[str], folder: str, name: str) -> int:
    """The task: one worker, until it ends. Returns its exit code; a killed one is started again, a few times."""
    code, told = 0, False
    for _ in range(MOST_STARTS):
        process = subprocess.Popen(
            command([*words, "--name", name]), cwd=folder or None, process_group=0, stdin=subprocess.DEVNULL
        )
        try:
            while (ended := _waited(process)) is None:
                if _is_unwanted() and not told:
                    process.terminate()  # once: a second one would end it at once
                    told = True
        finally:
            if process.poll() is None:
                process.terminate()
        code = ended
        if told or not may_help(code):
            break
    return shell_code(code)


def _waited(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_LOOK_S)
    except subprocess.TimeoutExpired:
        return None


def _is_unwanted() -> bool:
    """Whether the task was cancelled, or its Dask worker is about to close. Outside of a task: never."""
    from distributed import get_worker
    from distributed.worker import thread_state

    try:
        here, key = get_worker(), thread_state.key
    except (ValueError, AttributeError):
        return False
    task = here.state.tasks.get(key)
    return task is None or task.state in _GONE or str(here.status) in ("Status.closing", "Status.closing_gracefully")


class DaskWorkers:
    """Workers on a cluster, seen from here.

    Raises:
        SettingsError: The extra is not installed.
        UsageError: No scheduler answers at the address.
    """

    def __init__(self, what: OnDask, *, tell: Callable[[str], None]) -> None:
        try:
            import distributed
        except ImportError:
            raise SettingsError("--engine dask://... needs distributed: pip install 'crawl-sessions[dask]'") from None
        self._what, self._tell, self.told = what, tell, SignalEvent()
        host, _, port = what.address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()  # Dask tries for long
            self._client = distributed.Client(what.address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(f"dask://{what.address}: no scheduler answers ({error or type(error).__name__})") from None
        self._mark = uuid.uuid4().hex[:8]
        self._starts: dict[str, int] = {}

    def _submit(self, name: str) -> Any:
        self._starts[name] = self._starts.get(name, 0) + 1
        key = f"crawl-{self._mark}-{name}-{self._starts[name]}"
        words, folder = list(self._what.words), self._what.folder
        return self._client.submit(work, words, folder, name, key=key, pure=False)

    def start_and_leave(self) -> None:
        """Submit them and return: they stay until the crawl is over, or they are drained."""
        from distributed import fire_and_forget

        try:
            for name in self._what.names:
                fire_and_forget(self._submit(name))
        finally:
            self._client.close()

    def leave(self, signal_number: int = 0) -> None:
        """Cancel them: each finishes its pages and leaves. A signal handler."""
        self.told.set()

    def run(self) -> int:
        """Keep them until all have ended, or until we are told to leave. Returns the highest exit code."""
        running = {name: self._submit(name) for name in self._what.names}
        codes = [0]
        try:
            while running and not self.told.is_set():
                for name, future in list(running.items()):
                    if future.status == "finished":
                        codes.append(future.result())
                        del running[name]
                    elif future.status in ("error", "lost", "cancelled"):
                        self._again(name, running, codes)
                self.told.wait(_LOOK_S)
            if running:
                self._client.cancel(list(running.values()))
        finally:
            self._client.close()
        return max(codes)

    def _again(self, name: str, running: dict[str, Any], codes: list[int]) -> None:
        """Resubmit a task that Dask has given up because its worker died more often than it allows."""
        why = running.pop(name).exception() or "lost"
        if self._starts[name] >= MOST_STARTS:
            self._tell(f"worker {name} was given up by Dask: {type(why).__name__}")
            codes.append(70)
            return
        self._tell(f"worker {name} was given up by Dask ({type(why).__name__}); submitted again")
        running[name] = self._submit(name)
