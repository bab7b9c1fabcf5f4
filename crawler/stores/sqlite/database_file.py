"""The file of a SQLite store: creating it, protecting it from other users, and what its errors mean."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import sqlite3
import stat
import time

from crawler.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly

_NO_MEMORY = (sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_MMAP)
_LEAST_FREE_BYTES = 1 << 20
_FILLED_WITHIN_S = 0.5


def explained(error: sqlite3.Error, path: str, busy_timeout_s: float, expected_bytes: int = 0) -> StoreError:
    """Our error for one of sqlite3's, with what to do.

    Raises:
        MemoryError: No memory was left, which sqlite3 reports as such in some places and as an I/O error in others.
    """
    code = getattr(error, "sqlite_errorcode", None)
    if code in _NO_MEMORY:
        raise MemoryError(f"{path}: no memory left to open it") from error
    kind = code & 0xFF if code is not None else None
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(
            path, f"locked by another process for more than {busy_timeout_s:g} s; end it, or raise `busy_timeout`"
        )
    if kind == sqlite3.SQLITE_FULL or (kind == sqlite3.SQLITE_IOERR and _free_bytes(path) < _LEAST_FREE_BYTES):
        needed = max(expected_bytes, _LEAST_FREE_BYTES)
        return StoreFull(
            path, f"no room on the disk: {needed} bytes are needed, {_free_bytes(path)} are free; nothing was lost"
        )
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StoreReadOnly(path, "the file or its folder cannot be written; check owner and permissions")
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamaged(path, f"damaged, or not a database ({error}); see `crawl doctor`")
    return StoreError(path, f"{error}")


def _free_bytes(path: str) -> int:
    try:
        return shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
    except OSError:
        return 0


def refuse_cut(path: str) -> None:
    """Refuse an empty file that runs have used: it was truncated. Not so if another process is just filling it."""
    deadline = time.monotonic() + _FILLED_WITHIN_S
    while os.path.exists(path) and os.path.getsize(path) == 0 and glob.glob(f"{glob.escape(path)}.*.lock"):
        if time.monotonic() > deadline:
            raise StoreDamaged(path, "empty, although runs have used it; put back a copy, or delete it to start over")
        time.sleep(0.02)


def make_file(path: str) -> None:
    """Make folder (0700) and file (0600) where they are missing; SQLite gives -wal and -shm the mode of the file."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise opened_in_vain(error, path) from error
    tighten(path)


def refuse_link(path: str) -> None:
    """A link in place of the file would direct our writes, and the rights that we set, to a file of another's choice.

    Raises:
        StoreReadOnly: It is a link.
    """
    if os.path.islink(path):
        where = os.path.realpath(path)
        raise StoreReadOnly(path, f"a link to {where}: name that file as `store` if it is yours, else remove the link")


def who_else_may_write(path: str) -> str:
    """A warning when others may replace the store's file or those beside it; "" when they may not."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        mode = stat.S_IMODE(os.stat(folder).st_mode)
    except OSError:
        return ""
    if not mode & stat.S_IWOTH:
        return ""
    return (
        f"{folder} can be written by anybody (mode {mode:04o}): others can put files of their own in place of the"
        f" store; choose another folder, or run: chmod o-w {folder}"
    )


def tighten(path: str) -> None:
    """Take away the rights of others where the file is ours; refuse anything but a plain file."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise StoreReadOnly(path, "not a plain file; choose another `store`")
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            os.chmod(path, 0o600)
    except OSError as error:
        raise opened_in_vain(error, path) from error


def opened_in_vain(error: OSError, path: str) -> StoreError:
    """Our error for a file that the system would not open."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(path, f"no room on the disk: {_LEAST_FREE_BYTES} bytes are needed")
    if error.errno == errno.EIO:
        return StoreError(path, f"the disk failed: {error.strerror}")
    return StoreReadOnly(path, f"cannot be opened for writing: {error.strerror}")
