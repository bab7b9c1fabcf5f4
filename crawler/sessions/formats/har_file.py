"""A HAR file that grows with a run: each exchange is an entry, and the file is whole JSON after each of them.

What closes the lists stands at the end and is overwritten by the next entry, which writes it again. A process that is
killed in such a write leaves a torn end: the next writer, in this run or a later one, cuts it off. For that, each entry
is on a line of its own. Several processes may write to one file; each entry is written under a lock on it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import mmap
import os
import threading
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import requests

from crawler.clock import unix_now
from crawler.errors import UsageError
from crawler.sessions.formats.har_writing import entry_of, failed_entry

log = logging.getLogger("crawler.sessions")

_OURS: Final = b'{"log": {"version": "1.2", "creator": {"name": "crawl-sessions", '
_LAST_OF_HEAD: Final = b'"entries": ['
_HEAD_BYTES: Final = 400
_END: Final = b"\n]}}\n"


class HarFile:
    """Records exchanges. Safe from any thread, and beside other processes that write into the same file.

    Args:
        path: Made with mode 0600; one that a run of ours has written is continued.
        most_bytes: Above this size nothing more is recorded.
        secrets: Write cookies and credentials, too.
    """

    def __init__(self, path: Path, *, most_bytes: int, secrets: bool) -> None:
        self._path, self._most, self._secrets = path, most_bytes, secrets
        self._lock = threading.Lock()  # guards the rest; and a forked process opens the file itself
        self._file = -1
        self._left_out = 0
        self._is_broken = False

    @staticmethod
    def check(path: Path) -> None:
        """See whether *path* can be written, before anything is sent.

        Raises:
            UsageError: It cannot, or it is something other than a recording of a crawl.
        """
        was_there = path.exists()
        try:
            file = _opened(path)
            try:
                begins = os.pread(file, len(_OURS), 0)
            finally:
                os.close(file)
                if not was_there:
                    path.unlink()
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
        if not _OURS.startswith(begins):
            raise UsageError(f"{path} already exists and is not a recording of a crawl; give another name")

    def answered(self, answer: requests.Response, session: str) -> None:
        """An answer came to a request of *session*; its body is read."""
        self._note(partial(entry_of, answer, None, secrets=self._secrets), session)

    def failed(self, request: requests.PreparedRequest, error: BaseException, took_s: float, session: str) -> None:
        """No answer came, after so many seconds."""
        self._note(partial(failed_entry, request, error, unix_now() - took_s, took_s, secrets=self._secrets), session)

    def close(self) -> None:
        """Let go of the file, and say how many requests are not in it. Harmless when called again."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file, left_out, self._left_out = -1, self._left_out, 0
        if left_out:
            log.warning("%s: %s requests were not recorded", self._path, f"{left_out:,}")

    def _note(self, made: Callable[[], dict[str, Any]], session: str) -> None:
        try:
            line = json.dumps({**made(), "_session": session}, ensure_ascii=False).encode("utf-8", "replace")
        except Exception as error:  # noqa: BLE001 - an answer may be anything, and its page is not to fail for this
            log.warning("%s: an exchange cannot be recorded: %s", self._path, type(error).__name__)
            with self._lock:
                self._left_out += 1
        else:
            self._append(line)

    def _append(self, line: bytes) -> None:
        with self._lock:
            if self._is_broken:
                self._left_out += 1
                return
            try:
                if self._file < 0:
                    self._file = _opened(self._path)
                fcntl.flock(self._file, fcntl.LOCK_EX)
                try:
                    is_kept = self._written(line)
                finally:
                    fcntl.flock(self._file, fcntl.LOCK_UN)
            except OSError as error:
                self._is_broken, is_kept = True, False
                log.warning("%s cannot be written, and the recording ends here: %s", self._path, error.strerror)
            if not is_kept:
                if not self._left_out and not self._is_broken:
                    log.warning("%s has %d MB: the recording ends here (har_size)", self._path, self._most // 1_000_000)
                self._left_out += 1

    def _written(self, line: bytes) -> bool:
        """Whether there was room for it. Under the lock of the file."""
        size = os.fstat(self._file).st_size
        if not size:
            size = _write_all(self._file, _head() + _END, 0)
        if os.pread(self._file, len(_END), max(size - len(_END), 0)) != _END:
            size = _repaired(self._file)
        end = size - len(_END)
        begins = b"\n" if os.pread(self._file, 1, end - 1) == b"[" else b"\n,"
        if end + len(begins) + len(line) + len(_END) > self._most:
            return False
        try:
            _write_all(self._file, begins + line + _END, end)
        except OSError:  # the disk is full: what was there stays whole
            os.ftruncate(self._file, end)
            os.pwrite(self._file, _END, end)
            raise
        return True


def _head() -> bytes:
    return _OURS + b'"version": "' + version("crawl-sessions").encode() + b'"}, "pages": [], ' + _LAST_OF_HEAD


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _write_all(file: int, data: bytes, offset: int) -> int:
    """Write *data* at *offset*; returns where it ends."""
    view = memoryview(data)
    while view:
        count = os.pwrite(file, view, offset)
        view, offset = view[count:], offset + count
    return offset


def _repaired(file: int) -> int:
    """Cut off what a killed process has left of its last write, and close the lists; returns the size."""
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as text:
        end = len(text)
        while (begins := text.rfind(b"\n", 0, end)) >= 0 and not _is_entry(text[begins + 1 : end]):
            end = begins
        if begins < 0:  # nothing but a head, whole or torn
            end = text.find(_LAST_OF_HEAD) + len(_LAST_OF_HEAD) if _LAST_OF_HEAD in text[:_HEAD_BYTES] else 0
    os.ftruncate(file, end)
    return _write_all(file, _END if end else _head() + _END, end)


def _is_entry(line: bytes) -> bool:
    try:
        return "request" in json.loads(line.removeprefix(b","))
    except (ValueError, TypeError):
        return False
