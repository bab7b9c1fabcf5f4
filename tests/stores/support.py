"""What the tests of the stores share: a reversible cipher, a clock to be set, requests to be found, homes for stores.

The contract tests (`test_contract_*`) run on every kind of store: add a class like `SQLiteHome` to `HOMES`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crawler.errors import VaultError
from crawler.outcome import Found, ItemRow, Leased, Outcome, SessionSnapshot, Verdict
from crawler.stores.base import LeaseTerms, RunRow, SlotRule, Store
from crawler.stores.sqlite import SQLiteStore

NO_DELAY = SlotRule()
START = 1_800_000_000.0


class ReversingCipher:
    """Hides plain text from a search of the file, no more; opens nothing of another `key` or for another place."""

    def __init__(self, key: int = 0x5A) -> None:
        self.key = key
        self.opened = 0

    def seal(self, text: str, place: str = "") -> bytes:
        hidden = bytes(byte ^ self.key for byte in reversed(text.encode("utf-8", "surrogatepass")))
        return bytes([self.key]) + len(hidden).to_bytes(4) + hidden + place.encode("utf-8", "surrogatepass")

    def open(self, sealed: bytes, place: str = "") -> str:
        if sealed[0] != self.key:
            raise VaultError("", "another key")
        end = 5 + int.from_bytes(sealed[1:5])
        if sealed[end:] not in (b"", place.encode("utf-8", "surrogatepass")):
            raise VaultError("", "another place")
        self.opened += 1
        return bytes(byte ^ self.key for byte in reversed(sealed[5:end])).decode("utf-8", "surrogatepass")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class SQLiteHome:
    """A place for one store; each `open` is what another process would open."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "crawl.db")
        self.clock = Clock()
        self.cipher = ReversingCipher()
        self._opened: list[SQLiteStore] = []

    def open(self, **options: Any) -> Store:
        defaults: dict[str, Any] = {"cipher": self.cipher, "clock": self.clock, "busy_timeout_s": 5.0}
        store = SQLiteStore(self.path, **(defaults | options))
        store.leases.chance.seed(0)  # the same steps lead to the same leases
        self._opened.append(store)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()


HOMES = {"sqlite": SQLiteHome}
Home = SQLiteHome


def fingerprint(name: object) -> bytes:
    return hashlib.md5(str(name).encode("utf-8", "surrogatepass")).digest()


def found(name: object, *, slot: str = "shop.example", session: str = "default", **more: Any) -> Found:
    return Found(fingerprint(name), f"http://{slot}/{name}", slot, session, **more)


def start(store: Store, *, spider: str = "orders", args: str = "{}", fresh: bool = False) -> RunRow:
    return store.runs.open(spider, args=args, fresh=fresh, process="process 4711")


def lease(store: Store, run: RunRow, limit: int = 10, *, owner: str = "me", **more: Any) -> list[Leased]:
    options: dict[str, Any] = {"lease_s": 60.0, "horizon_s": 1.0} | more
    return store.leases.lease(run.frontier, owner=owner, terms=LeaseTerms(limit, **options))


def accept(leased: Leased, *items: dict[str, Any], links: Sequence[Found] = (), **more: Any) -> Outcome:
    options: dict[str, Any] = {"status": 200, "size_bytes": 5, "elapsed_ms": 1.5, "sent_at": leased.send_at} | more
    rows = [ItemRow("items", item) for item in items]
    return Outcome(leased, Verdict.ACCEPT, items=rows, found=links, **options)


def outcome(leased: Leased, verdict: Verdict, **more: Any) -> Outcome:
    return Outcome(leased, verdict, **({"sent_at": leased.send_at} | more))


def snapshot(secret: str = "sid=1", *, epoch: int = 1, key: str = "shop.example/ann", **more: Any) -> SessionSnapshot:
    options: dict[str, Any] = {"name": "default", "state": "ready", "url": "login", "cookies": 1} | more
    return SessionSnapshot(key=key, epoch=epoch, secret=secret, **options)


def urls(leased: Sequence[Leased]) -> list[str]:
    return [one.url.rsplit("/", 1)[1] for one in leased]
