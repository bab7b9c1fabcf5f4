"""Connections must not be used by two processes: their owner is told when it finds itself in a forked child."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that owns connections."""

    def after_fork(self) -> None:
        """In the child: let go of all connections without a word to their servers; make new locks."""


_owners: weakref.WeakSet[Forkable] = weakref.WeakSet()


def register(owner: Forkable) -> None:
    """Tell *owner* about forks for as long as it lives. Safe from any thread."""
    _owners.add(owner)


def _in_child() -> None:
    for owner in list(_owners):
        owner.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
