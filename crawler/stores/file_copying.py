"""Copies the bytes of files along with a store: each content once, checked on the way, never in part."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import field
from pathlib import Path

from crawler.pages.file_folder import FileFolder, names_of
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.told import HeldFile


@quick_dataclass(frozen=False)
class FilesCopied:
    """What became of the files of a store.

    Attributes:
        copied, there: Contents that were copied, and that were there already.
        lacking: URLs of files whose bytes are missing from the source's folder, or have changed.
        shared: Both stores use one folder: there was nothing to copy.
    """

    source: Path
    target: Path
    copied: int = 0
    there: int = 0
    lacking: list[str] = field(default_factory=list)
    shared: bool = False


def copy_files(held: Iterable[HeldFile], source: Path, target: Path) -> FilesCopied:
    """Copy the bytes of files, and their readable names, from one folder into another.

    Args:
        held: Rows of the copied store.
        source, target: Folders of the bytes (``data/files``).
    Raises:
        OSError: The target cannot be written; what was copied before stays, and is used at the next try.
    """
    done = FilesCopied(source, target, shared=source.resolve() == target.resolve())
    if done.shared:
        return done
    known: dict[str, bool] = {}
    for each in held:
        before, after = (FileFolder(root, names_of(root, each.spider)) for root in (source, target))
        if each.hash not in known:
            if after.has(each.hash, each.size_bytes):
                done.there += 1
                known[each.hash] = True
            else:
                known[each.hash] = _copied(before.path(each.hash), after.path(each.hash), each.hash)
                done.copied += known[each.hash]
        if not known[each.hash]:
            done.lacking.append(each.url)
        elif each.link and ".." not in Path(each.link).parts and not Path(each.link).is_absolute():
            _name(after.path(each.hash), target.parent / each.link)
    return done


def _copied(source: Path, target: Path, digest: str) -> bool:
    """Whether the bytes are now in their place: they were at the source, and match their name."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.copy-{os.getpid()}")
    try:
        try:
            with open(source, "rb") as given, open(half, "wb") as taken:
                shutil.copyfileobj(given, taken, 1 << 20)
        except FileNotFoundError:
            return False
        with open(half, "rb") as taken:
            if hashlib.file_digest(taken, "sha256").hexdigest() != digest:
                return False
        half.chmod(0o400)
        half.replace(target)
        return True
    finally:
        half.unlink(missing_ok=True)


def _name(content: Path, name: Path) -> None:
    """Give a content a readable name; an existing one stays."""
    name.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(content, name)
    except FileExistsError:
        return
    except OSError:
        name.symlink_to(os.path.relpath(content, name.parent))
