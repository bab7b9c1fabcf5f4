"""What each member of a run did: read from the store, during the run and after its end."""

from __future__ import annotations

import json
from typing import Any

from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base import Store

_MOST = 200


@quick_dataclass
class MemberShare:
    """One process of a run that several worked on.

    Attributes:
        number: 0 for the one that began the run.
        process: How it is named to a person: number and machine.
        gone: "left" when it has ended, "dead" when it was killed; "" while it works.
        pages, items, logins: Its own.
    """

    number: int
    process: str
    gone: str
    pages: int
    items: int
    logins: int


def shares_of(source: Store, run: int) -> list[MemberShare]:
    """By their numbers, at most 200; none for a run that one process worked on alone."""
    rows = source.members.of(run)
    return [_share(each.number, each.process, each.gone, json.loads(each.counted)) for each in rows[:_MOST]]


def _share(number: int, process: str, gone: str, counted: dict[str, Any]) -> MemberShare:
    items = counted.get("items") or {}
    return MemberShare(
        number, process, gone, int(counted.get("pages", 0)), sum(items.values()), int(counted.get("logins", 0))
    )
