"""A connection to PostgreSQL that is remade when lost; here psycopg's errors become ours."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
from psycopg import conninfo

from crawler.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly
from crawler.stores.driver import AHEAD_S, Restarted
from crawler.stores.postgres.postgres_connection import WatchedConnection, is_worked_on

log = logging.getLogger("crawler.stores")

_BEGAN = """SELECT pg_postmaster_start_time()::text, extract(epoch FROM pg_postmaster_start_time())::float8,
extract(epoch FROM clock_timestamp())::float8"""
_TOLD_AFTER_S = 0.3  #: a connection that is remade at once is no news
_FORGOTTEN_S = 60.0  #: nobody has asked for that long: it may have been there in between
_AGAIN_S = (0.02, 0.1, 0.3, 1.0, 2.0, 5.0)
#: Serialization failure, deadlock; what two processes find missing and create at once: a row, a table, a column, an
#: object; errors of a table that another process has changed since we looked at it: a column that has another type now,
#: a value that it does not take.
_INTERRUPTED = frozenset({"25P03", "40001", "40P01", "23505", "42P07", "42701", "42710", "42804", "22P02"})
_GONE = frozenset({"57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006", "08007", "08P01"})


class Interrupted(StoreError):
    """Another transaction, or a lost connection, was in the way: nothing was written; call it again."""


class PostgresLine:
    """One connection, for one thread at a time.

    Attributes:
        place: The address without its password.
        busy_timeout_s: Longest wait for others, and for a database that does not answer.
        restarted: Whether new connections reached a server that had been restarted, or another one.
    """

    def __init__(self, address: str, busy_timeout_s: float) -> None:
        self._address, self.place, self.busy_timeout_s = address, masked(address), busy_timeout_s
        self.restarted = Restarted()
        self._began = ""
        self._raw: psycopg.Connection[Any] | None = None
        self._away_since = 0.0  # since when no connection could be made; 0.0 where one could
        self._asked_at = 0.0  # when one was tried last, in vain
        self._told = False  # that it is so

    @property
    def idle(self) -> bool:
        """No transaction is open."""
        return self._raw is None or self._raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    @property
    def is_open(self) -> bool:
        return self._raw is not None and not self._raw.closed

    def open(self) -> psycopg.Connection[Any]:
        """The open connection, remade if it was lost.

        Raises:
            StoreError: The database has not answered for `busy_timeout_s`, or refuses us. It is asked once for each
                further call: who ends because of it does not wait as long for each thing that is left to do.
        """
        if self._raw is not None and not self._raw.closed:
            return self._raw
        for wait_s in waits():
            try:
                self._raw = raw = WatchedConnection.connect(
                    self._address,
                    autocommit=True,
                    prepare_threshold=None,
                    application_name="crawl",
                    connect_timeout=10,
                    keepalives_idle=10,
                    keepalives_interval=5,
                    keepalives_count=3,
                    tcp_user_timeout=30_000,
                )
                raw.goes_on = partial(self._goes_on, raw.info.backend_pid)
                self._look_whether_it_is_new(raw)
                self._is_back()
                return raw
            except psycopg.Error as error:
                if not is_lost(error):
                    raise self.explained(error) from None
                self._be_patient(error, wait_s)
        raise AssertionError("waits never end")

    def _be_patient(self, error: psycopg.Error, wait_s: float) -> None:
        """Wait before the next try, and say once that it is waited. Raises StoreError when that was long enough."""
        now = time.monotonic()
        if not self._away_since or now - self._asked_at > _FORGOTTEN_S:
            self._away_since, self._told = now, False
        self._asked_at = now
        away_s, why = now - self._away_since, self.explained(error).why
        left_s = self.busy_timeout_s - away_s
        if left_s <= 0:
            raise StoreError(self.place, f"{why}; waited for {away_s:,.0f} s (`busy_timeout`)") from None
        if away_s > _TOLD_AFTER_S and not self._told:
            self._told = True
            log.warning("%s: %s; trying again for %.0f s", self.place, why, left_s)
        time.sleep(min(wait_s, left_s))

    def _is_back(self) -> None:
        if self._told:
            log.warning("%s answers again, after %.0f s", self.place, time.monotonic() - self._away_since)
        self._away_since, self._told = 0.0, False

    def _goes_on(self, backend: int, quiet_s: float) -> bool:
        """Whether to keep waiting for an answer that has not come in that many seconds."""
        return is_worked_on(self._address, backend, unknown=quiet_s < self.busy_timeout_s)

    def _look_whether_it_is_new(self, raw: psycopg.Connection[Any]) -> None:
        began, at, now = raw.execute(_BEGAN).fetchone() or ("", 0.0, 0.0)
        if began != self._began:
            self.restarted = Restarted(self.restarted.times + bool(self._began), (now if self._began else at) + AHEAD_S)
            self._began = began

    def drop(self) -> None:
        """Give up the connection when it is of no more use. May be called twice."""
        if self._raw is not None:
            with suppress(psycopg.Error):
                self._raw.close()
            self._raw = None

    def explained(self, error: psycopg.Error) -> StoreError:
        """Our error for one of psycopg's, with what to do; nothing in it shows a password."""
        state = error.sqlstate or ""
        text = " ".join(str(error).split()) or type(error).__name__
        if is_lost(error):
            return Interrupted(self.place, f"cannot be reached: {text}")
        if state in _INTERRUPTED:
            return Interrupted(self.place, f"interrupted: {text}")
        if state in ("55P03", "57014"):
            return StoreBusy(
                self.place,
                f"locked by others for more than {self.busy_timeout_s:g} s; end them, or raise `busy_timeout`",
            )
        if state in ("53100", "53200"):
            return StoreFull(self.place, f"no room left: {text}; nothing was lost")
        if state in ("25006", "42501"):
            return StoreReadOnly(self.place, f"cannot be written: {text}")
        return StoreError(self.place, text)


def waits(most: int = 1_000) -> Iterator[float]:
    """Seconds to wait between tries, growing, and randomised."""
    for number in range(most):
        yield _AGAIN_S[min(number, len(_AGAIN_S) - 1)] * (0.5 + random.random())


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is lost, or could not be made now."""
    state = error.sqlstate
    if state is None:
        refused = ("password authentication", "does not exist", "no pg_hba.conf entry", "no password supplied")
        return isinstance(error, psycopg.OperationalError) and not any(each in str(error) for each in refused)
    return state in _GONE


def masked(address: str) -> str:
    """The address as people may see it: without password.

    Raises:
        StoreError: It is not an address.
    """
    try:
        parts = conninfo.conninfo_to_dict(address)
    except psycopg.Error as error:
        raise StoreError("postgresql://", f"not the address of a database: {str(error).strip()}") from None
    host = ",".join(str(parts.get(name)) for name in ("host", "service") if parts.get(name))
    port = f":{parts['port']}" if parts.get("port") else ""
    user = f"{parts['user']}@" if parts.get("user") else ""
    return f"postgresql://{user}{host}{port}/{parts.get('dbname') or ''}"
