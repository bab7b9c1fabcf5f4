"""What a store must do for the processes of a run: who they are, and the small values that they share; see `base`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from crawler.stores.told_runs import MemberRow


class MemberStore(Protocol):
    """The processes that work on a run together."""

    def join(self, run: int, *, owner: str, process: str, first: bool = False) -> int:
        """Work on a run from now on.

        Args:
            first: It is the process that began it, number 0.
        Returns:
            A number that no other process of the run has had, however many join at the same instant.
        """

    def stay(self, run: int, number: int, *, agrees: str, counted: str) -> float:
        """Say that this process lives, and what there is to know of it. Returns seconds until that runs out."""

    def leave(self, run: int, number: int, *, counted: str) -> None:
        """Work on it no longer: what it had of the limits is free for the others."""

    def of(self, run: int) -> list[MemberRow]:
        """All processes that have worked on it, in the order of their numbers; those that were killed, too."""

    def sweep(self, run: int) -> list[int]:
        """Mark the processes that are dead, and let what they had leased wait again at once.

        One at a time does so. Who was not heard of for too long is believed to live until the database has been there
        for as long: before, nobody could say anything.

        Returns:
            The numbers of those found now.
        """

    def living(self, frontier: int) -> list[MemberRow]:
        """Those that work on a frontier now, of whatever run.

        One that was killed is missed at once on this machine, else when it runs out.
        """


class ValueStore(Protocol):
    """Small things by name, as JSON."""

    def get(self, name: str) -> Any: ...

    def set(self, name: str, value: Any, *, ttl_s: float | None = None, hot: bool = False) -> None:
        """Keep a value that JSON can hold, for *ttl_s* seconds or for ever; None removes it.

        Args:
            hot: It is written again and again by one process, beside others, and may be lost when the database stops.
        """

    def change(self, name: str, change: Callable[[Any], Any], *, ttl_s: float | None = None) -> Any:
        """Replace a value by what *change* makes of it (None where there is none); nobody else writes it meanwhile.

        Args:
            change: May be called again, when the transaction was interrupted.
        Returns:
            What is stored now.
        """

    def beginning(self, prefix: str) -> dict[str, Any]:
        """All values whose names begin so."""

    def claim(self, name: str, owner: str, *, ttl_s: float) -> bool:
        """Be the one that does something, for so many seconds; again, to go on with it. `set` to None ends it.

        Returns:
            False while a living process is the one, however many ask at the same instant.
        """
