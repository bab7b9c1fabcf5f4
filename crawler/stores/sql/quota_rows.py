"""Quotas of accounts: what was granted, across processes and runs, and which accounts rest.

The sessions of one account have one row: a site counts what the account sends.

A grant counts from when it was made until a process may have sent the last of it, and for the quota's period after
that: so no stretch of that length holds more than the quota, however the site counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from crawler.sessions.quota import Granted, Quota
from crawler.stores.driver import Driver
from crawler.stores.policy.login_policy import account_of

Entry = list[float]  #: moment, number of requests


class QuotaRows:
    """The rows of accounts that have a quota, or rest."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver

    def take(self, key: str, quota: Quota | None, *, wanted: int, back: list[tuple[float, int]]) -> Granted:
        """Grant requests of the account of the session *key*, as many as are wanted and left.

        Args:
            quota: None when nothing is counted; then only whether the account rests matters.
            back: What was granted but not sent: moments and numbers.
        """
        now, key = self._db.now(), account_of(key)
        if quota is None:
            row = self._db.one("SELECT rests_until, why FROM crawl_quotas WHERE key = ?", (key,))
            return Granted(rests_until=row[0], why=row[1]) if row else Granted()
        lasts_s = quota.counts_s
        with self._db.write() as raw:
            row = raw.execute("SELECT granted, rests_until, why FROM crawl_quotas WHERE key = ?", (key,)).fetchone()
            granted, rests_until, why = (json.loads(row[0]), row[1], row[2]) if row else ([], 0.0, "")
            entries = still_counting(granted, back, now - lasts_s)
            while any(at == now for at, _ in entries):
                now += 1e-6  # a grant is identified by its moment
            count = max(min(wanted, quota.requests - int(sum(number for _, number in entries))), 0)
            if rests_until > now:
                count = 0
            if count:
                entries.append([now, count])
            raw.execute(
                "INSERT INTO crawl_quotas (key, granted) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET granted = excluded.granted",
                (key, json.dumps(entries)),
            )
        free_at = min((at for at, _ in entries), default=now) + lasts_s
        return Granted(count, now, 0.0 if count else free_at, rests_until, why)

    def give_back(self, key: str, back: list[tuple[float, int]]) -> None:
        """Give back what was granted and will not be sent: others may have it."""
        key = account_of(key)
        with self._db.write() as raw:
            row = raw.execute("SELECT granted FROM crawl_quotas WHERE key = ?", (key,)).fetchone()
            if row:
                entries = still_counting(json.loads(row[0]), back, float("-inf"))
                raw.execute("UPDATE crawl_quotas SET granted = ? WHERE key = ?", (json.dumps(entries), key))

    def rest(self, key: str, until: float, why: str) -> None:
        """Let no process and no run send anything for the account before that moment."""
        with self._db.write() as raw:
            raw.execute(
                "INSERT INTO crawl_quotas (key, rests_until, why) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET rests_until = excluded.rests_until, why = excluded.why",
                (account_of(key), until, why),
            )

    def resting(self, keys: Iterable[str]) -> dict[str, tuple[float, str]]:
        """Those of the sessions *keys* whose account rests now: key to until when and why."""
        rows = self._db.read("SELECT key, rests_until, why FROM crawl_quotas WHERE rests_until > ?", (self._db.now(),))
        rests = {key: (until, why) for key, until, why in rows}
        return {key: rests[account] for key in keys if (account := account_of(key)) in rests}


def still_counting(granted: list[Entry], back: list[tuple[float, int]], since: float) -> list[Entry]:
    """The grants that still count, from after *since*, without what was given back."""
    returned = dict(back)
    counting = [[at, number - returned.get(at, 0)] for at, number in granted if at > since]
    return [[at, number] for at, number in counting if number > 0]
