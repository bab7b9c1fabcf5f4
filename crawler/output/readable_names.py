"""Whether the readable names of files lead to what their rows say. A user who reads them gets no older version.

A name belongs to the newest row that has it, and is right if that is the newest version of its URL. Any other one is
stale: no row has it any more (its row was taken back with the page), a later version of its file got another name, or
it leads to other bytes. Only names that lead to our own files are looked at; all else in the folder is the user's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from crawler.pages.file_folder import FileFolder, Stored, names_of
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.told import HeldFile


@quick_dataclass
class StaleName:
    """A readable name that does not lead to the newest version of a file.

    Attributes:
        spider: Whose name it is.
        link: The name, relative to the folder above.
        leads_to: Hash of the bytes that it leads to.
        right: Hash of those that it should lead to; "" where the name is of no more use.
        misleads: They are not the newest version of any file. Else it is a further name of one, as a kill leaves it
            between a name and its row.
    """

    spider: str
    link: str
    leads_to: str
    right: str
    misleads: bool = True


def stale_names(
    rows: Iterable[HeldFile], there: Iterable[Stored], folder: FileFolder, on_the_way: Collection[str]
) -> list[StaleName]:
    """The readable names that do not lead where they should, of all spiders that *rows* name.

    Args:
        rows: Oldest first.
        there: The files in the folder.
        on_the_way: Names that were made for files whose rows are not committed.
    """
    places = {each.place: each.hash for each in there}
    newest: dict[tuple[str, str, str], tuple[str, str]] = {}  # a file to name and hash of its newest version
    owner: dict[str, tuple[str, str, str]] = {}  # a name to the file that had it last
    for row in rows:
        file = row.spider, row.session, row.url
        newest[file] = row.link, row.hash
        if row.link:
            owner[row.link] = file
    newest_bytes = {digest for _, digest in newest.values()}
    found = []
    for spider in sorted({spider for spider, _, _ in newest}):
        for link, digest in _names(names_of(folder.root, spider), places):
            named, right = newest[owner[link]] if link in owner else ("", "")
            right = right if named in ("", link) else ""
            if digest != right and link not in on_the_way:
                misleads = bool(right) or digest not in newest_bytes
                found.append(StaleName(spider, link, digest, right, misleads))
    return sorted(found, key=lambda each: each.link)


def _names(names: Path, places: Mapping[tuple[int, int], str]) -> Iterator[tuple[str, str]]:
    """All names in a folder that lead to one of our files, and its hash; what users put there is left out."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(names) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found = entry.stat()
                digest = places.get((found.st_dev, found.st_ino))
                if digest is not None:
                    yield f"{names.name}/{entry.name}", digest


def mend(folder: FileFolder, stale: StaleName) -> None:
    """Let the name lead to the right version, or remove it. Raises OSError, UsageError."""
    of_spider = FileFolder(folder.root, names_of(folder.root, stale.spider))
    of_spider.point(f"{stale.link} {stale.leads_to}", stale.link if stale.right else "", stale.right)
