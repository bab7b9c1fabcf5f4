"""sqlite-utils, without what it would bring along: loaded where a result table is made or widened, and not before."""

from __future__ import annotations

import errno
import sqlite3
import sys
import threading
import time
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils.db import Database, Table

_UNWANTED = frozenset({"numpy", "pandas"})
_TRIES = 50
_AGAIN_S = 0.1


def table_tools(raw: sqlite3.Connection, name: str) -> Table:
    """``sqlite_utils.Table`` on a connection of ours; changes nothing about the connection."""
    database: Database = _loaded().Database(raw, recursive_triggers=False, execute_plugins=False)
    return database.table(name)


def _loaded() -> ModuleType:
    """The module, also when a crawl of many hosts has every descriptor in use just now: it soon closes some."""
    for _ in range(_TRIES):
        try:
            return _sqlite_utils()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            time.sleep(_AGAIN_S)
    return _sqlite_utils()


def _sqlite_utils() -> ModuleType:
    """The module. It asks for numpy and pandas and does without them where they are missing: 20 to 90 MB a process that
    a crawl has no use for. They are hidden from this one import, on this thread alone; who has loaded them keeps them.
    """
    hides = _Hides(threading.get_ident())
    sys.meta_path.insert(0, hides)
    try:
        import sqlite_utils
    finally:
        sys.meta_path.remove(hides)
    return sqlite_utils


class _Hides(MetaPathFinder):
    """Finds no numpy and no pandas for one thread."""

    def __init__(self, thread: int) -> None:
        self._thread = thread

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname in _UNWANTED and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{fullname} is not needed here", name=fullname)
