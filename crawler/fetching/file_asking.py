"""How to ask for a file so that nothing is fetched twice: conditions and ranges. Pure.

Source: RFC 9110, sections 8.8 (validators), 13.1 (conditions) and 14 (ranges).
"""

from __future__ import annotations

import email.utils
import re

from crawler.quick_dataclass import quick_dataclass

_CONTENT_RANGE = re.compile(r"\s*bytes\s+(?:(\d{1,18})\s*-\s*(\d{1,18})|\*)\s*/\s*(\d{1,18}|\*)\s*", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_STRONG_AFTER_S = 60.0  # a date at least this old when it is sent will not stand for two versions


@quick_dataclass
class Validators:
    """What a server says that identifies a version of a file.

    Attributes:
        etag: As it came, quotation marks included; "" for none.
        modified: Last-Modified as it came; "" for none.
        is_dated: That date is old enough to stand for one version alone.
    """

    etag: str = ""
    modified: str = ""
    is_dated: bool = False

    def __bool__(self) -> bool:
        return bool(self.etag or self.modified)

    @property
    def for_range(self) -> str:
        """The value for If-Range; "" where no validator is reliable enough for that."""
        if self.etag:
            return "" if self.etag.startswith("W/") else self.etag
        return self.modified if self.is_dated else ""


def validators_of(etag: str | None, modified: str | None, date: str | None) -> Validators:
    """The validators of an answer, from its headers ETag, Last-Modified and Date; malformed ones are left out."""
    tag = (etag or "").strip()
    if not _ETAG.fullmatch(tag):
        tag = ""
    since = _moment(modified)
    sent = _moment(date)
    is_dated = since is not None and sent is not None and sent - since >= _STRONG_AFTER_S
    return Validators(tag, (modified or "").strip() if since is not None else "", is_dated)


def if_changed(known: Validators) -> dict[str, str]:
    """Headers that ask for a file only if it has changed."""
    asked = {}
    if known.etag:
        asked["If-None-Match"] = known.etag
    if known.modified:
        asked["If-Modified-Since"] = known.modified
    return asked


def the_rest(known: Validators, have_bytes: int) -> dict[str, str]:
    """Headers that ask for what is missing, as long as it is the same version; {} where that cannot be asked."""
    sure = known.for_range
    return {"Range": f"bytes={have_bytes}-", "If-Range": sure} if sure and have_bytes > 0 else {}


@quick_dataclass
class Part:
    """What a Content-Range says.

    Attributes:
        start: First byte, or None for an answer that has none.
        total_bytes: Of the whole file, None where it is not known.
    """

    start: int | None
    total_bytes: int | None


def part_of(content_range: str | None) -> Part | None:
    """The part that a Content-Range names; None where it is not understood."""
    found = _CONTENT_RANGE.fullmatch(content_range or "")
    if found is None:
        return None
    total = None if found[3] == "*" else int(found[3])
    if found[1] is None:
        return Part(None, total)
    start, end = int(found[1]), int(found[2])
    if end < start or (total is not None and end >= total):
        return None
    return Part(start, total)


def _moment(date: str | None) -> float | None:
    if not date or len(date) > 100:
        return None
    try:
        parsed = email.utils.parsedate_tz(date)
        return float(email.utils.mktime_tz(parsed)) if parsed is not None else None
    except (ValueError, OverflowError, TypeError):
        return None
