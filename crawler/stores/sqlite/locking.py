"""One living process per spider: a lock of the operating system, so that `kill -9` frees it.

Two files are beside the store for each spider. ``<store>.<spider>.lock`` is held exclusively by the process that opened
the run and identifies it. ``<store>.<spider>.workers`` is held, shared, by every process that takes part; when the next
opener can get it exclusively, no process of the last run lives, and what those had leased is free at once.

A third kind, ``<store>.<account>.login``, is held by the process that logs a session in: if another process can get it,
the login was abandoned by a process that died, and its lease need not be waited out.

The files are never deleted: deleting a lock file lets two processes hold locks on two files of one name.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re

from crawler.errors import AlreadyRunning, StoreError
from crawler.stores.sqlite.database_file import opened_in_vain

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class FileMembers:
    """Which processes work on spiders and log in, by operating system locks; see `stores.driver.Membership`."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._spiders: dict[str, SpiderLock] = {}
        self._logins: dict[str, LoginLock] = {}

    def take(self, spider: str, holder: str) -> bool:
        if spider in self._spiders:
            raise AlreadyRunning(spider, "this process, which has not ended its run")
        lock = SpiderLock(self._store, spider)
        try:
            alone = lock.acquire(holder)
        except BaseException:
            lock.release()
            raise
        self._spiders[spider] = lock
        return alone

    def join(self, spider: str) -> None:
        if spider not in self._spiders:
            lock = SpiderLock(self._store, spider)
            lock.join()
            self._spiders[spider] = lock

    def holder(self, spider: str) -> str | None:
        return SpiderLock(self._store, spider).holder()

    def release(self, spider: str) -> None:
        lock = self._spiders.pop(spider, None)
        if lock is not None:
            lock.release()

    def takes_login(self, key: str) -> bool:
        if key in self._logins:
            return False
        lock = LoginLock(self._store, key)
        if lock.acquire():
            self._logins[key] = lock
            return True
        return False

    def ends_login(self, key: str) -> None:
        lock = self._logins.pop(key, None)
        if lock is not None:
            lock.release()

    def close(self) -> None:
        for spider in list(self._spiders):
            self.release(spider)
        for key in list(self._logins):
            self.ends_login(key)


class SpiderLock:
    """The two locks of one spider; for one thread."""

    def __init__(self, store: str, spider: str) -> None:
        name = (
            spider if _PLAIN.fullmatch(spider) else hashlib.sha256(spider.encode("utf-8", "replace")).hexdigest()[:32]
        )
        self._store, self._spider = store, spider
        self._main = _File(f"{store}.{name}.lock")
        self._workers = _File(f"{store}.{name}.workers")

    def acquire(self, holder: str) -> bool:
        """Become the process that runs the spider.

        Args:
            holder: Which process we are and since when, for those that come second.
        Returns:
            True when no other process of an earlier run is alive.
        Raises:
            AlreadyRunning: Another process is; with what it wrote about itself.
        """
        if not self._main.lock(fcntl.LOCK_EX):
            found = self._main.text()
            self._main.close()
            raise AlreadyRunning(self._spider, found or "another process")
        self._main.write(holder)
        alone = self._workers.lock(fcntl.LOCK_EX)
        self._workers.lock(fcntl.LOCK_SH)
        return alone

    def join(self) -> None:
        """Take part alongside the process that holds the lock."""
        self._workers.lock(fcntl.LOCK_SH)

    def holder(self) -> str | None:
        """The process that runs the spider now, or None."""
        if not os.path.exists(self._main.path):
            return None
        probe = _File(self._main.path)
        try:
            if probe.lock(fcntl.LOCK_SH):
                return None
            return probe.text() or "another process"
        finally:
            probe.close()

    def release(self) -> None:
        """Let go; may be called twice."""
        self._workers.close()
        self._main.close()


class LoginLock:
    """Held while a session is logged in; for one thread."""

    def __init__(self, store: str, key: str) -> None:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        self._file = _File(f"{store}.{digest}.login")

    def acquire(self) -> bool:
        """Become the process that logs in. False when a living process is doing so."""
        if self._file.lock(fcntl.LOCK_EX):
            return True
        self._file.close()
        return False

    def release(self) -> None:
        """Let go; may be called twice."""
        self._file.close()


class _File:
    """A lock file; opened when it is first needed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1

    def lock(self, how: int) -> bool:
        """Lock without waiting. False when another process's lock is in the way."""
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._descriptor, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise StoreError(self.path, "this file system has no locks; keep the store on a local disk") from error
            raise opened_in_vain(error, self.path) from error

    def text(self) -> str:
        return os.pread(self._descriptor, 500, 0).decode("utf-8", "replace").strip()

    def write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")[:500]
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, data, 0)
        except OSError as error:
            raise opened_in_vain(error, self.path) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
