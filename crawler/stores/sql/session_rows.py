"""Sessions: the stored state and its history.

Secrets are sealed by the cipher before they reach the database. The plain text that this process last wrote or read is
remembered, so that an unchanged secret causes neither a history entry nor a new seal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from crawler.errors import SessionError, StoreError, UsageError
from crawler.outcome import SessionSnapshot
from crawler.sessions.merging import merge
from crawler.stores.base import Cipher, SessionRow, Snapshot
from crawler.stores.driver import Driver, Transaction
from crawler.stores.sealed import place_of_session, place_of_snapshot

HISTORY_KEPT = 200  #: last changes of a session that are kept
LOGINS_KEPT = (
    50  #: logins whose first change is kept as well: a site that rotates its cookie fills the last 200 in no time
)

_COLUMNS = "key, name, state, epoch, version, secret, cookies, saved_at, expires_at, proved_at, logged_in_at"
_WRITE = f"""INSERT INTO crawl_sessions ({_COLUMNS}, url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET name = excluded.name, state = excluded.state, epoch = excluded.epoch,
version = excluded.version, secret = excluded.secret, cookies = excluded.cookies, saved_at = excluded.saved_at,
expires_at = excluded.expires_at, proved_at = excluded.proved_at, logged_in_at = excluded.logged_in_at,
url = excluded.url"""  # the claim on its login stays

_PLACE = """INSERT INTO crawl_sessions (key, name, state, epoch, version, secret, cookies, url, saved_at)
VALUES (?, '', 'unproven', 0, 0, ?, 0, '', 0) ON CONFLICT (key) DO NOTHING"""


def take_place(raw: Transaction, key: str) -> None:
    """Make a row for a session, if there is none: a row that holds nothing, or only a claim, has version 0."""
    raw.execute(_PLACE, (key, b""))


class SessionRows:
    """The stored sessions."""

    def __init__(self, driver: Driver, cipher: Cipher) -> None:
        self._db, self._cipher = driver, cipher
        self._secrets: dict[str, tuple[int, str]] = {}  # key to version and plain text, as committed
        self._pending: dict[str, tuple[int, str]] = {}  # the same, of the open transaction
        driver.on_rollback.extend((self._pending.clear, self._secrets.clear))

    # --- state ----------------------------------------------------------------------------------------------------
    def load(self, key: str) -> SessionRow | None:
        row = self._db.one(f"SELECT {_COLUMNS} FROM crawl_sessions WHERE key = ? AND version > 0", (key,))
        return self._session(row) if row else None

    def version(self, key: str) -> int:
        """The version of the stored row, 0 if there is none: shows whether it changed, without decrypting anything."""
        row = self._db.one("SELECT version FROM crawl_sessions WHERE key = ?", (key,))
        return int(row[0]) if row else 0

    def all(self) -> list[SessionRow]:
        rows = self._db.read(f"SELECT {_COLUMNS} FROM crawl_sessions WHERE version > 0 ORDER BY name, key")
        return [self._session(row) for row in rows]

    def prove(self, key: str, *, epoch: int, proved_at: float, good: bool = False) -> None:
        with self._db.write() as raw:
            raw.execute(
                f"UPDATE crawl_sessions SET proved_at = {self._db.dialect.greatest}(coalesce(proved_at, 0), ?)"
                f"{', state = ?' if good else ''} WHERE key = ? AND epoch = ?",
                (proved_at, *(["ready"] if good else []), key, epoch),
            )

    def save(self, snapshot: SessionSnapshot, *, run: int | None) -> SessionRow:
        with self._db.write() as raw:
            self.write(raw, run, [snapshot])
        self.written()
        saved = self.load(snapshot.key)
        if saved is None:
            raise StoreError(self._db.place, f"session {snapshot.name!r} was cleared while it was saved")
        return saved

    def _session(self, row: tuple[Any, ...]) -> SessionRow:
        key, name, state, epoch, version, sealed, *others = row
        known = self._secrets.get(key)
        readable = True
        if known is not None and known[0] == version:
            secret = known[1]
        else:
            try:
                secret = self._cipher.open(sealed, place_of_session(key))
                self._secrets[key] = (version, secret)
            except SessionError:
                secret, readable = "", False
        return SessionRow(key, name, state, epoch, version, secret, readable, *others)

    def write(self, raw: Transaction, run: int | None, snapshots: Sequence[SessionSnapshot]) -> None:
        """Inside a transaction: write snapshots in order. One of an older epoch than the stored one is left out.

        Of a snapshot with a base, only what has changed since is written, where others have written meanwhile.
        """
        for snapshot in snapshots:
            epoch, version, sealed = self._held(raw, snapshot.key)
            if epoch > snapshot.epoch:
                continue  # another login has happened since: the page of the old one changes nothing
            stored = self._plain(snapshot.key, version, sealed) if sealed else None
            if stored is not None and epoch == snapshot.epoch and snapshot.base not in (None, stored):
                snapshot = _with_changes_of_others(snapshot, stored)
            changed = stored is None or stored != snapshot.secret
            if changed:
                sealed = self._cipher.seal(snapshot.secret, place_of_session(snapshot.key))
            now = self._db.now()
            raw.execute(_WRITE, (*_values(snapshot, version + 1, sealed, now), snapshot.url))
            self._pending[snapshot.key] = (version + 1, snapshot.secret)
            if changed:
                self._remember(raw, run, snapshot, now)

    def _held(self, raw: Transaction, key: str) -> tuple[int, int, bytes]:
        """Epoch, version and secret of a session, locked until the end of the transaction."""
        held = self._db.dialect.for_change
        question = f"SELECT epoch, version, secret FROM crawl_sessions WHERE key = ?{held}"
        found = raw.execute(question, (key,)).fetchone()
        if found is None and held:  # a missing row cannot be locked
            take_place(raw, key)
            found = raw.execute(question, (key,)).fetchone()
        return found or (-1, 0, b"")

    def _plain(self, key: str, version: int, sealed: bytes) -> str | None:
        known = self._pending.get(key) or self._secrets.get(key)
        if known is not None and known[0] == version:
            return known[1]
        try:
            return self._cipher.open(sealed, place_of_session(key))
        except SessionError:
            return None

    def _remember(self, raw: Transaction, run: int | None, snapshot: SessionSnapshot, now: float) -> None:
        sealed = self._cipher.seal(snapshot.secret, place_of_snapshot(snapshot.key, snapshot.epoch, now))
        raw.execute(
            "INSERT INTO crawl_session_history (key, name, at, url, run, epoch, cookies, secret)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (snapshot.key, snapshot.name, now, snapshot.url, run, snapshot.epoch, snapshot.cookies, sealed),
        )
        raw.execute(
            "DELETE FROM crawl_session_history WHERE key = :key AND id <= (SELECT id FROM crawl_session_history"
            " WHERE key = :key ORDER BY id DESC LIMIT 1 OFFSET :kept) AND id NOT IN (SELECT min(id)"
            " FROM crawl_session_history WHERE key = :key GROUP BY epoch ORDER BY epoch DESC LIMIT :logins)",
            {"key": snapshot.key, "kept": HISTORY_KEPT, "logins": LOGINS_KEPT},
        )

    def written(self) -> None:
        """After a commit: what was pending is now certain."""
        if self._pending:
            self._secrets.update(self._pending)
            self._pending.clear()

    # --- history --------------------------------------------------------------------------------------------------
    def history(self, key: str) -> list[Snapshot]:
        """Newest first: the last `HISTORY_KEPT` changes, and the first one of each of the last `LOGINS_KEPT` logins."""
        rows = self._db.read(
            "SELECT id, key, name, at, url, run, epoch, cookies FROM crawl_session_history WHERE key = ?"
            " ORDER BY id DESC",
            (key,),
        )
        return [Snapshot(*row) for row in rows]

    def secret_of(self, snapshot: int) -> str:
        """The secret part of a history entry.

        Raises:
            UsageError: There is no such entry (any more).
            VaultError: It cannot be read with the keys at hand.
        """
        row = self._db.one("SELECT secret, key, epoch, at FROM crawl_session_history WHERE id = ?", (snapshot,))
        if row is None:
            raise UsageError(
                f"no session has a change {snapshot}; `crawl sessions history SESSION` lists their numbers"
            )
        sealed, key, epoch, at = row
        return self._cipher.open(sealed, place_of_snapshot(key, epoch, at))

    def clear(self, key: str) -> bool:
        """Remove a session with its history, so that the raw file, its log included, no longer holds it.

        Logins stay counted: clearing must not be a way around the budget.

        Raises:
            StoreBusy: It is removed, but another process reads the old pages, so that they are still in the file.
        """
        with self._db.forgetting("crawl_sessions", "crawl_session_history") as forget:
            with self._db.write() as raw:
                removed = raw.execute("DELETE FROM crawl_sessions WHERE key = ? AND version > 0", (key,)).rowcount
                removed += raw.execute("DELETE FROM crawl_session_history WHERE key = ?", (key,)).rowcount
                raw.execute("DELETE FROM crawl_sessions WHERE key = ?", (key,))  # only a claim: its login is void
            self._secrets.pop(key, None)
            if removed:
                forget()
        return removed > 0


def _values(snapshot: SessionSnapshot, version: int, sealed: bytes, now: float) -> tuple[Any, ...]:
    """In the order of `_COLUMNS`."""
    return (
        snapshot.key,
        snapshot.name,
        snapshot.state,
        snapshot.epoch,
        version,
        sealed,
        snapshot.cookies,
        now,
        snapshot.expires_at,
        snapshot.proved_at,
        snapshot.logged_in_at,
    )


def _with_changes_of_others(snapshot: SessionSnapshot, stored: str) -> SessionSnapshot:
    merged = merge(snapshot.base or "", snapshot.secret, stored)
    if merged is None:
        return snapshot
    return replace(snapshot, secret=merged.secret, cookies=merged.cookies, expires_at=merged.expires_at)
