"""Who may log in: claims with a lease, the budget of an hour, and the spacing after logins that failed.

A claim stands in the row of its session: owner, end of the lease, and a token, the number of the login in
`crawl_logins`, which no other login ever has. Whoever ends or prolongs a login has to show both, so a process that was
paused for longer than its lease, or whose claim was cleared, writes nothing over what came after it.

A login that the site refused is remembered with what it was tried with, sealed: the same credentials are not tried
again by themselves for days, however often cron starts a run, while changed ones are tried at once.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from datetime import datetime
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import SessionSnapshot
from crawler.stores.base import LoginClaim
from crawler.stores.locking import LoginLock
from crawler.stores.sealed import place_of_value
from crawler.stores.sqlite_sessions import CLAIMED, CLAIMED_VALUES, SessionsPart

_HOUR_S = 3600.0
_DAY_S = 86_400.0
#: Seconds to stay away after so many failed logins in a row, the last value for all further ones.
_SPACING_S = (0.0, 0.0, 30.0, 120.0, 600.0, 1800.0)
#: The same after the site has refused the same credentials so many times.
_REFUSED_SPACING_S = (0.0, _DAY_S, 3 * _DAY_S, 7 * _DAY_S)
_ASK_AGAIN_S = 0.5
OVERTAKEN = "overtaken"  #: outcome of a login that was good and came too late
REFUSED = "refused:"  #: beginning of the values that hold refused credentials


class LoginsPart(SessionsPart):
    """Logins: one at a time, and not too many."""

    def _setup(self) -> None:
        super()._setup()
        self._login_locks: dict[str, LoginLock] = {}  # of the logins that this process is about

    def claim_login(
        self,
        key: str,
        *,
        owner: str,
        epoch: int,
        lease_s: float,
        budget: int,
        credentials: str = "",
        force: bool = False,
    ) -> LoginClaim:
        """Ask to be the one that logs in.

        Args:
            owner: Who asks; unique among the incarnations of processes. Its own living claim is in the way, too.
            epoch: The epoch that was found logged out.
            lease_s: Seconds after which others may log in when we have not ended; at once when this process has died.
            budget: Most logins in any hour, however they ended; 0 for no bound.
            credentials: What tells these credentials from others, "" when not known: those that the site has refused
                wait for days.
            force: A person wants it: earlier failures do not count. The budget does.
        Raises:
            KeyFileError: What comes of the login could not be sealed; nothing was claimed.
        """
        self._cipher.seal("")  # makes the first key: a login that cannot be kept is neither made nor counted
        with self._connection.write() as raw:
            now = self._clock()
            row = self.load_session(key)
            if row is not None and row.epoch > epoch:
                return LoginClaim(False, row)
            held = raw.execute("SELECT login_until FROM crawl_sessions WHERE key = ?", (key,)).fetchone()
            abandoned = self._lock_login(key)
            if held is not None and held[0] > now and not abandoned:
                return LoginClaim(False, row, wait_s=min(held[0] - now, _ASK_AGAIN_S))
            until, why, wrong = self._refused_until(raw, key, now, budget, credentials, force)
            if until > now:
                self._unlock_login(key)
                refused = f"{why}; possible again at {_clock_time(until, now)}"
                return LoginClaim(False, row, wait_s=until - now, refused=refused, wrong_credentials=wrong)
            token = raw.execute(
                "INSERT INTO crawl_logins (key, owner, epoch, started_at) VALUES (?, ?, ?, ?)", (key, owner, epoch, now)
            ).lastrowid
            raw.execute(
                f"INSERT INTO crawl_sessions ({CLAIMED}, login_owner, login_token, login_until)"
                f" VALUES ({CLAIMED_VALUES}, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET login_owner ="
                " excluded.login_owner, login_token = excluded.login_token, login_until = excluded.login_until",
                (key, owner, token, now + lease_s),
            )
        return LoginClaim(True, row, token=token or 0)

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

    def _refused_until(
        self, raw: sqlite3.Connection, key: str, now: float, budget: int, credentials: str, force: bool
    ) -> tuple[float, str, bool]:
        """When a login is possible (0: now), why not before, and whether that is because of the credentials."""
        recent = raw.execute(
            "SELECT started_at, coalesce(ended_at, started_at), outcome FROM crawl_logins WHERE key = ?"
            " ORDER BY id DESC LIMIT ?",
            (key, max(budget, len(_SPACING_S))),
        ).fetchall()
        within = [started for started, _, _ in recent if now - _HOUR_S < started <= now]
        if budget and len(within) >= budget:
            return within[budget - 1] + _HOUR_S, f"{len(within)} logins in the last hour, {budget} are allowed", False
        if force:
            return 0.0, "", False
        refusal = self._refusal(raw, key)
        known = bool(credentials and refusal)
        if known and refusal["credentials"] == credentials:
            times, at = refusal["times"], min(refusal["at"], now)  # a clock that was set back must not lock us out
            spacing = _REFUSED_SPACING_S[min(times, len(_REFUSED_SPACING_S) - 1)]
            return at + spacing, f"the site refused these credentials on {_clock_time(at, now, day=True)}", True
        failures = 0
        for _, _, outcome in recent:
            if outcome in ("trouble", ""):  # something that passes by itself, or a killed process: says nothing
                continue
            if outcome != "failed" and (outcome != "refused" or known):
                break
            failures += 1
        if failures:
            spacing = _SPACING_S[min(failures, len(_SPACING_S) - 1)]
            return min(recent[0][1], now) + spacing, f"the last {failures} logins failed", False
        return 0.0, "", False

    def _refusal(self, raw: sqlite3.Connection, key: str) -> dict[str, Any]:
        """What the site refused last, how often and when; empty for nothing, or nothing that can be read."""
        row = raw.execute("SELECT value FROM crawl_values WHERE name = ?", (REFUSED + key,)).fetchone()
        try:
            found = json.loads(row[0]) if row else {}
            sealed = base64.b64decode(found["sealed"])
            return {
                "credentials": self._cipher.open(sealed, place_of_value(REFUSED + key)),
                "times": int(found["times"]),
                "at": float(found["at"]),
            }
        except (ValueError, KeyError, TypeError, SessionError):
            return {}

    def _note_refusal(self, raw: sqlite3.Connection, key: str, outcome: str, credentials: str) -> None:
        if outcome == "ok":
            raw.execute("DELETE FROM crawl_values WHERE name = ?", (REFUSED + key,))
        elif outcome == "refused" and credentials:
            before = self._refusal(raw, key)
            times = before["times"] + 1 if before.get("credentials") == credentials else 1
            sealed = base64.b64encode(self._cipher.seal(credentials, place_of_value(REFUSED + key))).decode("ascii")
            raw.execute(
                "INSERT OR REPLACE INTO crawl_values (name, value, expires_at) VALUES (?, ?, NULL)",
                (REFUSED + key, json.dumps({"sealed": sealed, "times": times, "at": self._clock()})),
            )

    def end_login(
        self,
        key: str,
        *,
        owner: str,
        token: int,
        outcome: str,
        snapshot: SessionSnapshot | None,
        run: int | None,
        credentials: str = "",
    ) -> bool:
        """Record how the login ended, store the session and free the claim, in one transaction.

        Args:
            token: Of the claim.
        Returns:
            False when the claim is no longer ours (it ran out and another process holds or held it, or the session was
            cleared), or somebody else has stored a newer session meanwhile: the login is recorded, the session is not.
        """
        with self._connection.write() as raw:
            ours = self._free_claim(raw, key, owner, token)
            current = ours and (snapshot is None or self._stored_epoch(raw, key) < snapshot.epoch)
            if outcome == "ok" and not current:
                outcome, snapshot = OVERTAKEN, None
            raw.execute(
                "UPDATE crawl_logins SET ended_at = ?, outcome = ?, run = ?, epoch = ? WHERE id = ? AND outcome = ''",
                (self._clock(), outcome, run, snapshot.epoch if snapshot else -1, token),
            )
            self._note_refusal(raw, key, outcome, credentials)
            if snapshot is not None and current:
                self._write_sessions(raw, run, [snapshot])
        self._sessions_written()
        if ours:
            self._unlock_login(key)
        return current

    def _free_claim(self, raw: sqlite3.Connection, key: str, owner: str, token: int) -> bool:
        """Give a claim back. False when it is not ours any more: then it stays as it is."""
        freed = raw.execute(
            "UPDATE crawl_sessions SET login_owner = '', login_until = 0"
            " WHERE key = ? AND login_owner = ? AND login_token = ?",
            (key, owner, token),
        )
        return freed.rowcount == 1

    def _stored_epoch(self, raw: sqlite3.Connection, key: str) -> int:
        row = raw.execute("SELECT epoch FROM crawl_sessions WHERE key = ? AND version > 0", (key,)).fetchone()
        return int(row[0]) if row else -1

    def _release_logins(self) -> None:
        """Before the store is closed: logins that have not ended are nobody's."""
        for key in list(self._login_locks):
            self._unlock_login(key)

    def renew_login(self, key: str, *, owner: str, token: int, lease_s: float) -> bool:
        """Prolong a claim while a login takes long (a person types a code). False when it is no longer ours."""
        with self._connection.write() as raw:
            changed = raw.execute(
                "UPDATE crawl_sessions SET login_until = ? WHERE key = ? AND login_owner = ? AND login_token = ?",
                (self._clock() + lease_s, key, owner, token),
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


def _clock_time(moment: float, now: float, *, day: bool = False) -> str:
    """A moment as local time, with its day when that is another one."""
    form = "%Y-%m-%d %H:%M" if day or abs(moment - now) > _DAY_S / 2 else "%H:%M:%S"
    return datetime.fromtimestamp(moment).astimezone().strftime(form)
