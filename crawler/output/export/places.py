"""Files of exports: complete or not there at all, on this machine or through a pipe.

Data is first written next to the file, under a name of its own that is locked during writing: what a killed export left
behind is removed by the next one.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import gzip
import io
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from crawler.errors import UsageError
from crawler.output.export.formats import Format

_BUFFER = 1 << 20
#: What terminals obey or hide: ASCII and Latin-1 controls except tab and line feed, direction marks and the like.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
NEXT_TO_NOTHING_BYTES = 4  # "[]" and a line end


def holds_something(path: Path) -> bool:
    """Whether there is a regular file whose loss would matter."""
    try:
        facts = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size > NEXT_TO_NOTHING_BYTES


def check_place(path: Path, *, in_place: bool = False) -> None:
    """Whether a file can be written there, as far as can be seen before any work is done for it.

    Args:
        path: Of the file; "-" for standard output.
        in_place: It is changed where it is, not replaced as a whole.
    Raises:
        UsageError: Its folder is not there, or it or its folder cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    if str(path) == "-" or _is_device(path):
        return
    folder = path.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"{path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK) or (in_place and path.exists() and not os.access(path, os.W_OK)):
        raise UsageError(f"{path} cannot be written: no permission")


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file for writing that replaces *path* when the block ends well, and leaves it as it was otherwise.

    A new file has mode 0600, since results come from behind a login; a replaced one keeps its mode. A device or a pipe
    is written to as it is.

    Raises:
        OSError: The folder is missing or cannot be written.
    """
    if _is_device(path):
        with open(path, "wb") as device:
            yield device
        return
    with whole_path(path) as beside, open(beside, "wb", buffering=_BUFFER) as file:
        yield file


def _is_device(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file", str(path))
    return not stat.S_ISREG(mode)


@contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """The same for code that writes to a path: an empty file that replaces *path* when the block ends well."""
    _is_device(path)  # raises for a folder
    mode = 0o600
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
    try:
        handle, temporary = _make_beside(path)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None  # not the name of a file they never chose
    try:
        os.fchmod(handle, mode)
        yield Path(temporary)
        os.fsync(handle)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        os.close(handle)


def _make_beside(path: Path) -> tuple[int, str]:
    """A new file beside *path*, locked for as long as it is open here."""
    prefix = f".{path.name[:100]}."
    for left in glob.glob(f"{glob.escape(str(path.parent / prefix))}*.part"):
        _remove_left(left)
    while True:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(temporary):  # between the two lines another export may have taken it for a leftover
            return handle, temporary
        os.close(handle)


def _remove_left(path: str) -> None:
    """Remove what a killed export left, unless it is being written."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the file system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def local(path: Path, form: Format, compression: str) -> Iterator[BinaryIO | Path]:
    """Where a format writes to, for a file on this machine."""
    if form.in_place:
        yield path
    elif form.on_disk:
        with whole_path(path) as beside:
            yield beside
    else:
        with whole_file(path) as file, compressed(file, compression) as stream:
            yield stream


@contextmanager
def compressed(file: BinaryIO, compression: str) -> Iterator[BinaryIO]:
    """The file, or one that compresses into it."""
    if compression == "gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as stream:
            yield cast(BinaryIO, stream)
    elif compression == "zst":
        with _zstd().open(file, "wb") as stream:
            yield stream
    else:
        yield file


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


@contextmanager
def standard_output(form: Format) -> Iterator[BinaryIO | Path]:
    """Where a format writes to, for standard output; on a terminal, control characters are shown, not obeyed."""
    sys.stdout.flush()
    out = sys.stdout.buffer
    if form.on_disk:
        with tempfile.TemporaryDirectory(prefix="crawl-export-") as folder:
            path = Path(folder) / "export"
            path.touch()
            yield path
            with open(path, "rb") as file:
                shutil.copyfileobj(file, out)
    else:
        yield cast(BinaryIO, ForTerminal(out) if sys.stdout.isatty() else out)
    sys.stdout.flush()


class ForTerminal(io.BufferedIOBase):
    """A file that is a terminal: what a page wrote must not move its cursor, change its title or hide other lines.

    Control characters, and marks that change the direction of writing, are shown as JSON writes them (``\\u009b``), in
    every format: on a terminal, even CSV is for reading. A file or a pipe gets the data as it is.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        """Write whole characters."""
        text = bytes(data).decode("utf-8", "replace").replace("\r\n", "\n")
        self._file.write(_COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8"))
        return len(data)

    def flush(self) -> None:
        self._file.flush()
