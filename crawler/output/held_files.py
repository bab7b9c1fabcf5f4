"""Whether the files of a project agree with the rows that describe them; and removing what is not needed.

A file is put in its place just before its row is committed. What a kill leaves between the two is *on its way*: the
notes beside the partial files record it, and the next try takes it over.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from crawler.output.readable_names import mend, stale_names
from crawler.pages.file_folder import FileFolder, Stored, hashed
from crawler.pages.partials import read_state
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base_results import FileStore
from crawler.stores.told import HeldFile

OLD_S = 7 * 86_400.0  #: after which a partial file is not continued any more


@quick_dataclass
class FileAudit:
    """How files and rows agree.

    Attributes:
        rows: Versions of files that are held, for the spider in question.
        size_bytes: Of these, each content once.
        missing: Of these rows, those whose file is not there.
        damaged: Those whose file has another size (or other content, where that was checked).
        without_row: Files in the whole folder that have no row and are not on their way.
        stale: Readable names that do not lead to the newest version of their file.
        on_the_way: Partial files, and those that the next try takes over.
    """

    rows: int
    size_bytes: int
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    without_row: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    on_the_way: int = 0

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each kind of thing that does not agree."""
        return (
            *_counted(self.missing, "is missing", "are missing", "the next crawl fetches what it meets again"),
            *_counted(self.damaged, "does not match its row", "do not match their rows", "remove them"),
            *_counted(self.without_row, "has no row", "have no row", "`crawl files prune` removes them"),
            *_stale(self.stale),
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "rows": self.rows,
            "size_bytes": self.size_bytes,
            "missing": len(self.missing),
            "damaged": len(self.damaged),
            "without_row": len(self.without_row),
            "stale_names": len(self.stale),
            "on_the_way": self.on_the_way,
        }


def audit_files(source: FileStore, folder: FileFolder, spider: str | None = None, *, read: bool = False) -> FileAudit:
    """Compare rows and files.

    Args:
        spider: Whose rows; those of all spiders for None.
        read: Read each file, and compare its hash.
    """
    there = {each.hash: each for each in folder.stored()}
    notes, links = _notes(folder)
    known: set[str] = set()
    checked: dict[str, int] = {}
    missing: dict[str, None] = {}
    damaged: dict[str, None] = {}
    rows = 0
    for held in source.all():
        known.add(held.hash)
        if spider is not None and held.spider != spider:
            continue
        rows += 1
        stored = there.get(held.hash)
        if stored is None:
            missing[held.hash] = None
        elif held.hash not in checked and _is_damaged(folder, held, stored, read):
            damaged[held.hash] = None
        checked[held.hash] = held.size_bytes
    without_row = [digest for digest in there if digest not in known and digest not in notes.values()]
    names = stale_names(source.all(spider), there.values(), folder, links)
    stale = tuple(each.link for each in names if each.misleads)
    size_bytes = sum(checked.values())
    return FileAudit(rows, size_bytes, tuple(missing), tuple(damaged), tuple(sorted(without_row)), stale, len(notes))


def _is_damaged(folder: FileFolder, held: HeldFile, stored: Stored, read: bool) -> bool:
    if stored.size_bytes != held.size_bytes:
        return True
    if not read:
        return False
    with open(folder.path(held.hash), "rb") as file:
        return hashed(file) != held.hash


def _notes(folder: FileFolder) -> tuple[dict[Path, str], set[str]]:
    """What is on its way: path without suffix to the hash that was noted, "" for none; and the readable names made."""
    found, links = {}, set()
    for stem, _, _ in folder.partials():
        state = read_state(stem.with_suffix(".json"))
        found[stem] = state.hash if state is not None else ""
        if state is not None and state.link:
            links.add(state.link)
    return found, links


@quick_dataclass
class Pruned:
    """What was removed, or would be.

    Attributes:
        files: Files without a row.
        partials: Partial files that are not continued any more.
        size_bytes: Of both together.
        names: Readable names that did not lead to the newest version of their file: mended, or removed.
    """

    files: int
    partials: int
    size_bytes: int
    names: int = 0


def prune(source: FileStore, folder: FileFolder, *, now: float, older_than_s: float, really: bool = True) -> Pruned:
    """Remove files without a row, and partial files unchanged for that long. Crawls may go on meanwhile.

    Readable names that lead to an older version are mended, and removed where no newest version has them. Files are
    listed before the notes are read, and the rows last: what is being committed is in one of these. A name is looked up
    again just before it is touched.

    Args:
        older_than_s: 0 for all partial files that no running crawl works on.
        really: False only counts.
    """
    there = list(folder.stored())
    files = partials = size_bytes = 0
    for stem, size, changed in folder.partials():
        if now - changed >= older_than_s and _drop_partial(source, folder, stem, really=really):
            partials += 1
            size_bytes += size
    notes, links = _notes(folder)
    on_the_way = set(notes.values())
    stale = stale_names(source.all(), there, folder, links)
    known = {held.hash for held in source.all()}
    for each in stale if really else ():
        mend(folder, each)
    for stored in there:
        if stored.hash not in known and stored.hash not in on_the_way:
            files += 1
            size_bytes += stored.size_bytes
            if really:
                folder.path(stored.hash).unlink(missing_ok=True)
    return Pruned(files, partials, size_bytes, len(stale))


def tidy(source: FileStore, folder: FileFolder, *, now: float) -> None:
    """At the start of a run: remove what a kill has left over from committed files, and what is very old."""
    leftovers = [(stem, changed) for stem, _, changed in folder.partials()]
    if not leftovers:
        return
    known = {(held.url, held.hash) for held in source.all()}
    for stem, changed in leftovers:
        state = read_state(stem.with_suffix(".json"))
        is_done = _is_placed(stem) if state is None else (state.url, state.hash) in known
        if is_done or now - changed >= OLD_S:
            _drop_partial(source, folder, stem, really=True)


def _is_placed(stem: Path) -> bool:
    """Whether a partial file has been put in its place: its bytes have a second name there."""
    try:
        return os.stat(stem.with_suffix(".part"), follow_symlinks=False).st_nlink > 1
    except OSError:
        return False


def _drop_partial(source: FileStore, folder: FileFolder, stem: Path, *, really: bool) -> bool:
    """Remove one partial file with its notes, unless it is in use."""
    part, notes = stem.with_suffix(".part"), stem.with_suffix(".json")
    try:
        descriptor = os.open(part, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if really:
            state = read_state(notes)
            if state is not None and state.hash and not any(each.link == state.link for each in source.all()):
                folder.unname(state.link, state.hash)
            notes.unlink(missing_ok=True)
            stem.with_suffix(".new").unlink(missing_ok=True)
            part.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _stale(links: tuple[str, ...]) -> tuple[str, ...]:
    if not links:
        return ()
    do = "name does" if len(links) == 1 else "names do"
    what = f"{len(links):,} readable {do} not lead to the newest version of a file ({links[0]})"
    return (f"{what}; `crawl files prune` mends them",)


def _counted(found: tuple[str, ...], one: str, several: str, hint: str) -> tuple[str, ...]:
    if not found:
        return ()
    what = f"file {one}" if len(found) == 1 else f"files {several}"
    return (f"{len(found):,} {what} ({found[0][:12]}...); {hint}",)
