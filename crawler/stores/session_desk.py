"""What login managers need from the store, requested from the thread that owns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crawler.outcome import SessionSnapshot
from crawler.sessions.desk import LoginEnd
from crawler.sessions.login.states import LoginRecord, LoginState
from crawler.stores import losses
from crawler.stores.base import LoginClaim, SessionRow, Store
from crawler.stores.calls import StoreCalls
from crawler.stores.policy.login_policy import Trying

PROXIES = "proxies:"  #: prefix of the values about the health of a session's proxies
_WHY = "login failed:"  #: prefix of the values that say why
_WHY_KEPT_S = 7 * 86_400.0
_WHY_CHARACTERS = 600


class SessionDesk:
    """What login managers need from the store (`sessions.login.manager.Desk`). Safe from any thread.

    Args:
        trying: What logs in: the spider, the version of its code and the budget.
    """

    def __init__(self, calls: StoreCalls, *, run: int | None, owner: str, lease_s: float, trying: Trying) -> None:
        self._calls, self._run, self._owner = calls, run, owner
        self._lease_s, self._trying = lease_s, trying
        # Key to the token of our claim; a key has one claim at a time. Set and read by the thread that logs in
        self._tokens: dict[str, int] = {}

    def load(self, key: str) -> SessionRow | None:
        return self._calls(lambda store: store.sessions.load(key))

    def save(self, taken: SessionSnapshot) -> SessionRow:
        return self._calls(lambda store: store.sessions.save(taken, run=self._run))

    def claim(
        self, key: str, epoch: int, *, credentials: str = "", force: bool = False, renews: bool = False
    ) -> LoginClaim:
        trying = replace(self._trying, credentials=credentials, force=force, renews=renews)
        claimed = self._calls(
            lambda store: store.logins.claim(key, owner=self._owner, epoch=epoch, lease_s=self._lease_s, trying=trying)
        )
        if claimed.granted:
            self._tokens[key] = claimed.token
        return claimed

    def refused(self, key: str, credentials: str) -> str:
        """Why nothing may be sent with credentials of that mark now, with the time when it may; "" when it may."""
        trying = replace(self._trying, credentials=credentials)
        return self._calls(lambda store: store.logins.refused(key, trying))

    def end_login(self, key: str, ended: LoginEnd, taken: SessionSnapshot | None = None) -> bool:
        """Record how a login ended, and keep the session that it made.

        Returns:
            False when it came too late: another process has logged in, or is doing so. The session was not stored.
        """
        token = self._tokens.get(key, 0)

        def end(store: Store) -> bool:
            kept = store.logins.end(
                key,
                owner=self._owner,
                token=token,
                ended=ended,
                snapshot=taken,
                run=self._run,
            )
            name = _WHY + key
            if ended.why:
                store.values.set(name, ended.why[:_WHY_CHARACTERS], ttl_s=_WHY_KEPT_S)
            elif ended.outcome == "ok" and store.values.get(name) is not None:
                store.values.set(name, None)
            return kept

        return self._calls(end)

    def renew(self, key: str) -> None:
        """Our login of *key* is still under way: no other process may begin one."""
        token = self._tokens.get(key, 0)
        self._calls(lambda store: store.logins.renew(key, owner=self._owner, token=token, lease_s=self._lease_s))

    def last_failure(self, key: str) -> str:
        """Why the last login failed, in this run or an earlier one, of any spider; "" when it did not."""

        def look(store: Store) -> str:
            found = store.values.get(_WHY + key)
            return found if isinstance(found, str) else ""

        return self._calls(look)

    def expired(self, key: str, epoch: int, since: float = 0.0) -> None:
        """The login of *epoch* was found lost; its last proof was at *since*."""

        def note(store: Store) -> None:
            if self._run is not None:
                losses.note(store, self._run, key, epoch=epoch, since=since)
            store.logins.note_expired(key, epoch)

        self._calls(note)

    def proxy_health(self, key: str) -> Any:
        """What is known about the proxies of a session (`sessions.proxy_pool`)."""
        return self._calls(lambda store: store.values.get(PROXIES + key))

    def keep_proxy_health(self, key: str, health: dict[str, Any]) -> None:
        """Keep it for the next run."""
        self._calls(lambda store: store.values.set(PROXIES + key, health or None, ttl_s=_WHY_KEPT_S))

    def has_brought(self, session: str, since_epoch: int) -> bool:
        """Whether logins of *session*, from that epoch on, have brought a page to any process of the run."""
        if self._run is None:
            return False
        run = self._run
        return self._calls(
            lambda store: store.frontier.has_brought(
                store.runs.get(run).frontier, session=session, since_epoch=since_epoch
            )
        )

    def lives(self, key: str) -> list[float]:
        return self._calls(lambda store: store.logins.lives(key))


def keep_proofs(store: Store, records: Mapping[str, LoginRecord]) -> None:
    """At the end of a run: store when each session was last known to be logged in. *records* are by key."""
    for key, record in records.items():
        if record.proved_at is not None:
            good = record.state is LoginState.READY
            store.sessions.prove(key, epoch=record.epoch, proved_at=record.proved_at, good=good)
