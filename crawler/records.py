"""Records: items with a key, followed from crawl to crawl. What is decided about them, without a database.

A record *changes* when a page says something about it that differs from the store. It is *gone* when a complete crawl
did not meet it, and every page that would have listed it has been asked: `conclusive` says which pages those are. It is
*back* when a page lists it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from crawler.nearest import nearest
from crawler.plain_values import class_name_of
from crawler.quick_dataclass import quick_dataclass

ACCOUNT: Final = "@account"  #: in a key: the session that fetched the page
Kind = Literal["new", "changed", "gone", "back"]
KINDS: Final[tuple[Kind, ...]] = ("new", "changed", "gone", "back")
_LONGEST = 2_000  # characters of a value in a key


class BadKey(ValueError):
    """An item whose key cannot distinguish it from others; the text says which field, and why."""


# --- keys ---------------------------------------------------------------------------------------------------------


def key_fields(given: object) -> tuple[str, ...]:
    """The names of the fields of a key, as a class or a spider gives it: one name, or several.

    Raises:
        ValueError: It is neither.
    """
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, list | tuple) else []
    if all(isinstance(each, str) and each for each in names) and not {*names} <= {ACCOUNT}:
        return tuple(dict.fromkeys(names))
    raise ValueError(f"name the field that tells items apart, or several: 'sku', or ('shop', 'sku'); not {given!r}")


@cache
def class_key(kind: type) -> tuple[str, ...]:
    """The key that an item class names as ``key`` or ``__key__``; empty for none.

    A *field* called ``key``, which the class body merely gives a default, does not count.
    """
    fields = {*getattr(kind, "__dataclass_fields__", ()), *getattr(kind, "__attrs_fields__", ())}
    fields |= {*(getattr(each, "name", "") for each in getattr(kind, "__attrs_attrs__", ()))}
    fields |= {*(getattr(kind, "model_fields", None) or getattr(kind, "__pydantic_fields__", None) or ())}
    for name in ("__key__", "key"):
        given = None if name in fields else getattr(kind, name, None)
        if isinstance(given, str | list | tuple) and given:
            return key_fields(given)
    return ()


def key_of(fields: Mapping[str, Any], names: Sequence[str], session: str) -> str:
    """The key of an item as a text that is equal for equal keys: JSON of its fields, all as texts.

    Args:
        session: Name of the session that fetched the page, for `ACCOUNT`.
    Raises:
        BadKey: A field is missing, empty, or not a single value.
    """
    for name in names:
        if name != ACCOUNT and name not in fields:
            raise BadKey(f"its key field {name!r} is missing{_meant(name, fields)}")
    return _json({name: session if name == ACCOUNT else _key_text(fields.get(name), name) for name in names})


def _meant(name: str, fields: Iterable[str]) -> str:
    """The field that a key probably means: another spelling of the same letters counts before a similar word."""
    known = {each.lower().replace("_", "").replace("-", ""): each for each in fields if isinstance(each, str)}
    plain = name.lower().replace("_", "").replace("-", "")
    near = [plain] if plain in known else nearest(plain, known, cutoff=0.7)
    return f"; did you mean {known[near[0]]!r}?" if near else ""


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def _key_text(value: Any, name: str) -> str:
    if value is None:
        raise BadKey(f"its key field {name!r} is missing")
    if isinstance(value, bytes | bytearray | memoryview):
        text = bytes(value).hex()
    elif isinstance(value, str | int | float | Decimal | date | time):
        text = value.isoformat() if isinstance(value, datetime) else str(value)
    else:
        raise BadKey(f"its key field {name!r} is a {class_name_of(value)}, which is no single value")
    if not text.strip():
        raise BadKey(f"its key field {name!r} is empty")
    if value != value:
        raise BadKey(f"its key field {name!r} is not a number (NaN)")
    if len(text) > _LONGEST:
        raise BadKey(f"its key field {name!r} has {len(text):,} characters; {_LONGEST:,} are the most")
    return text


# --- when a record is gone ------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """The standing in a crawl of a page that was not read.

    Attributes:
        parent: The page on which it was found, 0 where that is not known (or it is a start page).
        is_start: It has no page above it.
        is_known: The crawl met a link to it.
        is_missing: The answer was that it is not there (404, 410), or it led to a page that is crawled anyway.
    """

    parent: int
    is_start: bool
    is_known: bool
    is_missing: bool


def conclusive(pages: Mapping[int, Asked], partial: Iterable[int] = ()) -> Callable[[int], bool]:
    """Which pages of a complete crawl prove that what they listed is not listed there any more.

    A page proves it when the answer was that it is not there. One that nothing links to any more is as good as read
    when the page that led to it was read, or is such a page itself, and so on upward; a start page that was not
    requested proves nothing, nor does a missing one say anything about the pages below it.

    Args:
        pages: Those that were not read, by number. All others were.
        partial: Pages that were read and from which something was kept aside or cut off.
    Returns:
        A function from the number of a page to whether it proves that.
    """
    doubtful = frozenset(partial)
    known: dict[int, bool] = {}

    def above(page: int) -> bool:
        """Whether a page above others has been asked what it leads to."""
        path: list[int] = []
        found: bool | None = None
        while found is None:
            if page in known:
                found = known[page]
            elif page in path or (page == 0):
                found = False
            elif page not in pages:
                found = page not in doubtful
            else:
                asked = pages[page]
                if asked.is_start or (asked.is_known and not asked.is_missing):
                    found = False
                elif asked.is_known:
                    found = True
                else:
                    path.append(page)
                    page = asked.parent
        for each in path:
            known[each] = found
        return found

    def proves(page: int) -> bool:
        asked = pages.get(page)
        if asked is None:
            return page not in doubtful
        if asked.is_known:
            return asked.is_missing
        return not asked.is_start and above(asked.parent)

    return proves


class Unmet(NamedTuple):
    """Records that a complete crawl did not meet, and that stay: no page that would have listed them was asked.

    Attributes:
        records: How many.
        example: Kind and key of one of them: ``Book {"sku":"17"}``; "" for none.
    """

    records: int = 0
    example: str = ""


def is_missing(error: str) -> bool:
    """Whether a request failed because the page is not there: the server said so, and nothing is at fault."""
    return error.startswith(("StatusError: 404 ", "StatusError: 410 "))


_PART_ONLY = re.compile(r"\bcut\b|left out|ends too early|broken XML")


def is_partial(warnings: Sequence[str]) -> bool:
    """Whether part of a page was not read: then what it does not list proves nothing."""
    return any(_PART_ONLY.search(each) for each in warnings)


# --- changes --------------------------------------------------------------------------------------------------------


@quick_dataclass
class Change:
    """What became of one record.

    Attributes:
        table: Its kind, as in `Summary.items`.
        key: Its key fields, as texts.
        kind: "new", "changed", "gone" or "back".
        fields: For "changed" and "back": field to (old value, new value).
        item: The record as it is now.
        crawl: Number of the crawl that found it.
        at: When, seconds since 1970.
        url: The page that said it; "" for "gone".
    """

    table: str
    key: Mapping[str, str]
    kind: Kind
    crawl: int
    at: float
    url: str = ""
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    item: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, in a steady order."""
        return {
            "table": self.table,
            "key": dict(self.key),
            "kind": self.kind,
            "crawl": self.crawl,
            "at": self.at,
            "url": self.url,
            "fields": {name: {"old": old, "new": new} for name, (old, new) in self.fields.items()},
            "item": dict(self.item),
        }


Stored = Any  #: a value of a field as the store writes it down; equal for equal values


class Step(NamedTuple):
    """One entry of a record's history."""

    kind: Kind
    fields: Mapping[str, tuple[Stored, Stored]]


def differing(old: Mapping[str, Stored], new: Mapping[str, Stored]) -> dict[str, tuple[Stored, Stored]]:
    """The fields of *new* that differ from *old*; a missing field is None."""
    return {name: (old.get(name), value) for name, value in new.items() if old.get(name) != value}


def net(steps: Sequence[Step]) -> Step | None:
    """What several steps of one record amount to, oldest first; None when it is as it was before.

    Two pages of one crawl may say different things about a record, and a record may be found gone and come back: only
    its state before the first step and after the last one counts.
    """
    there = steps[0].kind in ("changed", "gone")  # before
    is_there = steps[-1].kind != "gone"
    fields: dict[str, tuple[Stored, Stored]] = {}
    for step in steps:
        for name, (old, new) in step.fields.items():
            fields[name] = (fields[name][0] if name in fields else old, new)
    fields = {name: (old, new) for name, (old, new) in fields.items() if old != new}
    if steps[0].kind == "new":
        return Step("new", {}) if is_there else None
    if there and not is_there:
        return Step("gone", {})
    if not there:
        return Step("back", fields) if is_there else None
    return Step("changed", fields) if fields else None
