"""Sessions: the stored state, its history, and who may log in.

Secrets are sealed by the cipher before they come near the database. The plain text that this process wrote or read last
is remembered, so that an unchanged secret makes neither a history entry nor a new seal.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crawler.errors import SessionError, StoreBusy, StoreError
from crawler.outcome import SessionSnapshot
from crawler.stores.base import LoginClaim, SessionRow, Snapshot
from crawler.stores.locking import LoginLock
from crawler.stores.part import Part

HISTORY_KEPT = 200
_HOUR_S = 3600.0
#: Seconds to stay away after so many failed logins in a row, the last value for all further ones.
_SPACING_S = (0.0, 0.0, 30.0, 120.0, 600.0, 1800.0)
_ASK_AGAIN_S = 0.5

_COLUMNS = "key, name, state, epoch, version, secret, cookies, saved_at, expires_at, proved_at, logged_in_at"


class SessionsPart(Part):
    """Who we are."""

    def _setup(self) -> None:
        super()._setup()
        self._secrets: dict[str, tuple[int, str]] = {}  # key to version and plain text, as committed
        self._pending: dict[str, tuple[int, str]] = {}  # the same, of the open transaction
        self._connection.on_rollback.append(self._pending.clear)
        self._login_locks: dict[str, LoginLock] = {}  # of the logins that this process is about

    # --- state ----------------------------------------------------------------------------------------------------
    def load_session(self, key: str) -> SessionRow | None:
        row = self._connection.one(f"SELECT {_COLUMNS} FROM crawl_sessions WHERE key = ?", (key,))
        return self._session(row) if row else None

    def session_version(self, key: str) -> int:
        """The version of the stored row, 0 when there is none: whether it moved, without decrypting anything."""
        row = self._connection.one("SELECT version FROM crawl_sessions WHERE key = ?", (key,))
        return int(row[0]) if row else 0

    def list_sessions(self) -> list[SessionRow]:
        rows = self._connection.read(f"SELECT {_COLUMNS} FROM crawl_sessions ORDER BY name, key")
        return [self._session(row) for row in rows]

    def save_session(self, snapshot: SessionSnapshot, *, run: int | None) -> SessionRow:
        with self._connection.write() as raw:
            self._write_sessions(raw, run, [snapshot])
        self._sessions_written()
        saved = self.load_session(snapshot.key)
        if saved is None:
            raise StoreError(self._connection.path, f"session {snapshot.name!r} was cleared while it was saved")
        return saved

    def _session(self, row: tuple[Any, ...]) -> SessionRow:
        key, name, state, epoch, version, sealed, *others = row
        known = self._secrets.get(key)
        readable = True
        if known is not None and known[0] == version:
            secret = known[1]
        else:
            try:
                secret = self._cipher.open(sealed)
                self._secrets[key] = (version, secret)
            except SessionError:
                secret, readable = "", False
        return SessionRow(key, name, state, epoch, version, secret, readable, *others)

    def _write_sessions(self, raw: sqlite3.Connection, run: int | None, snapshots: Sequence[SessionSnapshot]) -> None:
        """Inside a transaction: write snapshots in their order. One of an older epoch than the stored is left out."""
        for snapshot in snapshots:
            row = raw.execute(
                "SELECT epoch, version, secret FROM crawl_sessions WHERE key = ?", (snapshot.key,)
            ).fetchone()
            epoch, version, sealed = row or (-1, 0, b"")
            if epoch > snapshot.epoch:
                continue  # somebody has logged in since: the page of the old login changes nothing
            changed = not sealed or self._plain(snapshot.key, version, sealed) != snapshot.secret
            if changed:
                sealed = self._cipher.seal(snapshot.secret)
            now = self._clock()
            raw.execute(
                f"INSERT OR REPLACE INTO crawl_sessions ({_COLUMNS}, url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    snapshot.key,
                    snapshot.name,
                    snapshot.state,
                    snapshot.epoch,
                    version + 1,
                    sealed,
                    snapshot.cookies,
                    now,
                    snapshot.expires_at,
                    snapshot.proved_at,
                    snapshot.logged_in_at,
                    snapshot.url,
                ),
            )
            self._pending[snapshot.key] = (version + 1, snapshot.secret)
            if changed:
                self._remember(raw, run, snapshot, now, sealed)

    def _plain(self, key: str, version: int, sealed: bytes) -> str | None:
        known = self._pending.get(key) or self._secrets.get(key)
        if known is not None and known[0] == version:
            return known[1]
        try:
            return self._cipher.open(sealed)
        except SessionError:
            return None

    def _remember(
        self, raw: sqlite3.Connection, run: int | None, snapshot: SessionSnapshot, now: float, sealed: bytes
    ) -> None:
        raw.execute(
            "INSERT INTO crawl_session_history (key, name, at, url, run, epoch, cookies, secret)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (snapshot.key, snapshot.name, now, snapshot.url, run, snapshot.epoch, snapshot.cookies, sealed),
        )
        raw.execute(
            "DELETE FROM crawl_session_history WHERE key = ? AND id <= (SELECT id FROM crawl_session_history"
            " WHERE key = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (snapshot.key, snapshot.key, HISTORY_KEPT),
        )

    def _sessions_written(self) -> None:
        """After a commit: what was pending is known for sure."""
        if self._pending:
            self._secrets.update(self._pending)
            self._pending.clear()

    # --- history --------------------------------------------------------------------------------------------------
    def session_history(self, key: str) -> list[Snapshot]:
        """Newest first; the last `HISTORY_KEPT` changes are kept."""
        rows = self._connection.read(
            "SELECT id, key, name, at, url, run, epoch, cookies FROM crawl_session_history WHERE key = ?"
            " ORDER BY id DESC",
            (key,),
        )
        return [Snapshot(*row) for row in rows]

    def snapshot_secret(self, snapshot: int) -> str:
        """The secret part of a history entry.

        Raises:
            StoreError: There is no such entry (any more).
            VaultError: It cannot be read with the keys at hand.
        """
        row = self._connection.one("SELECT secret FROM crawl_session_history WHERE id = ?", (snapshot,))
        if row is None:
            raise StoreError(self._connection.path, f"no snapshot {snapshot}; see `crawl sessions history`")
        return self._cipher.open(row[0])

    def clear_session(self, key: str) -> bool:
        """Remove a session with its history, so that the raw file, its log included, no longer holds it.

        Logins stay counted: clearing must not be a way around the budget.

        Raises:
            StoreBusy: It is removed, but another process reads the old pages, so that they are still in the file.
        """
        connection = self._connection
        connection.read("PRAGMA secure_delete = ON")
        try:
            with connection.write() as raw:
                removed = raw.execute("DELETE FROM crawl_sessions WHERE key = ?", (key,)).rowcount
                removed += raw.execute("DELETE FROM crawl_session_history WHERE key = ?", (key,)).rowcount
                raw.execute("DELETE FROM crawl_login_claims WHERE key = ?", (key,))
            self._secrets.pop(key, None)
            if removed:
                connection.read("VACUUM")  # earlier versions of the row may lie in pages that are free or half used
                self._empty_log()
        finally:
            connection.read("PRAGMA secure_delete = OFF")
        return removed > 0

    def _empty_log(self) -> None:
        deadline = time.monotonic() + self._connection.busy_timeout_s
        while True:
            row = self._connection.one("PRAGMA wal_checkpoint(TRUNCATE)")
            if row is None or row[0] == 0:
                return
            if time.monotonic() > deadline:
                raise StoreBusy(
                    self._connection.path,
                    "another process reads it, so the log still holds what was cleared; clear again",
                )
            time.sleep(0.02)

    # --- logging in -----------------------------------------------------------------------------------------------
    def claim_login(self, key: str, *, owner: str, epoch: int, lease_s: float, budget: int) -> LoginClaim:
        """Ask to be the one that logs in.

        Args:
            owner: Who asks; unique among processes.
            epoch: The epoch that was found logged out.
            lease_s: Seconds after which others may log in when we have not ended; at once when this process has died.
            budget: Most logins in any hour, however they ended; 0 for no bound.
        """
        with self._connection.write() as raw:
            now = self._clock()
            row = self.load_session(key)
            if row is not None and row.epoch > epoch:
                return LoginClaim(False, row)
            held = raw.execute("SELECT owner, until FROM crawl_login_claims WHERE key = ?", (key,)).fetchone()
            abandoned = self._lock_login(key)
            if held is not None and held[1] > now and held[0] != owner and not abandoned:
                return LoginClaim(False, row, wait_s=min(held[1] - now, _ASK_AGAIN_S))
            until, why = self._refused_until(raw, key, now, budget)
            if until > now:
                self._unlock_login(key)
                when = datetime.fromtimestamp(until).astimezone().strftime("%H:%M:%S")
                return LoginClaim(False, row, wait_s=until - now, refused=f"{why}; possible again at {when}")
            login = raw.execute(
                "INSERT INTO crawl_logins (key, owner, epoch, started_at) VALUES (?, ?, ?, ?)", (key, owner, epoch, now)
            ).lastrowid
            raw.execute(
                "INSERT OR REPLACE INTO crawl_login_claims (key, owner, until, login) VALUES (?, ?, ?, ?)",
                (key, owner, now + lease_s, login),
            )
        return LoginClaim(True, row)

    def _lock_login(self, key: str) -> bool:
        """Take the system's lock on the login of *key*. True when nobody had it: whoever claims it then is dead."""
        if key in self._login_locks:
            return False
        lock = LoginLock(self._connection.path, key)
        if lock.acquire():
            self._login_locks[key] = lock
            return True
        return False

    def _unlock_login(self, key: str) -> None:
        lock = self._login_locks.pop(key, None)
        if lock is not None:
            lock.release()

    def _refused_until(self, raw: sqlite3.Connection, key: str, now: float, budget: int) -> tuple[float, str]:
        recent = raw.execute(
            "SELECT started_at, coalesce(ended_at, started_at), outcome FROM crawl_logins WHERE key = ?"
            " ORDER BY id DESC LIMIT ?",
            (key, max(budget, len(_SPACING_S))),
        ).fetchall()
        within = [started for started, _, _ in recent if now - _HOUR_S < started <= now]
        if budget and len(within) >= budget:
            return within[budget - 1] + _HOUR_S, f"{len(within)} logins in the last hour, {budget} are allowed"
        failures = 0
        for _, _, outcome in recent:
            if outcome not in ("failed", "refused"):
                break
            failures += 1
        if failures:
            last_ended = min(recent[0][1], now)  # a clock that was set back must not lock us out
            spacing = _SPACING_S[min(failures, len(_SPACING_S) - 1)]
            return last_ended + spacing, f"the last {failures} logins failed"
        return 0.0, ""

    def end_login(
        self, key: str, *, owner: str, outcome: str, snapshot: SessionSnapshot | None, run: int | None
    ) -> bool:
        """Record how the login ended, store the session and free the claim, in one transaction.

        Returns:
            False when our claim had run out and another process holds it: the login is recorded, the session is not.
        """
        with self._connection.write() as raw:
            held = raw.execute("SELECT owner FROM crawl_login_claims WHERE key = ?", (key,)).fetchone()
            ours = held is None or held[0] == owner
            raw.execute(
                "UPDATE crawl_logins SET ended_at = ?, outcome = ?, run = ?, epoch = ? WHERE id = (SELECT max(id)"
                " FROM crawl_logins WHERE key = ? AND owner = ? AND outcome = '')",
                (self._clock(), outcome, run, snapshot.epoch if snapshot else -1, key, owner),
            )
            if ours:
                raw.execute("DELETE FROM crawl_login_claims WHERE key = ?", (key,))
                if snapshot is not None:
                    self._write_sessions(raw, run, [snapshot])
        self._sessions_written()
        if ours:
            self._unlock_login(key)
        return ours

    def _release_logins(self) -> None:
        """Before the store is closed: logins that have not ended are nobody's."""
        for key in list(self._login_locks):
            self._unlock_login(key)

    def renew_login(self, key: str, *, owner: str, lease_s: float) -> bool:
        """Prolong a claim while a login takes long (a person types a code). False when it is no longer ours."""
        with self._connection.write() as raw:
            changed = raw.execute(
                "UPDATE crawl_login_claims SET until = ? WHERE key = ? AND owner = ?",
                (self._clock() + lease_s, key, owner),
            )
            return changed.rowcount == 1

    def note_expired(self, key: str, epoch: int) -> None:
        """The login of *epoch* was found logged out now: the first report ends its life."""
        with self._connection.write() as raw:
            raw.execute(
                "UPDATE crawl_logins SET expired_at = ? WHERE key = ? AND epoch = ? AND outcome = 'ok'"
                " AND expired_at IS NULL",
                (self._clock(), key, epoch),
            )

    def login_lives(self, key: str, *, limit: int = 10) -> list[float]:
        """How long past logins lived, in seconds, newest first."""
        rows = self._connection.read(
            "SELECT max(0, expired_at - ended_at) FROM crawl_logins WHERE key = ? AND outcome = 'ok'"
            " AND expired_at IS NOT NULL ORDER BY id DESC LIMIT ?",
            (key, limit),
        )
        return [float(row[0]) for row in rows]
