"""Small decisions about files: which type one must have, how it is requested, and what its row is. Pure."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from crawler.fetching.file_asking import Validators, if_changed, the_rest
from crawler.fetching.limits import Limits
from crawler.files import FILES_TABLE
from crawler.outcome import FileRow, ItemRow
from crawler.pages.kinds import MARKUP_TYPES
from crawler.pages.partials import Partial
from crawler.quick_dataclass import quick_dataclass
from crawler.records import key_of
from crawler.request import Request
from crawler.response import Response

_PAGE_ENDINGS = frozenset({".html", ".htm", ".xhtml", ".php", ".asp", ".aspx", ".jsp", ".cgi", ".do", ".xml", ".txt"})


@quick_dataclass
class FileRules:
    """What files of a run may be.

    Attributes:
        limits: Of one try.
        max_pixels: Of an image.
        instead: Is shown a web page that came in place of a file. May raise QuotaSpent.
    """

    limits: Limits
    max_pixels: int
    instead: Callable[[Response], None]


def wanted_type(spec: dict[str, Any], url: str) -> tuple[str, bool]:
    """The media types that a file must have, "" for any; and whether the spider has said so.

    A type implied only by the file extension rules out pages that come in its place, and nothing else.
    """
    if spec.get("type"):
        return str(spec["type"]).lower(), True
    for name in (str(spec.get("name") or ""), urlsplit(url).path):
        ending = name[name.rfind(".") :].lower() if "." in name.rpartition("/")[2] else ""
        if ending and ending not in _PAGE_ENDINGS and (guess := mimetypes.guess_type(f"x{ending}")[0]):
            return guess, False
    return "", False


def wants_markup(wanted: str) -> bool:
    """Whether a web page is what is wanted."""
    return any(each.strip() in MARKUP_TYPES or each.strip() == "text/*" for each in wanted.split(","))


def conditions_of(partial: Partial, at_url: FileRow | None) -> tuple[dict[str, str], int]:
    """The headers of the next sending, and the byte from which it requests.

    Args:
        at_url: The version that is held of this URL.
    """
    state = partial.state
    if partial.is_whole:
        return if_changed(Validators(state.etag, state.modified)), 0
    rest = the_rest(Validators(state.etag, state.modified, state.is_dated), partial.size_bytes)
    if rest:
        return rest, partial.size_bytes
    if at_url is not None:
        return if_changed(Validators(at_url.etag, at_url.modified)), 0
    return {}, 0


def can_go_on(partial: Partial) -> bool:
    """Whether a later try can continue where this one was cut."""
    state = partial.state
    return bool(Validators(state.etag, state.modified, state.is_dated).for_range)


def key_text_of(request: Request) -> str:
    """The key of a file as it is stored, "" for none."""
    return str((request.file or {}).get("key") or "")


# --- items ------------------------------------------------------------------------------------------------------------


def item_of(
    request: Request, file: FileRow, places: tuple[str, str], keys: Mapping[str, Sequence[str]], session: str
) -> ItemRow:
    """The row of a file: the fields of the spider, and what is known of the file.

    Args:
        places: Where it is, and its readable name.
        keys: `Spider.keys`.
        session: Name of the session that fetched it, which may be part of a key.
    """
    path, link = places
    spec: dict[str, Any] = request.file or {}
    fields = dict(spec.get("fields") or {})
    fields |= {
        "url": request.url,
        "name": file.name,
        "path": path,
        "link": link,
        "hash": file.hash,
        "size": file.size_bytes,
        "type": file.type,
        "width": file.width,
        "height": file.height,
    }
    table = str(spec.get("table") or FILES_TABLE)
    named = keys.get(table)
    return ItemRow(table, fields, key_of(fields, named, session) if named else "")
