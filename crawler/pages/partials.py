"""A file that is on its way: its bytes so far, and beside them what is needed to go on after a cut or a kill.

Two files in one folder: ``NAME.part`` with the bytes, and ``NAME.json`` with the URL, the validators and, once it is
whole, its hash. Whoever works on it holds a lock on the first one; a process that is killed lets go of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from crawler.quick_dataclass import field_names, quick_dataclass

_CHUNK_BYTES: Final = 1 << 20
_BUFFER_BYTES: Final = 1 << 18
_BOOT_FILE: Final = Path("/proc/sys/kernel/random/boot_id")


class Busy(Exception):
    """Something else is working on this file at the moment."""


@quick_dataclass
class PartialState:
    """What is known of a file on its way.

    Attributes:
        url: Where it comes from.
        etag, modified, is_dated: Validators of the version that is being fetched (`fetching.file_asking.Validators`).
        total_bytes: Of the whole file, -1 where it is not known.
        declared: Media type that the server names.
        disposition: Its Content-Disposition.
        boot: The boot of the machine during which it was written: after a power cut bytes may be missing.
        hash, size_bytes: Once it is whole.
        link: Readable name that was chosen for it, once it is whole.
    """

    url: str
    etag: str = ""
    modified: str = ""
    is_dated: bool = False
    total_bytes: int = -1
    declared: str = ""
    disposition: str = ""
    boot: str = ""
    hash: str = ""
    size_bytes: int = 0
    link: str = ""


class Partial:
    """The bytes of one file on their way. Used by one thread at a time."""

    def __init__(
        self, folder: Path, name: str, url: str, *, durable: bool, placed: Callable[[str, int], Path | None]
    ) -> None:
        """Open it, with what an earlier try left.

        Args:
            placed: ``placed(hash, size)``: where the file is, when it has been put in its place already.
        Raises:
            Busy: Another process, or another request of this one, works on it.
            OSError: It cannot be made.
        """
        self._folder, self._name, self._durable = folder, name, durable
        self.path, self._notes = folder / f"{name}.part", folder / f"{name}.json"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _locked(self.path)
        self._file = os.fdopen(descriptor, "r+b", buffering=_BUFFER_BYTES)
        self.state = _read_notes(self._notes, url) or PartialState(url)
        self._hash = hashlib.sha256()
        self.size_bytes = os.fstat(descriptor).st_size
        self._placed = placed(self.state.hash, self.state.size_bytes) if self.state.hash else None
        is_lost = self.state.hash and self._placed is None and self.size_bytes != self.state.size_bytes
        if self.state.boot != boot_id() or is_lost:
            self.restart(PartialState(url))
        elif self.size_bytes and not self.state.hash:
            self._hash_what_is_there()

    def _hash_what_is_there(self) -> None:
        self._file.seek(0)
        self.size_bytes = 0
        while piece := self._file.read(_CHUNK_BYTES):
            self._hash.update(piece)
            self.size_bytes += len(piece)
        self._file.seek(self.size_bytes)

    @property
    def is_whole(self) -> bool:
        """An earlier try has fetched all of it; it was not committed."""
        return bool(self.state.hash)

    def restart(self, state: PartialState) -> None:
        """Throw away what is there: another version comes, or the first one."""
        self._file.seek(0)
        self._file.truncate(0)
        self._hash, self._placed = hashlib.sha256(), None
        self.size_bytes = 0
        self.state = replace(state, boot=boot_id())
        if state.etag or state.modified:
            self._write_notes()
        else:  # nothing could be continued
            self._notes.unlink(missing_ok=True)

    def forget(self) -> None:
        """Throw away what is there: it is not what was wanted, or is held already."""
        self.restart(PartialState(self.state.url))

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    def flush(self) -> None:
        """Let the system have what was written."""
        self._file.flush()

    def cut_to(self, size_bytes: int) -> None:
        """Forget what came after *size_bytes*: it is about to come again."""
        self._file.flush()
        if size_bytes != self.size_bytes:
            self._file.truncate(size_bytes)
            self._hash = hashlib.sha256()
            self._hash_what_is_there()

    def head(self, size_bytes: int) -> bytes:
        """Its first bytes."""
        if self._placed is not None:
            with open(self._placed, "rb") as file:
                return file.read(size_bytes)
        self._file.flush()
        return os.pread(self._file.fileno(), size_bytes, 0)

    def finish(self) -> PartialState:
        """All bytes are there: keep its hash, and as `durable` says the bytes themselves."""
        self._file.flush()
        if self._durable:
            os.fsync(self._file.fileno())
        if not self.state.hash:
            self.state = replace(self.state, hash=self._hash.hexdigest(), size_bytes=self.size_bytes)
            self._write_notes()
        return self.state

    def named(self, link: str) -> None:
        """This readable name is about to be made for it."""
        self.state = replace(self.state, link=link)
        self._write_notes()

    def _write_notes(self) -> None:
        new = self._notes.with_suffix(".new")
        with open(new, "w", encoding="utf-8", opener=_private) as file:
            json.dump(asdict(self.state), file)
            if self._durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(new, self._notes)

    def drop(self) -> None:
        """Remove it: it is committed, or not wanted."""
        self._notes.unlink(missing_ok=True)
        if is_same(self.path, self._file.fileno()):
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()

    def close(self) -> None:
        """Let go of it; what the next try can go on with stays. Harmless when called again."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError):  # a full disk: what did not go there is fetched again
            self._file.flush()
        if not self._is_of_use and is_same(self.path, self._file.fileno()):
            self.path.unlink(missing_ok=True)
            if not self.is_whole:
                self._notes.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()

    @property
    def _is_of_use(self) -> bool:
        """Whether a later try can use these bytes: a version that cannot be recognised can only be fetched anew."""
        return self.size_bytes > 0 and bool(self.state.etag or self.state.modified)

    @property
    def descriptor(self) -> int:
        return self._file.fileno()


def boot_id() -> str:
    """Which boot of the machine this is; "" where the system does not say."""
    try:
        return _BOOT_FILE.read_text().strip()
    except OSError:
        return ""


def is_same(path: Path, descriptor: int) -> bool:
    """Whether *path* still names the open file."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _locked(path: Path) -> int:
    """The partial file, open and locked; an empty one where what is there has been put in its place already."""
    flags = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | flags, 0o600)
        except PermissionError:  # it is in its place, where nobody may write to it
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_same(path, descriptor):
                if os.fstat(descriptor).st_nlink == 1:
                    return descriptor
                path.unlink()
        except BlockingIOError:
            os.close(descriptor)
            raise Busy(str(path)) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever had it has just finished it


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _read_notes(path: Path, url: str) -> PartialState | None:
    """The notes, or None where there are none that can be used."""
    state = read_state(path)
    return state if state is not None and state.url == url else None


def read_state(path: Path) -> PartialState | None:
    """The notes of a partial file; None where they cannot be read."""
    try:
        with open(path, encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as file:
            found: Any = json.load(file)
        known = PartialState(**found)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    wanted = PartialState("")
    if any(type(getattr(known, name)) is not type(getattr(wanted, name)) for name in field_names(PartialState)):
        return None
    return known
