"""Where an answer in JSON says what comes next: the address of the next page, its number, or a cursor. Pure.

A page that is the last one says ``"next": null``. Which of the three it would say is told by what stands beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from crawler.authoring.repeating import quoted
from crawler.quick_dataclass import quick_dataclass

_ADDRESSES: Final = (
    "next",
    "next_url",
    "nextUrl",
    "next_page",
    "nextPage",
    "next_page_url",
    "nextLink",
    "@odata.nextLink",
)
_NUMBERS: Final = ("next", "next_page", "nextPage")  # may be a number as well as an address
_ARGUMENTS: Final = (
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "next_token",
    "nextToken",
    "next_page_number",
    "nextPageNumber",
    "next_offset",
    "nextOffset",
    "cursor",
)
_AROUND: Final = ("links", "_links", "paging", "pagination", "meta")
_BEFORE: Final = re.compile(r"prev", re.IGNORECASE)
_THIS_PAGE: Final = ("page", "page_number", "pageNumber", "current_page", "currentPage")


@quick_dataclass
class NextInJson:
    """What an answer says of the next page.

    Attributes:
        value: The expression for it, from ``data``.
        argument: The argument of the URL that takes it; "" for an address.
        empty: What stands there on this page if that is nothing, as JSON: ``null``; "" where something stands there.
        condition: The expression that says whether there is a next page; "": its value says so.
    """

    value: str
    argument: str = ""
    empty: str = ""
    condition: str = ""


def find_next_in_json(data: Any) -> NextInJson | None:
    """What says where the next page is; None if nothing does. What has a value on this page comes first."""
    found = list(_found(data, "data"))
    return min(found, key=lambda each: (bool(each.empty), bool(each.argument)), default=None)


def _found(data: Any, before: str) -> Iterator[NextInJson]:
    if not isinstance(data, Mapping):
        return
    for name in (*_ADDRESSES, *_ARGUMENTS):
        if name in data and (kind := _kind(name, data)) is not None:
            argument = "" if kind == "address" else _argument(name)
            yield NextInJson(f"{before}.get({quoted(name)})", argument, _empty(data[name]))
    for name in _AROUND:
        inner = data.get(name)
        place = f"{before}[{quoted(name)}]"
        if isinstance(inner, Mapping):
            link = inner.get("next")
            if isinstance(link, Mapping) and "href" in link and (_is_address(link["href"]) or _empty(link["href"])):
                yield NextInJson(f'({place}.get("next") or {{}}).get("href")', empty=_empty(link["href"]))
            elif link is None and "next" in inner and any(_has_address(each) for each in inner.values()):
                yield NextInJson(f'({place}.get("next") or {{}}).get("href")', empty="null")
            else:
                yield from _found(inner, place)


def _kind(name: str, data: Mapping[str, Any]) -> str | None:
    """ "address" or "argument": how the value of *name* is asked for; None where it says nothing of a next page."""
    value = data[name]
    if name in _ARGUMENTS:
        return "argument" if _is_number(value) or isinstance(value, str) or _empty(value) else None
    if _is_address(value):
        return "address"
    if not _empty(value):
        return "argument" if name in _NUMBERS and _is_number(value) else None
    if name not in _NUMBERS:
        return "address"
    others = [other for each, other in data.items() if _BEFORE.match(each) and not _empty(other)]
    if others:
        return "argument" if all(map(_is_number, others)) else "address"
    return "argument" if name != "next" and any(_is_number(data.get(each)) for each in _THIS_PAGE) else "address"


def _argument(name: str) -> str:
    """The argument that takes it, by its name: ``page`` for ``next_page``, ``pageToken`` for ``nextPageToken``."""
    bare = re.sub(r"\Anext_?", "", name)
    bare = bare[:1].lower() + bare[1:]
    return {"": "page", "page_number": "page", "pageNumber": "page"}.get(bare, bare)


def _empty(value: Any) -> str:
    """As JSON, what stands for nothing; "" for anything else."""
    return json.dumps(value) if value is None or value is False or value == "" else ""


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and ("/" in value or value.startswith("?"))


def _has_address(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_address(value.get("href"))


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdigit())
