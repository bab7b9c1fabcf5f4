"""What an answer below 400 is worth when it is not the page: pure.

304 says "use what you have", and 206 "here is the part that you wanted": where that was not asked for, the first is not
a page, and the second may be half of one. A redirect that names no address is what it shows: browsers show its text,
and where it has none, nothing came. An empty page is a page; since a text is expected there, it is reported.

Source: RFC 9110 sections 13, 14 and 15.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

EMPTY: Final = "an empty answer"  #: begins what is noted of a page without a character
_ASKS_WHETHER: Final = frozenset(("if-none-match", "if-modified-since"))
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})\Z")
_NOT_MODIFIED: Final = 304
_PART: Final = 206
_MAY_BE_EMPTY: Final = (204, 205, _NOT_MODIFIED)


def asked_whether(sent: Mapping[str, str | bytes]) -> bool:
    """Whether a request with these headers asks for a page only if it has changed."""
    return not _ASKS_WHETHER.isdisjoint(name.lower() for name in sent)


def no_page(status: int, sent: Mapping[str, str | bytes], *, is_empty: bool) -> bool:
    """Whether an answer with *status* below 400 to a request with the headers *sent* is not a page that can be kept."""
    if status == _NOT_MODIFIED:
        return not asked_whether(sent)
    return 300 <= status < 400 and is_empty


def odd_about(status: int, sent: Mapping[str, str | bytes], came: Mapping[str, str], body: bytes) -> str:
    """What to report about a page that is kept; "" for nothing.

    Args:
        sent, came: Headers of the request and of its answer.
    """
    if status == _PART and not any(name.lower() == "range" for name in sent):
        return (
            "" if _is_whole(came.get("content-range", "")) else "a part of the page: status 206 without a range request"
        )
    if status in _MAY_BE_EMPTY:
        return ""
    if status >= 300:
        return f"status {status}, and no address to go on to"
    return "" if body and not body[:64].isspace() else _of_nothing(status, body)


def _of_nothing(status: int, body: bytes) -> str:
    return "" if body.strip() else f"{EMPTY}: status {status} and not one character"


def _is_whole(content_range: str) -> bool:
    found = _RANGE.match(content_range.strip())
    return found is not None and int(found[1]) == 0 and int(found[2]) + 1 == int(found[3])
