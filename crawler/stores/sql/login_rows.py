"""Which process may log in: claims with a lease, and each account's book, from which `policy.login_policy` decides.

A claim is in the row of its session: owner, end of the lease, and a token, the number of the login in `crawl_logins`,
which no other login ever has. Ending or extending a login requires owner and token, so a process that was paused for
longer than its lease, or whose claim was cleared, overwrites nothing that came after it.

The book holds what logins were tried with, sealed: refused credentials are not tried again automatically for days,
however often cron starts a run, while changed ones are tried at once.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import SessionSnapshot
from crawler.sessions.desk import LoginEnd
from crawler.stores.base import Cipher, LoginClaim
from crawler.stores.driver import Driver, Membership, Transaction
from crawler.stores.policy.login_policy import (
    Decision,
    LoginBook,
    Trying,
    account_of,
    are_refused,
    begun,
    clock_time,
    may_begin,
    refused_until,
)
from crawler.stores.policy.login_policy import (
    ended as book_after,
)
from crawler.stores.policy.stored_logins import packed, unpacked
from crawler.stores.sealed import place_of_value
from crawler.stores.sql.session_rows import SessionRows, take_place
from crawler.stores.sql.value_rows import ValueRows
from crawler.stores.told import Login

_ASK_AGAIN_S = 0.5
OVERTAKEN = "overtaken"  #: outcome of a login that was good and came too late
_CLAIM = "UPDATE crawl_sessions SET login_owner = ?, login_token = ?, login_until = ? WHERE key = ?"
#: what was taken for the end of a login was not one
_LIVES_ON = """UPDATE crawl_logins SET expired_at = NULL, epoch = ? WHERE id = (SELECT max(id) FROM crawl_logins
WHERE key = ? AND outcome = 'ok')"""
REFUSED = "refused:"  #: prefix of the values that hold the books of accounts, with refused credentials


def _told(decision: Decision, now: float) -> str:
    return f"{decision.why}; possible again at {clock_time(decision.until, now)}"


class LoginRows:
    """Logins: one at a time, and not too many."""

    def __init__(
        self, driver: Driver, cipher: Cipher, members: Membership, sessions: SessionRows, named: ValueRows
    ) -> None:
        self._db, self._cipher, self._members, self._sessions, self._named = driver, cipher, members, sessions, named

    def claim(
        self,
        key: str,
        *,
        owner: str,
        epoch: int,
        lease_s: float,
        trying: Trying,
    ) -> LoginClaim:
        """Ask to be the process that logs in.

        Args:
            owner: The asking process; unique among incarnations of processes. Its own living claim is in the way, too.
            epoch: The epoch that was found logged out.
            lease_s: Seconds after which others may log in if we have not ended; at once if this process has died.
            trying: What the login policy decides by whether one may begin (`stores.policy.login_policy`).
        Raises:
            KeyFileError: The result of the login could not be sealed; nothing was claimed.
        """
        self._cipher.seal("")  # makes the first key: a login that cannot be kept is neither made nor counted
        with self._db.write() as raw:
            now = self._db.now()
            row = self._sessions.load(key)
            if row is not None and row.epoch > epoch:
                return LoginClaim(False, row)
            if (until := self._account_until(key, now)) > now:
                return LoginClaim(False, row, wait_s=min(until - now, _ASK_AGAIN_S))
            held = raw.execute("SELECT login_until FROM crawl_sessions WHERE key = ?", (key,)).fetchone()
            abandoned = self._members.takes_login(key)
            if held is not None and held[0] > now and not abandoned:
                return LoginClaim(False, row, wait_s=min(held[0] - now, _ASK_AGAIN_S))
            book = self._book(key)
            decision = may_begin(book, trying, now)
            if decision.until > now:
                self._members.ends_login(key)
                return LoginClaim(False, row, decision.until - now, _told(decision, now), decision.kind)
            (token,) = raw.execute(
                "INSERT INTO crawl_logins (key, owner, epoch, started_at) VALUES (?, ?, ?, ?) RETURNING id",
                (key, owner, epoch, now),
            ).fetchone()
            take_place(raw, key)
            raw.execute(_CLAIM, (owner, token, now + lease_s, key))
            self._keep_book(raw, key, begun(book, trying, token=token, now=now))
        return LoginClaim(True, row, token=token)

    def _account_until(self, key: str, now: float) -> float:
        """Until when another session of the same account logs in; 0 where none does.

        One after the other: what the site refuses one of them is not sent by the next, and an account is not locked.
        """
        account, until = account_of(key), 0.0
        held = self._db.read("SELECT key, login_until FROM crawl_sessions WHERE login_until > ?", (now,))
        for other, ends in held:
            if other != key and account_of(other) == account:
                if self._members.takes_login(other):  # its process is dead
                    self._members.ends_login(other)
                else:
                    until = max(until, ends)
        return until

    def refused(self, key: str, trying: Trying) -> str:
        """Why the credentials of *trying* may not be sent now, since the site has refused them; "" when they may.

        Nothing is claimed, and nothing written.
        """
        now = self._db.now()
        decision = are_refused(self._book(key), trying, now)
        return _told(decision, now) if decision.until > now else ""

    def refused_until(self, key: str) -> float:
        """Until when the credentials that the site has refused are not tried again, seconds since 1970; 0: none are."""
        return refused_until(self._book(key), self._db.now())

    def _book(self, key: str) -> LoginBook:
        """What is known about the logins of the account that *key* belongs to; inside a transaction, or outside."""
        row = self._db.one("SELECT value FROM crawl_values WHERE name = ?", (REFUSED + account_of(key),))
        try:
            found = json.loads(row[0]) if row else {}
            marks = self._opened(found, place_of_value(REFUSED + account_of(key)))
        except (ValueError, TypeError):
            return LoginBook()
        if "at" in found:  # as earlier versions kept the last refusal
            found["refusals"] = [{"credentials": 1, "at": found["at"], "times": found.get("times", 1)}]
            marks = ["", *marks]
        return unpacked(found, marks)

    def _opened(self, found: Any, place: str) -> list[str]:
        """The marks of credentials; empty where no key at hand opens them."""
        try:
            text = self._cipher.open(base64.b64decode(found["sealed"]), place)
        except (ValueError, KeyError, TypeError, SessionError):
            return []
        return [str(each) for each in json.loads(text)] if text.startswith("[") else [text]

    def _keep_book(self, raw: Transaction, key: str, book: LoginBook) -> None:
        tables, marks = packed(book)
        name = REFUSED + account_of(key)
        if any(marks):
            sealed = self._cipher.seal(json.dumps(marks), place_of_value(name))
            tables["sealed"] = base64.b64encode(sealed).decode("ascii")
        self._named.put(raw, name, json.dumps(tables))

    def end(
        self,
        key: str,
        *,
        owner: str,
        token: int,
        ended: LoginEnd,
        snapshot: SessionSnapshot | None,
        run: int | None,
    ) -> bool:
        """Record how the login ended, store the session and free the claim, in one transaction.

        Args:
            token: Of the claim.
        Returns:
            False when the claim is no longer ours (it ran out and another process holds or held it, or the session was
            cleared), or a newer session was stored meanwhile: the login is recorded, the session is not.
        """
        with self._db.write() as raw:
            ours = self._free_claim(raw, key, owner, token)
            current = ours and (snapshot is None or self._stored_epoch(raw, key) < snapshot.epoch)
            recorded = ended.outcome if current or ended.outcome not in ("ok", "renewed") else OVERTAKEN
            snapshot = snapshot if current else None
            raw.execute(
                "UPDATE crawl_logins SET ended_at = ?, outcome = ?, run = ?, epoch = ? WHERE id = ? AND outcome = ''",
                (self._db.now(), recorded, run, snapshot.epoch if snapshot else -1, token),
            )
            now, book = self._db.now(), self._book(key)
            book = book_after(
                book, ended.outcome, token=token, now=now, asked_s=ended.asked_s, credentials=ended.credentials
            )
            self._keep_book(raw, key, book)
            if snapshot is not None and recorded == "renewed":
                raw.execute(_LIVES_ON, (snapshot.epoch, key))
            if snapshot is not None:
                self._sessions.write(raw, run, [snapshot])
        self._sessions.written()
        if ours:
            self._members.ends_login(key)
        return current

    def _free_claim(self, raw: Transaction, key: str, owner: str, token: int) -> bool:
        """Give back a claim. False when it is no longer ours: then it stays as it is."""
        freed = raw.execute(
            "UPDATE crawl_sessions SET login_owner = '', login_until = 0"
            " WHERE key = ? AND login_owner = ? AND login_token = ?",
            (key, owner, token),
        )
        return freed.rowcount == 1

    def _stored_epoch(self, raw: Transaction, key: str) -> int:
        row = raw.execute("SELECT epoch FROM crawl_sessions WHERE key = ? AND version > 0", (key,)).fetchone()
        return int(row[0]) if row else -1

    def renew(self, key: str, *, owner: str, token: int, lease_s: float) -> bool:
        """Extend a claim while a login takes long (a person types a code). False when it is no longer ours."""
        with self._db.write() as raw:
            changed = raw.execute(
                "UPDATE crawl_sessions SET login_until = ? WHERE key = ? AND login_owner = ? AND login_token = ?",
                (self._db.now() + lease_s, key, owner, token),
            )
            return changed.rowcount == 1

    def note_expired(self, key: str, epoch: int) -> None:
        """The login of *epoch* was found logged out now: the first report ends its life."""
        with self._db.write() as raw:
            raw.execute(
                "UPDATE crawl_sessions SET state = 'expired' WHERE key = ? AND epoch = ? AND version > 0", (key, epoch)
            )
            raw.execute(
                "UPDATE crawl_logins SET expired_at = ? WHERE key = ? AND epoch = ? AND outcome = 'ok'"
                " AND expired_at IS NULL",
                (self._db.now(), key, epoch),
            )

    def of_run(self, run: int) -> list[Login]:
        """The logins that a run made, oldest first."""
        rows = self._db.read(
            "SELECT coalesce(s.name, l.key), l.started_at, l.ended_at, l.outcome, l.expired_at FROM crawl_logins l"
            " LEFT JOIN crawl_sessions s ON s.key = l.key WHERE l.run = ? ORDER BY l.id LIMIT 1000",
            (run,),
        )
        return [Login(*row) for row in rows]

    def lives(self, key: str, *, limit: int = 10) -> list[float]:
        """How long past logins lived, in seconds, newest first."""
        rows = self._db.read(
            f"SELECT {self._db.dialect.greatest}(0, expired_at - ended_at) FROM crawl_logins WHERE key = ?"
            " AND outcome = 'ok' AND expired_at IS NOT NULL ORDER BY id DESC LIMIT ?",
            (key, limit),
        )
        return [float(row[0]) for row in rows]
