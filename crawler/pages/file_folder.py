"""Where files are kept: by their content, and under readable names.

::

    data/files/3f/3f5a...        the bytes, named after their SHA-256, read-only; equal ones are there once
    data/files/partial/...       what is on its way (`crawler.pages.partials`)
    data/SPIDER/invoice-7.pdf    a hard link to the bytes (a relative symbolic link where the system has no hard ones)

A row in the database says which files are held. A file is put in its place before its row is committed: after a kill
there may be a file without a row, which the next try takes over or `crawl files prune` removes, and never a row without
its file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from crawler.errors import UsageError
from crawler.pages.downloads import clean_name, twins
from crawler.pages.partials import Partial
from crawler.quick_dataclass import quick_dataclass
from crawler.settings import Settings

PARTIAL: Final = "partial"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_READ_ONLY: Final = 0o400
_CHUNK_BYTES: Final = 1 << 20
_CANNOT_LINK: Final = frozenset(
    {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EACCES}
)


@quick_dataclass
class Stored:
    """A file in the folder that is named after its content.

    Attributes:
        place: Device and number of the file: its readable names have the same ones.
    """

    hash: str
    size_bytes: int
    changed_at: float
    place: tuple[int, int]


class FileFolder:
    """The files of a project. Safe from any thread; several processes may share it.

    Args:
        root: The folder of the bytes (``data/files``).
        names: The folder of the readable names of one spider (``data/SPIDER``).
        durable: Files survive a power cut once they are committed.
    """

    def __init__(self, root: Path, names: Path, *, durable: bool = False) -> None:
        self.root, self.names, self._durable = root, names, durable

    def path(self, digest: str) -> Path:
        """Where the bytes with this hash are."""
        return self.root / digest[:2] / digest

    def has(self, digest: str, size_bytes: int) -> bool:
        """Whether they are there, whole as far as one can tell without reading them."""
        try:
            return os.stat(self.path(digest)).st_size == size_bytes
        except OSError:
            return False

    def partial(self, url: str, session: str) -> Partial:
        """The partial file of *url* in *session*. Raises `partials.Busy`, OSError."""
        name = hashlib.sha256(f"{session}\n{url}".encode("utf-8", "surrogatepass")).hexdigest()[:40]
        return Partial(self.root / PARTIAL, name, url, durable=self._durable, placed=self._placed)

    def _placed(self, digest: str, size_bytes: int) -> Path | None:
        return self.path(digest) if self.has(digest, size_bytes) else None

    # --- putting in its place ---------------------------------------------------------------------------------------
    def place(self, partial: Partial) -> None:
        """Put a file that is whole in its place.

        Raises:
            OSError: The bytes are still where they were.
        """
        target = self.path(partial.state.hash)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._is_placed(partial, target):
            os.fchmod(partial.descriptor, _READ_ONLY)
            self._put(partial, target)
        if self._durable:
            _sync_folder(target.parent)

    def _is_placed(self, partial: Partial, target: Path) -> bool:
        """Whether the same bytes are there. They are then in use again, and must not be taken for a leftover."""
        there = self.has(partial.state.hash, partial.state.size_bytes)
        if there:
            os.utime(target)
        return there

    def _put(self, partial: Partial, target: Path) -> None:
        try:
            os.link(partial.path, target, follow_symlinks=False)  # the partial one stays locked until the commit
        except FileExistsError:
            if self._is_placed(partial, target):  # another spider has just put it there
                return
            # it has another size: somebody has written to it, or a disk has lost a part
            passing = partial.path.with_suffix(".new")
            passing.unlink(missing_ok=True)
            os.link(partial.path, passing, follow_symlinks=False)
            os.replace(passing, target)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            os.replace(partial.path, target)

    def name(self, partial: Partial, name: str, before: str) -> str:
        """Give a file that is in its place a readable name.

        Args:
            name: What it is to be called; cleaned here. Taken names get a number.
            before: "LINK HASH" of the version before, whose name it takes over; "" for none.
        Returns:
            The readable name, relative to the folder above `names`; "" where too many are taken.
        Raises:
            OSError, UsageError: No name can be made there.
        """
        link = self._link(partial, self.path(partial.state.hash), name, before)
        if self._durable and link:
            _sync_folder(self.names)
        return link

    def _link(self, partial: Partial, target: Path, name: str, before: str) -> str:
        own = partial.state.link
        if own and self._names_it(own, target):  # made before a kill
            return own
        with self._names_folder() as directory:
            link, _, digest = before.rpartition(" ")
            is_ours = link and (self._names_it(link, self.path(digest)) or _is_copy(self.names.parent / link, digest))
            if is_ours and Path(link).parent.name == self.names.name:
                partial.named(link)
                self._replace(target, Path(link).name, directory)
                return link
            for chosen in twins(clean_name(name)):
                if _is_taken(chosen, directory):
                    continue
                partial.named(self._in_names(chosen))
                try:
                    self._make_link(target, chosen, directory)
                except FileExistsError:
                    continue
                return self._in_names(chosen)
        return ""

    def point(self, before: str, link: str, digest: str) -> None:
        """Let a readable name lead to these bytes again.

        Args:
            before: "LINK HASH" of a version that is not to be had by a name any more: where *link* is another name, the
                one here is removed.
        Raises:
            OSError, UsageError: It cannot be changed.
        """
        named, _, other = before.rpartition(" ")
        if not named or not self._names_it(named, self.path(other)) or Path(named).parent.name != self.names.name:
            return
        with self._names_folder() as directory:
            if named != link:
                os.unlink(Path(named).name, dir_fd=directory)
            elif other != digest:
                self._replace(self.path(digest), Path(named).name, directory)

    def told(self, link: str) -> str:
        """A readable name as a path that can be opened; "" for none."""
        return str(self.names.parent / link) if link else ""

    def _in_names(self, name: str) -> str:
        return f"{self.names.name}/{name}"

    def _names_it(self, link: str, target: Path) -> bool:
        """Whether a readable name is still one of ours for *target*: users may have put something else there."""
        try:
            return os.path.samefile(self.names.parent / link, target)
        except OSError:
            return False

    def _make_link(self, target: Path, name: str, directory: int) -> None:
        try:
            os.link(target, name, dst_dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            os.symlink(os.path.relpath(target.resolve(), self.names.resolve()), name, dir_fd=directory)

    def _replace(self, target: Path, name: str, directory: int) -> None:
        passing = f".{name[:100]}.{os.getpid()}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(passing, dir_fd=directory)
        self._make_link(target, passing, directory)
        os.rename(passing, name, src_dir_fd=directory, dst_dir_fd=directory)
        with contextlib.suppress(FileNotFoundError):  # both were links to one file: rename did nothing
            os.unlink(passing, dir_fd=directory)

    @contextlib.contextmanager
    def _names_folder(self) -> Iterator[int]:
        self.names.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            directory = os.open(self.names, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise UsageError(
                    f"{self.names}: a symbolic link, or not a folder; no names are created through links"
                ) from None
            raise
        try:
            yield directory
        finally:
            os.close(directory)

    def unname(self, link: str, digest: str) -> None:
        """Take a readable name back, where it still is one for these bytes."""
        if link and self._names_it(link, self.path(digest)):
            (self.names.parent / link).unlink(missing_ok=True)

    # --- looking ----------------------------------------------------------------------------------------------------
    def stored(self) -> Iterator[Stored]:
        """All files that are named after their content."""
        for folder in _entries(self.root):
            if len(folder.name) == 2 and folder.is_dir(follow_symlinks=False):
                for entry in _entries(Path(folder.path)):
                    if _DIGEST.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        found = entry.stat(follow_symlinks=False)
                        yield Stored(entry.name, found.st_size, found.st_mtime, (found.st_dev, found.st_ino))

    def partials(self) -> Iterator[tuple[Path, int, float]]:
        """What is on its way, or was: path without suffix, bytes, and when it last changed."""
        seen: dict[str, tuple[int, float]] = {}
        for entry in _entries(self.root / PARTIAL):
            stem, _, suffix = entry.name.rpartition(".")
            if suffix in ("part", "json", "new") and entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                size, changed = seen.get(stem, (0, 0.0))
                seen[stem] = (size + (found.st_size if suffix == "part" else 0), max(changed, found.st_mtime))
        for stem, (size, changed) in sorted(seen.items()):
            yield self.root / PARTIAL / stem, size, changed


def hashed(file: BinaryIO) -> str:
    """The hash by which a file is named: SHA-256 of its bytes, in hexadecimal."""
    digest = hashlib.sha256()
    while piece := file.read(_CHUNK_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def folder_of(store: str, setting: str) -> Path:
    """The folder of the bytes: as the setting says, else beside the database."""
    if setting:
        return Path(setting)
    return (Path("data") if "://" in store else Path(store).parent) / "files"


def names_of(root: Path, spider: str) -> Path:
    """The folder of the readable names of a spider: beside that of the bytes."""
    return root.parent / (spider if spider != root.name else f"{spider}-names")


def folder_of_spider(settings: Settings, spider: str) -> FileFolder:
    """The files of the project, with the readable names of one spider."""
    root = folder_of(settings.store, settings.files)
    return FileFolder(root, names_of(root, spider), durable=settings.durability == "full")


def _is_copy(path: Path, digest: str) -> bool:
    """Whether a file has these bytes: a copy of a project (``cp -r``, a backup) has two files, for name and bytes."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and hashed(file) == digest
    except OSError:
        return False


def _is_taken(name: str, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
