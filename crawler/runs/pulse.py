"""Shows liveness probes that a worker on this machine makes progress: a file that it touches each time its loop runs.

A probe must not ask the database: if that were away for a while, all workers would be killed for it. The files are in a
folder of this user below the system's folder for temporary files, one for each worker.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from crawler.errors import StoreError
from crawler.stores.incarnations import is_dead, this_process


class Pulse:
    """The file of one worker; a context, at whose end it is removed. For one thread.

    Args:
        store: Address of the store, of which only a digest is written.
        name: What a person calls the worker; "" for nothing.
    """

    def __init__(self, store: str, spider: str, name: str) -> None:
        self._store, self._spider = store, spider
        self._told: dict[str, Any] = {"spider": spider, "name": name, "process": this_process()}
        self.path = folder() / f"{_beginning(store, spider)}{os.getpid()}.json"

    def __enter__(self) -> Pulse:
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        facts = self.path.parent.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
            raise StoreError(str(self.path.parent), "is not a folder of this user: somebody else made it; set TMPDIR")
        for path, told in _files(self._store, self._spider):  # of containers and processes of before
            if is_dead(json.dumps(told["process"])) or told["process"]["machine"] != self._told["process"]["machine"]:
                path.unlink(missing_ok=True)
        self.path.write_text(json.dumps(self._told), encoding="utf-8")
        return self

    def beat(self) -> None:
        """The loop has come round."""
        try:
            os.utime(self.path)
        except OSError:
            pass  # the file was cleaned away: a probe will say so

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.path.unlink(missing_ok=True)


def folder() -> Path:
    """Where the files of this user are."""
    return Path(tempfile.gettempdir()) / f"crawl-{os.geteuid()}"


def checked(store: str, spider: str, name: str, *, most_s: float) -> list[tuple[str, str]]:
    """The workers of *spider* on this machine: which each is, and what is wrong with it, "" for nothing.

    Args:
        name: Only workers of that name; "" for all.
        most_s: Longest time for which a worker's loop may stand still.
    """
    found = []
    for path, told in _files(store, spider):
        if name and told["name"] != name and not str(told["name"]).startswith(f"{name}-"):
            continue
        process = told["process"]
        called = f"{told['name'] or 'worker'}, process {process['number']}"
        still_s = time.time() - path.stat().st_mtime
        if is_dead(json.dumps(process)):
            found.append((called, "is dead"))
        elif still_s > most_s:
            found.append((called, f"has not moved for {still_s:,.0f} s"))
        else:
            found.append((called, ""))
    return found


def _beginning(store: str, spider: str) -> str:
    return f"{hashlib.sha256(f'{store} {spider}'.encode()).hexdigest()[:16]}-"


def _files(store: str, spider: str) -> list[tuple[Path, Mapping[str, Any]]]:
    found: list[tuple[Path, Mapping[str, Any]]] = []
    for path in sorted(folder().glob(f"{_beginning(store, spider)}*.json")):
        try:
            found.append((path, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue  # just gone, or just being written
    return found
