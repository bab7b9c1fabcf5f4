"""Where the links of a page lead: as `urls.absolute` says, but quicker for links as most people write them.

Such a link is a path below the site, below a folder of the page or some folders up, or a whole address, of characters
that the WHATWG parser leaves alone. Text is then put together, and the parser has nothing to do. Pure, but for a
bounded memory of other links, which is safe from any thread.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from crawler.errors import InvalidURL
from crawler.urls import KEPT_PATH, KEPT_QUERY, KEPT_SEGMENT, absolute, in_charset, is_kept, root_of

_LONGEST: Final = 2_048  # characters of a link for the quick way
_LINK: Final = re.compile(
    rf"(?:(?!//)({KEPT_PATH}{KEPT_QUERY})"
    # no ":" in it, which may be the end of a scheme
    rf"|((?:\.\./)*+)(?:\./)?((?![^/?#]*:){KEPT_SEGMENT}(?:/(?:{KEPT_SEGMENT})?)*+{KEPT_QUERY}))(?:#[^\t\r\n]*)?",
    re.ASCII,
)
_FOLDER: Final = re.compile(KEPT_PATH, re.ASCII)


@lru_cache(maxsize=8_192)
def _slowly(base: str, charset: str, link: str) -> str:
    written = in_charset(link.strip(), charset)
    if written[:1] in ("", "#"):
        return ""
    try:
        return absolute(base, written).partition("#")[0]
    except InvalidURL:
        return ""


class Targets:
    """Resolves the links of one page. Safe from any thread.

    Args:
        base: URL that links are relative to; it need not be in WHATWG form.
        charset: Of the page, for queries outside of ASCII.
    Attributes:
        base, charset: As they were given.
        place: Pages with the same one give a link the same target, where it is not `of_page`.
        site: The same for links that are `of_site`.
    """

    __slots__ = ("_folder", "_folders", "_root", "_scheme", "base", "charset", "place", "site")

    def __init__(self, base: str, charset: str = "utf-8") -> None:
        self.base, self.charset = base, charset
        self._root = root_of(base)
        self._scheme = self._root.partition("//")[0]
        path = base.partition("#")[0].partition("?")[0]
        self._folder = path[: path.rindex("/") + 1] if self._root else base
        self.place, self.site = f"{charset} {self._folder}", f"{charset} {self._root}"
        self._folders = _up(self._root, self._folder) if self._root and len(base) < _LONGEST else ()

    def __call__(self, link: str) -> str:
        """The URL to fetch, without fragment; "" for what is no http or https URL, or only a fragment."""
        if link[:1] in ("", "#"):
            return ""
        folders, address = self._folders, ""
        if folders and len(link) < _LONGEST:
            found = _LINK.fullmatch(link)
            if found is not None:
                whole, up, rest = found.groups()
                if whole is not None:
                    return self._root + whole
                return (folders[min(len(up) // 3, len(folders) - 1)] if up else folders[0]) + rest
            scheme, colon, rest = link.partition("#")[0].partition(":")
            if not colon or scheme[:2] == "//":
                address = f"{self._scheme}{scheme}{colon}{rest}" if scheme[:2] == "//" else ""
            elif scheme.isascii() and scheme.isalpha():
                scheme = scheme.lower()
                if scheme not in ("http", "https"):
                    return ""
                host, slash, path = rest[2:].partition("/")
                address = (
                    f"{scheme}://{host.lower()}/{path}"
                    if slash and rest[:2] == "//" and host.isascii()
                    else f"{scheme}:{rest}"
                )
            if address and is_kept(address):
                return address
        base = self.base if not self._folders or of_page(link) else self._folder
        if len(link) < 512:
            return _slowly(base, self.charset, link)
        return _slowly.__wrapped__(base, self.charset, link)


def of_page(link: str) -> bool:
    """Whether it may lead elsewhere from another page of the same folder.

    "?x" does, and "http:" before anything but "//", which means the scheme of the page; white space may hide both.
    """
    first = link[:1]
    if first == "." or first == "/":
        return False
    return first <= " " or first == "?" or first.isspace() or (first in "hH" and "://" not in link[:8])


def of_site(link: str) -> bool:
    """Whether it leads to the same place from all pages of a site (and it is not `of_page`)."""
    return link[:1] == "/" or "://" in link[:8]


@lru_cache(maxsize=256)
def _up(root: str, folder: str) -> tuple[str, ...]:
    """The folder, the one above it and so on up to the root, as URLs; () where the parser would change it."""
    path = folder[folder.find("/", folder.find("//") + 2) :]
    if not _FOLDER.fullmatch(path):
        return ()
    folders = [root + path]
    while path != "/":
        path = path[: path.rindex("/", 0, -1) + 1]
        folders.append(root + path)
    return tuple(folders)
