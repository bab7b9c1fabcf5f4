"""What somebody may have meant by a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Those of the *known* names that are most like *name*, best first: at most *most*, none below *cutoff*."""
    from difflib import get_close_matches  # loaded for a message only

    return get_close_matches(name, list(known), n=most, cutoff=cutoff)
