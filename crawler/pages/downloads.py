"""Saves files from answers: below the named folder, under a cleaned name, never over anything that is there.

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
from email.header import decode_header
from pathlib import Path
from typing import BinaryIO, Final, Literal
from urllib.parse import unquote_to_bytes

from crawler.errors import UsageError
from crawler.late_pattern import late_pattern
from crawler.pages.charsets import usable

IfThere = Literal["number", "keep", "replace"]

_LONGEST: Final = 150  #: characters of a name; every file system takes as many bytes in UTF-8 or less after cutting
_LONGEST_BYTES: Final = 200
_UNSAFE: Final = late_pattern(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+')
_DEVICES: Final = late_pattern(r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$|clock\$)(?=\.|\Z)", re.IGNORECASE)
_MOST_TWINS: Final = 10_000
#: one parameter of a header, also with blanks around "=", without its last quotation mark, or without quotation marks
_PARAMETER: Final = late_pattern(r"""([^\s;="]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"?[^;]*+|([^;]*+))""", re.DOTALL)
_BETWEEN: Final = late_pattern(r"[\s;]*+")
_QUOTED_PAIR: Final = late_pattern(r"""\\(["\\])""")  # others are the folders of a Windows path
_SECTION: Final = late_pattern(r"filename\*(\d{1,3})(\*?)", re.IGNORECASE)
_LANGUAGE: Final = late_pattern(r"[A-Za-z0-9-]*")


def clean_name(text: str) -> str:
    """A name that is valid everywhere: no folder, no control character, no device, not hidden, not too long.

    Escapes are undone first, as often as there are some: ``..%252f`` is a way up, too.
    """
    for _ in range(5):
        undone = _unescaped(text) if "%" in text else text
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


def _unescaped(text: str) -> str:
    """Without percent-escapes: they stand for UTF-8, or for windows-1252 where they are not UTF-8."""
    return _as_text(unquote_to_bytes(text.encode("utf-8", "replace")))


def _as_text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "crawler.c1")


def name_of(url: str, content_disposition: str | None) -> str:
    """The name that a server proposes, or the last part of the address; cleaned."""
    proposed = proposed_name(content_disposition) if content_disposition else None
    return clean_name(proposed or url.partition("?")[0].partition("#")[0].partition("://")[2].partition("/")[2])


def proposed_name(content_disposition: str) -> str | None:
    """The name in a Content-Disposition header, as it was meant; None when there is none. It may hold anything.

    ``filename*`` counts before ``filename``, wherever they stand; in pieces (``filename*0``) before plain. Bytes beyond
    ASCII are UTF-8 where they can be, else latin-1, as in browsers.

    Args:
        content_disposition: The value, each byte a character, as HTTP headers are read.

    Source: RFC 6266, section 4.3; RFC 8187; RFC 2231, section 3; RFC 2047 for mail programs that write it here.
    """
    found: dict[str, str] = {}
    pieces: dict[int, tuple[str, bool]] = {}
    at = 0
    while at < len(content_disposition):
        between = _BETWEEN.match(content_disposition, at)
        at = between.end() if between else at
        parameter = _PARAMETER.match(content_disposition, at)
        if parameter is None:
            at = content_disposition.find(";", at) + 1
            if not at:
                break
            continue
        at = parameter.end()
        value = parameter[3].strip() if parameter[2] is None else _QUOTED_PAIR.sub(r"\1", parameter[2])
        section = _SECTION.fullmatch(parameter[1])
        if section is not None:
            pieces.setdefault(int(section[1]), (value, bool(section[2])))
        else:
            found.setdefault(parameter[1].lower(), value)
    plain = found.get("filename", "")
    extended = found.get("filename*", "")
    return (
        _of_extended(extended)
        or _of_pieces(pieces)
        or _of_encoded_words(plain)
        or _of_raw(plain)
        or _of_raw(extended)
        or None
    )


def _of_extended(value: str) -> str | None:
    """The text of ``UTF-8'en'%e2%82%ac``; None where it does not have that form, or is not in its charset."""
    charset, _, rest = value.partition("'")
    language, quote, escaped = rest.partition("'")
    codec = usable(charset) if charset else "utf-8"
    if not quote or codec is None or _LANGUAGE.fullmatch(language) is None:
        return None
    try:
        return _raw(escaped, unescape=True).decode(codec)
    except UnicodeDecodeError:
        return None


def _of_pieces(pieces: dict[int, tuple[str, bool]]) -> str | None:
    """``filename*0*=UTF-8''a; filename*1=b``, up to the first number that is missing."""
    charset, whole = "utf-8", b""
    for number in range(len(pieces)):
        if number not in pieces:
            break
        value, is_escaped = pieces[number]
        if is_escaped and not number:
            said, _, rest = value.partition("'")
            charset, value = usable(said) or "utf-8", rest.partition("'")[2]
        whole += _raw(value, unescape=is_escaped)
    try:
        return whole.decode(charset)
    except UnicodeDecodeError:
        return _as_text(whole)


def _of_encoded_words(value: str) -> str | None:
    if "=?" not in value or len(value) > 1_000:
        return None
    try:
        parts = decode_header(value)
        return "".join(
            part if isinstance(part, str) else part.decode(usable(charset or "ascii") or "utf-8")
            for part, charset in parts
        )
    except (ValueError, LookupError):  # not base64, or not in the charset that it names
        return None


def _of_raw(value: str) -> str:
    return _as_text(_raw(value, unescape=False))


def _raw(value: str, *, unescape: bool) -> bytes:
    """The bytes that were sent; text that was decoded already becomes UTF-8."""
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        raw = value.encode("utf-8", "replace")
    return unquote_to_bytes(raw) if unescape else raw


@contextmanager
def new_file(folder: Path | str, name: str) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in *folder*, mode 0600; where the name is taken, ``name-2.txt`` and so on.

    Args:
        folder: Made if it does not exist, mode 0700. It may not be a symbolic link.
        name: Cleaned here.
    Yields:
        The open file and its path. After an error the file is gone.
    Raises:
        UsageError: The folder is a link or not a folder, or too many files have that name.
    """
    place = Path(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise UsageError(f"{place}: a symbolic link, or not a folder; files are not saved through links") from None
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


def saved(folder: Path | str, name: str, body: bytes, if_there: IfThere = "number") -> Path:
    """Write *body* to a file in *folder*, whole or not at all.

    Args:
        name: Cleaned here.
        if_there: Where the name is taken: "number" chooses another one, "keep" leaves what is there and writes nothing,
            "replace" puts the new file in its place.
    Returns:
        The path of the file; with "keep", of the one that was there.
    Raises:
        UsageError: The folder is a symbolic link, or not a folder; *if_there* is none of these; a folder has that name.
    """
    if if_there not in ("number", "keep", "replace"):
        raise UsageError(f"if_there must be 'number', 'keep' or 'replace', not {if_there!r}")
    target = Path(folder) / clean_name(name)
    if if_there == "keep" and os.path.lexists(target):
        if not target.is_symlink() and target.is_dir():
            raise UsageError(f"{target}: a folder has that name")
        return target
    if if_there != "replace":
        with new_file(folder, name) as (file, path):
            file.write(body)
        return path
    with new_file(folder, f"{target.name[:100]}.new") as (file, path):
        file.write(body)
        file.flush()
        try:
            os.replace(path, target)
        except IsADirectoryError:
            raise UsageError(f"{target}: a folder has that name") from None
    return target


def _made(directory: int, name: str, place: Path) -> tuple[str, int]:
    for chosen in twins(name):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return chosen, os.open(chosen, flags, 0o600, dir_fd=directory)
        except FileExistsError:
            continue
    raise UsageError(f"{place}: {_MOST_TWINS} files are named like {name!r}")


def renamed(path: Path, name: str) -> Path:
    """Give a new file another name in its folder, again without overwriting; unchanged where that cannot be done.

    Args:
        name: Cleaned here.
    """
    wanted = clean_name(name)
    if wanted == path.name:
        return path
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for chosen in twins(wanted):
            try:
                os.link(path.name, chosen, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
            except FileExistsError:
                continue
            except OSError:  # a file system without hard links
                return path
            os.unlink(path.name, dir_fd=directory)
            return path.with_name(chosen)
    finally:
        os.close(directory)
    return path


def twins(name: str) -> Iterator[str]:
    """*name*, then ``name-2.txt`` and so on."""
    stem, dot, suffix = name.rpartition(".")
    stem, ending = (stem, f".{suffix}") if dot and stem else (name, "")
    yield name
    for number in range(2, _MOST_TWINS):
        yield f"{stem}-{number}{ending}"
