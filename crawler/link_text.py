"""The text of an element that was followed."""

from __future__ import annotations

from itertools import islice
from typing import Any

_LINK_CHARACTERS = 256  # of the text of a link that the guard looks at
_MOST_PIECES, _PIECE_CHARACTERS = 1_000, 10_000  # of its text that are looked at: a link may hold the whole page


def about_link(element: Any) -> tuple[str, str]:
    """Text (its first 256 characters) and rel of an element that was followed."""
    text = element.text
    if text is None or len(element) or len(text) > _LINK_CHARACTERS:
        text = text_of(element, _LINK_CHARACTERS)
    return text.strip(), element.get("rel") or ""


def text_of(element: Any, most: int) -> str:
    """The text in an element, white space made single: its first *most* characters, however much there is."""
    pieces: list[str] = []
    length, gap = 0, False
    for piece in islice(element.itertext(), _MOST_PIECES):
        words = " ".join(piece[:_PIECE_CHARACTERS].split())
        if words:
            spaced = " " if pieces and (piece[0].isspace() or gap) else ""
            pieces.append(spaced + words)
            length += len(words) + len(spaced)
            gap = piece[-1].isspace()
            if length >= most:
                break
        elif piece:
            gap = True
    return "".join(pieces)[:most]
