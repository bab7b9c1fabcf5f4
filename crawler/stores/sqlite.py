"""The SQLite store: one file a project, for one machine.

The facade only joins the parts; each file next to it has one job.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from crawler.clock import unix_now
from crawler.stores.base import Cipher
from crawler.stores.connection import Connection, copy_database
from crawler.stores.schema import check, check_tables, prepare
from crawler.stores.sqlite_answers import AnswersPart
from crawler.stores.sqlite_audit import AuditPart
from crawler.stores.sqlite_changes import ChangesPart
from crawler.stores.sqlite_export import ExportPart
from crawler.stores.sqlite_gone import GonePart
from crawler.stores.sqlite_kept import KeptPart
from crawler.stores.sqlite_quotas import QuotasPart
from crawler.stores.sqlite_report import ReportPart
from crawler.stores.sqlite_reseal import ResealPart
from crawler.stores.sqlite_runs import RunsPart
from crawler.stores.sqlite_values import ValuesPart

_HURRY_S = 1.0


class SQLiteStore(
    KeptPart,
    GonePart,
    ChangesPart,
    ExportPart,
    RunsPart,
    ValuesPart,
    AuditPart,
    AnswersPart,
    ReportPart,
    QuotasPart,
    ResealPart,
):
    """`Store` on a SQLite file. For one thread at a time; any number of processes may share the file."""

    def __init__(
        self,
        path: str,
        *,
        cipher: Cipher,
        durability: str = "normal",
        busy_timeout_s: float = 60.0,
        create: bool = True,
        reading: bool = False,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        """Open the file, make or migrate its tables, and make sure that it can be written.

        Args:
            path: File; it and its folder are made where *create* is true.
            cipher: Seals what is secret.
            durability: "full": each commit survives a power cut; "normal": the last ones may be lost then.
            busy_timeout_s: Longest wait for another process, above 0.
            reading: Nothing will be written; see `Connection`.
            clock: Seconds since 1970.
        Raises:
            StoreError: Of the kind that fits; a damaged or foreign file is left as it was.
        """
        self.path = path
        self._cipher = cipher
        self._clock = clock
        self._connection = Connection(
            os.path.abspath(path),
            durability=durability,
            busy_timeout_s=busy_timeout_s,
            create=create,
            reading=reading,
        )
        try:
            prepare(self._connection)
            (check_tables if reading else check)(self._connection)
        except BaseException:
            self._connection.close()
            raise
        self._setup()

    def backup(self, target: str) -> None:
        """Copy the whole database, with what only its log holds yet, to a new file of mode 0600.

        Other processes may go on writing meanwhile.

        Raises:
            StoreError: The target is there already, or cannot be written.
        """
        copy_database(self._connection, target)

    def hurry(self) -> None:
        """From now on wait a second at most for other processes: this one is told to end at once."""
        self._connection.busy_timeout_s = min(self._connection.busy_timeout_s, _HURRY_S)

    def close(self) -> None:
        """Let go of spiders and file. May be called twice."""
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()
        self._release_logins()
        self._connection.close()
