"""Cookies of a site that were deleted, remembered so that an older answer does not bring them back."""

from __future__ import annotations

from typing import Final

from crawler.sessions.cookies.view import Key

_MAX_DELETED: Final = 1_024


class Deleted:
    """Which answers come too late to set a cookie. Used under the lock of its site.

    Args:
        floor: Answers to requests with a lower ticket are ignored: they were sent before the cookies were cleared.
    """

    __slots__ = ("_floor", "_tickets")

    def __init__(self, floor: int = 0) -> None:
        self._floor = floor
        self._tickets: dict[Key, int] = {}  # of the answer that deleted it; the one deleted last at the end

    def note(self, key: Key, ticket: int) -> None:
        """The answer to the request with this *ticket* has deleted it."""
        self._tickets[key] = max(ticket, self._tickets.pop(key, 0))
        if len(self._tickets) > _MAX_DELETED:
            del self._tickets[next(iter(self._tickets))]

    def raise_floor(self, ticket: int) -> None:
        """From now on ignore answers to requests older than *ticket*."""
        self._floor = max(self._floor, ticket)

    def is_late(self, key: Key, ticket: int, kept: int | None) -> bool:
        """Whether an answer to a newer request has spoken about this cookie.

        Args:
            kept: The ticket of the cookie that is there; None when there is none.
        """
        newest = kept if kept is not None else self._tickets.get(key, 0)
        return ticket < max(newest, self._floor)

    def copy(self) -> Deleted:
        """An independent copy."""
        twin = Deleted(self._floor)
        twin._tickets = dict(self._tickets)
        return twin
