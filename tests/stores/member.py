"""A process that takes part in a crawl, for the tests with several: ``python -m tests.stores.member JOB PATH ...``."""

from __future__ import annotations

import sys
import time

from crawler.errors import AlreadyRunning
from crawler.outcome import Leased
from crawler.sessions.desk import LoginEnd
from crawler.stores.base import LeaseTerms, RunRow, SlotRule
from crawler.stores.policy.login_policy import Trying
from crawler.stores.sqlite import SQLiteStore
from tests.stores.support import ReversingCipher, accept, found, snapshot, start


def lease(store: SQLiteStore, run: RunRow, owner: str, limit: int, rule: SlotRule) -> list[Leased]:
    return store.leases.lease(run.frontier, owner=owner, terms=LeaseTerms(limit, 60, 5.0, default_rule=rule))


def reserve(store: SQLiteStore, owner: str, moment: float) -> None:
    """From a moment on, lease with a delay until the horizon is full, and print the reserved times."""
    run = store.runs.join(1)
    while time.time() < moment:
        time.sleep(0.0005)
    while claimed := lease(store, run, owner, 3, SlotRule(delay_s=0.02, jitter=0.3)):
        for one in claimed:
            print(f"{one.slot} {one.send_at!r} {one.id}")
        time.sleep(0.002)  # lets the other process have its turn


def crawl(store: SQLiteStore, owner: str, group: int) -> None:
    """Lease and commit groups until nothing waits; each page has two items, its links and a cookie that it changed."""
    run = store.runs.join(1) if owner != "opener" else start(store)
    print("ready", flush=True)
    while True:
        claimed = lease(store, run, owner, group, SlotRule())
        if not claimed:
            if store.leases.next_due(run.frontier) is None:
                break
            time.sleep(0.005)  # the other process has the rest
            continue
        pages = []
        for one in claimed:
            name = int(one.url.rsplit("/", 1)[1])
            links = [found(link) for link in (2 * name, 2 * name + 1, name - 1) if 0 < link < LAST]
            cookie = snapshot(f"sid={name}", url=one.url) if name % 7 == 0 else None
            pages.append(accept(one, {"name": name}, {"name": -name}, links=links, session=cookie))
        store.commit(run, owner, pages)
    if owner == "opener":
        store.runs.end(run.id, ending="finished", exit_code=0, summary="{}")


def hold(store: SQLiteStore, owner: str) -> None:
    """Start the spider at the given moment; say whether we have it, and keep it until somebody kills us."""
    while time.time() < float(owner):
        time.sleep(0.0005)
    try:
        start(store)
    except AlreadyRunning:
        print("second", flush=True)
        return
    print("first", flush=True)
    sys.stdin.read()


def log_in(store: SQLiteStore, owner: str, lease_s: float) -> None:
    """Claim the login, take a while about it, and end it."""
    asked = store.logins.claim("shop.example/ann", owner=owner, epoch=0, lease_s=lease_s, trying=Trying())
    print("granted" if asked.granted else "refused", flush=True)
    sys.stdin.readline()
    kept = snapshot(f"sid of {owner}", epoch=1)
    ours = store.logins.end(
        "shop.example/ann", owner=owner, token=asked.token, ended=LoginEnd("ok"), snapshot=kept, run=None
    )
    print("kept" if ours else "too late", flush=True)


LAST = 5_000


def main(job: str, path: str, owner: str, number: str = "0") -> None:
    store = SQLiteStore(path, cipher=ReversingCipher(), busy_timeout_s=30.0)
    if job == "reserve":
        reserve(store, owner, float(number))
    elif job == "crawl":
        crawl(store, owner, int(number))
    elif job == "log_in":
        log_in(store, owner, float(number))
    else:
        hold(store, owner)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
