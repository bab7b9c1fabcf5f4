"""Files out of answers: below the folder that was named, under a cleaned name, never over anything that is there.

Name and content come from the network, so neither may choose a place: a name loses its folders, its control characters
and what some system takes for a device; the folder is opened without following links, and each file is made new in it.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote

from crawler.errors import UsageError

_LONGEST: Final = 150  #: characters of a name; every file system takes as many bytes in UTF-8 or less after cutting
_LONGEST_BYTES: Final = 200
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+')
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$|clock\$)(?=\.|\Z)", re.IGNORECASE)
_MOST_TWINS: Final = 10_000


def clean_name(text: str) -> str:
    """A name that is a name everywhere: no folder, no control character, no device, not hidden, not too long.

    Escapes are undone first, as often as there are some: ``..%252f`` is a way up, too.
    """
    for _ in range(5):
        undone = unquote(text, errors="replace")
        if undone == text:
            break
        text = undone
    last = re.split(r"[/\\]", unicodedata.normalize("NFKC", text))[-1]
    name = _UNSAFE.sub("_", last).strip(" .\u00a0")
    if _DEVICES.match(name):
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 12:
        stem, suffix = name, ""
    stem = stem[: _LONGEST - len(suffix)]
    while len(f"{stem}.{suffix}".encode()) > _LONGEST_BYTES:
        stem = stem[:-1]
    name = f"{stem}.{suffix}" if suffix else stem
    return name.strip(" .") or "file"


def name_of(url: str, content_disposition: str | None) -> str:
    """The name that a server proposes, or the last part of the address; cleaned."""
    if content_disposition:
        message = Message()
        message["Content-Disposition"] = content_disposition.replace("\r", " ").replace("\n", " ")[:4_096]
        try:
            proposed = message.get_filename()
        except (ValueError, LookupError, TypeError):  # a charset that is none, or escapes that are none
            proposed = None
        if proposed:
            return clean_name(proposed)
    return clean_name(url.partition("?")[0].partition("#")[0].partition("://")[2].partition("/")[2])


@contextmanager
def new_file(folder: Path | str, name: str) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in *folder*, mode 0600; where the name is taken, ``name-2.txt`` and so on.

    Args:
        folder: Made where it is not there, mode 0700. It may not be a symbolic link.
        name: Cleaned here.
    Yields:
        The open file and its path. After an error the file is gone.
    Raises:
        UsageError: The folder is a link or no folder, or too many files have that name.
    """
    place = Path(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise UsageError(f"{place}: a symbolic link, or no folder; files are not saved through links") from None
        raise
    try:
        chosen, descriptor = _made(directory, clean_name(name), place)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file, place / chosen
        except BaseException:
            os.unlink(chosen, dir_fd=directory)
            raise
    finally:
        os.close(directory)


def _made(directory: int, name: str, place: Path) -> tuple[str, int]:
    stem, dot, suffix = name.rpartition(".")
    stem, ending = (stem, f".{suffix}") if dot and stem else (name, "")
    for number in range(1, _MOST_TWINS):
        chosen = name if number == 1 else f"{stem}-{number}{ending}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return chosen, os.open(chosen, flags, 0o600, dir_fd=directory)
        except FileExistsError:
            continue
    raise UsageError(f"{place}: {_MOST_TWINS} files are named like {name!r}")
