"""Files that only their owner may read: where they are, and how they are read and written.

The key of the vault and the file of accounts live in one folder of the person who runs the crawl. A file that others
can read is refused: by then the secret is no secret, and the one who can change that has to know.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_FOLDER = "crawl"
_MOST_BYTES = 16_777_216


def config_folder(environ: Mapping[str, str]) -> Path:
    """The folder of this user's configuration; it need not exist.

    ``$XDG_CONFIG_HOME/crawl``, else ``~/.config/crawl``; without HOME (cron, systemd) the password database says where
    home is.

    Raises:
        OSError: Nothing says where the home of this user is.
    """
    chosen = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(chosen):  # the XDG specification: a relative path is to be ignored
        return Path(chosen) / _FOLDER
    home = environ.get("HOME", "")
    if not os.path.isabs(home):
        import pwd  # not on every system, and rarely needed

        try:
            home = pwd.getpwuid(os.geteuid()).pw_dir
        except KeyError:
            raise OSError(f"user {os.geteuid()} has no home: set HOME or XDG_CONFIG_HOME") from None
    return Path(home) / ".config" / _FOLDER


def read_private(path: Path) -> str:
    """The text of a file that nobody else can read.

    Raises:
        FileNotFoundError: There is none.
        PermissionError: Others can read or write it, or it belongs to somebody else; the text says how to repair it.
        OSError: It cannot be read.
        ValueError: It is not UTF-8, or too large.
    """
    with open(path, "rb", opener=_open_to_read) as file:
        facts = os.fstat(file.fileno())  # of the open file: what is at the path may change meanwhile
        if not stat.S_ISREG(facts.st_mode):
            raise PermissionError(f"{path} is not a regular file")
        if facts.st_uid not in (os.geteuid(), 0):
            raise PermissionError(f"{path} belongs to another user")
        if facts.st_mode & 0o077:
            raise PermissionError(
                f"{path} can be read by others (mode {stat.S_IMODE(facts.st_mode):04o}); run: chmod 600 {path}"
            )
        if facts.st_size > _MOST_BYTES:
            raise ValueError(f"{path} is larger than {_MOST_BYTES:,} bytes")
        return file.read(facts.st_size).decode("utf-8")  # not more: room for the most is taken before it is read


def _open_to_read(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)  # a named pipe in its place must not stop us for ever


def write_private(path: Path, text: str) -> None:
    """Put *text* at *path* with mode 0600, whole or not at all, whatever the umask.

    Raises:
        OSError: It cannot be written; the old file is as it was.
    """
    make_private_folder(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # O_EXCL and 0600 by contract
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # or a power cut may forget the name: a key that seals a database must not be lost
    finally:
        os.close(folder)


def make_private_folder(folder: Path) -> None:
    """Make *folder* with mode 0700, and take the rights of others away when it is ours and has more."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.stat()
    if facts.st_uid == os.geteuid() and facts.st_mode & 0o077:
        folder.chmod(0o700)


@contextmanager
def only_one_process(path: Path) -> Iterator[None]:
    """Hold the lock of *path* (a file beside it): for reading, deciding and writing as one step.

    The lock is the system's, so that it is free again when its holder dies.
    """
    import fcntl

    make_private_folder(path.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(path.with_name(f"{path.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
