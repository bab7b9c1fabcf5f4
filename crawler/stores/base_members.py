"""What a store must do for the processes of a run: its members, and the small values that they share; see `base`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from crawler.stores.told_runs import MemberRow


class MemberStore(Protocol):
    """The processes that work on a run together."""

    def join(self, run: int, *, owner: str, process: str, first: bool = False) -> int:
        """Work on a run from now on.

        Args:
            first: It is the process that began the run, number 0.
        Returns:
            A number that no other process of the run has had, however many join at the same instant.
        """

    def stay(self, run: int, number: int, *, agrees: str, counted: str) -> float:
        """Report that this process is alive, and its state. Returns seconds until that runs out."""

    def leave(self, run: int, number: int, *, counted: str) -> None:
        """Stop working on it: its part of the limits is free for the others."""

    def of(self, run: int) -> list[MemberRow]:
        """All processes that have worked on it, in the order of their numbers; those that were killed, too."""

    def sweep(self, run: int) -> list[int]:
        """Mark dead processes, and let what they had leased wait again at once.

        One process at a time does so. One not heard from for too long is believed to live until the database has been
        up for as long: before that, no process could report.

        Returns:
            The numbers of those found now.
        """

    def living(self, frontier: int) -> list[MemberRow]:
        """Those that work on a frontier now, in any run.

        A killed one is noticed at once on this machine, elsewhere when its row runs out.
        """


class ValueStore(Protocol):
    """Small things by name, as JSON."""

    def get(self, name: str) -> Any: ...

    def set(self, name: str, value: Any, *, ttl_s: float | None = None, hot: bool = False) -> None:
        """Keep a value that JSON can hold, for *ttl_s* seconds or for ever; None removes it.

        Args:
            hot: It is written repeatedly by one process, alongside others, and may be lost when the database stops.
        """

    def change(self, name: str, change: Callable[[Any], Any], *, ttl_s: float | None = None) -> Any:
        """Replace a value by what *change* makes of it (None where there is none), with other writers kept out.

        Args:
            change: May be called again, when the transaction was interrupted.
        Returns:
            What is stored now.
        """

    def beginning(self, prefix: str) -> dict[str, Any]:
        """All values whose names begin with *prefix*."""

    def claim(self, name: str, owner: str, *, ttl_s: float) -> bool:
        """Claim a job for this many seconds; call again to keep it. `set` to None ends the claim.

        Returns:
            False while another living process has it, however many ask at the same instant.
        """
