"""File: a file to fetch and keep, as a spider asks for it. Plain values, stored with the request that fetches it."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Iterable, Mapping
from typing import Any

from crawler.errors import SpiderError
from crawler.request import Request

FILES_TABLE = "files"
#: columns of the row of a file that the crawl fills in
FILLED = ("url", "name", "path", "link", "hash", "size", "type", "width", "height")
_TYPE = re.compile(r"[\w.+-]+/(?:\*|[\w.+-]+)", re.ASCII)


class File(Request):
    """A file to fetch and keep: yield it from a callback, and it becomes a row with the fields that you give.

    It is fetched like a page: through its session, with the politeness, rules and retries of all requests. The row is
    stored with the file, in one transaction; besides your fields it has url, name, path, link, hash (SHA-256), size
    (bytes), type, and for images width and height.

    Args:
        url: Absolute http(s) URL.
        name: What the file is called in ``data/<spider>/``; None: what the server proposes, or the end of the URL.
        key: What identifies this file permanently, such as (invoice number, version): a file that is held is not
            requested again. A text, a number, or several of them.
        type: Media type that it must have, such as "application/pdf" or "image/*"; None: the type that the extension
            of the name or URL implies, if any.
        max_size: Largest size in bytes; None for the setting `max_file_size`.
        fields: More fields, including any named like an argument.
        headers: Added to the session's.
        priority: Higher goes first.
        session: Name of the session that fetches it; None inherits.
        more: Fields of the row.
    Raises:
        InvalidURL: Not an http(s) URL.
        SpiderError: An argument does not fit, or a field is one that the crawl fills in.
    """

    __slots__ = ()

    def __init__(
        self,
        url: str,
        name: str | None = None,
        *,
        key: Any = None,
        type: str | None = None,
        max_size: int | None = None,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        priority: int = 0,
        session: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(url, headers=headers, priority=priority, session=session)
        values = {**(fields or {}), **more}
        taken = sorted(set(FILLED).intersection(values))
        if taken:
            raise SpiderError(f"File({url!r}): {taken[0]!r} is filled in by the crawl; call the field something else")
        if type is not None and not all(map(_TYPE.fullmatch, re.split(r"\s*,\s*", type.strip()))):
            raise SpiderError(
                f"File({url!r}): type is a media type such as 'application/pdf' or 'image/*', not {type!r}"
            )
        if max_size is not None and (isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1):
            raise SpiderError(f"File({url!r}): max_size is a number of bytes, 1 or more, not {max_size!r}")
        if name is not None and not isinstance(name, str):
            raise SpiderError(f"File({url!r}): name is a text, not {name!r}")
        table = self.__class__.__dict__.get("__table__")
        self.file = {
            "table": table if isinstance(table, str) else FILES_TABLE if self.__class__ is File else _kind(self),
            "name": name or "",
            "key": _key(url, key),
            "type": type or "",
            "max_size": max_size or 0,
            "fields": values,
        }

    def __repr__(self) -> str:
        return f"<File {self.url}>"


def _kind(file: File) -> str:
    return type(file).__name__


def _key(url: str, key: Any) -> str:
    """The key as one text; "" for none. 7 and "7" are two keys."""
    if key is None:
        return ""
    parts = list(key) if isinstance(key, Iterable) and not isinstance(key, str | bytes | Mapping) else [key]
    for part in parts:
        if part is None or part == "" or not isinstance(part, str | int | float):
            raise SpiderError(
                f"File({url!r}): key is a text, a number, or several of them, and none may be missing: {key!r}"
            )
    if not parts:
        raise SpiderError(f"File({url!r}): key is empty")
    return json_module.dumps(parts, ensure_ascii=True, separators=(",", ":"))
