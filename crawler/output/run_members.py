"""What each member of a run did: read from the store, during the run and after its end."""

from __future__ import annotations

import json
from typing import Any

from crawler.clock import unix_now
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base import MemberRow, Store

_MOST = 200


@quick_dataclass
class MemberShare:
    """One process of a run that several worked on.

    Attributes:
        number: 0 for the one that began the run.
        process: How it is named to a person: number and machine.
        gone: "left" when it has ended, "dead" when it was killed, "silent" when it was not heard of for so long that it
            counts as dead, such as one that was cut off from the database; "" while it works.
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
    now = unix_now()
    return [_share(each, now) for each in source.members.of(run)[:_MOST]]


def _share(member: MemberRow, now: float) -> MemberShare:
    counted: dict[str, Any] = json.loads(member.counted)
    items = counted.get("items") or {}
    return MemberShare(
        member.number,
        member.process,
        member.gone or ("" if member.until > now else "silent"),
        int(counted.get("pages", 0)),
        sum(items.values()),
        int(counted.get("logins", 0)),
    )
