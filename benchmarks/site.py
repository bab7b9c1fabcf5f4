"""The sites that the contenders crawl, as files on disk, and the items that are on them.

There are three, so that no contender is tuned to one: a shop of similar pages, a market with all kinds of links and
tables, and a journal of pages from 5 to 100 kB. Everything follows from the number of pages and the port, so that two
machines have the same sites.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from benchmarks.shapes import journal, market, shop


class Shape(Protocol):
    """The content of a site, for a given number of pages and the address at which it is served.

    Attributes:
        FORM: Changes whenever the pages change, so that an old folder is not used for a new site.
        FIELDS: Fields of an item.
        HEADERS: Headers that the server adds to each answer.
        COOKIES: Set-Cookie lines that it adds to answers for paths that `SETS_COOKIES` (a regular expression,
            "" for none) fits.
        pages: Number of pages that can be reached from ``/index.html``.
        details: Number of these pages that have an item.
    """

    FORM: ClassVar[int]
    FIELDS: ClassVar[tuple[str, ...]]
    HEADERS: ClassVar[tuple[tuple[str, str], ...]]
    COOKIES: ClassVar[tuple[str, ...]]
    SETS_COOKIES: ClassVar[str]
    pages: int
    details: int

    def files(self) -> Iterator[tuple[str, str]]:
        """Path and text of every file."""
        ...

    def item(self, number: int) -> dict[str, str]:
        """The fields of a detail page."""
        ...

    def is_compressed(self, path: str) -> bool:
        """Whether the server sends the file as gzip."""
        ...


SHAPES = {"shop": shop.Shape, "market": market.Shape, "journal": journal.Shape}


@dataclass(frozen=True, slots=True)
class Site:
    """A generated site.

    Attributes:
        root: Folder to be served.
        pages: Number of pages that can be reached from ``/index.html``.
        items: Number of detail pages among them.
        digest: Digest of all items with their fields, independent of their order.
        kind: Its shape.
    """

    root: Path
    pages: int
    items: int
    digest: str
    kind: type[Shape]


def digest_of(items: Iterable[dict[str, Any]], fields: Sequence[str], copies: int = 1) -> tuple[int, str]:
    """Number and digest of items, independent of their order.

    Args:
        copies: How often each item has to occur; otherwise the digest is "uneven".
    """
    lines = Counter(json.dumps([item.get(field) for field in fields], ensure_ascii=False) for item in items)
    if set(lines.values()) - {copies}:
        return lines.total(), "uneven"
    return lines.total(), hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=16).hexdigest()


def make(folder: Path, name: str, pages: int, port: int) -> Site:
    """The site *name* of about *pages* pages below *folder*, for a server on *port*; made only if it does not exist."""
    kind = SHAPES[name]
    root = folder / f"{name}-{pages}-{kind.FORM}-{port}"
    note = root.parent / f"{root.name}.json"
    if not note.exists():
        shape = kind(pages, f"127.0.0.1:{port}")
        shutil.rmtree(root, ignore_errors=True)
        for path, text in shape.files():
            _write(root / path, text.encode(), shape.is_compressed(path))
        number, digest = digest_of(map(shape.item, range(shape.details)), kind.FIELDS)
        note.write_text(json.dumps({"pages": shape.pages, "items": number, "digest": digest}))
    known = json.loads(note.read_text())
    return Site(root, known["pages"], known["items"], known["digest"], kind)


def _write(file: Path, content: bytes, compressed: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    if compressed:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content, 5, mtime=0))
