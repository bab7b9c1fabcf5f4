"""The books of the site: the same for the same number, with texts that a page has to escape."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

_WORDS = ("Salt", "Émigré", "O'Brien", "<Noon>", 'the "Red" Door', "Łódź & Sons", "Tide", "日本の川", "100 %", "50/50")
_SUMMARIES = ("", "One line.", "Two\r\nlines & <more>.", "\r\nBegins with an empty line", "  spaces around  ")
_GENRES = ("novel", "verse", "atlas")


def rows(count: int) -> list[dict[str, Any]]:
    """The first *count* books, by id from 1, as a form shows them: price and date are texts."""
    return [_row(number) for number in range(1, count + 1)]


def _row(number: int) -> dict[str, Any]:
    first, second = _WORDS[number % len(_WORDS)], _WORDS[number // len(_WORDS) % len(_WORDS)]
    return {
        "id": number,
        "title": f"{first} {second} {number}",
        "pages": 90 + number * 37 % 1200,
        "price": f"{number * 731 % 9000 / 100:.2f}",
        "published": str(date(1950, 1, 1) + timedelta(days=number * 53)),
        "in_print": number % 3 != 0,
        "genre": _GENRES[number % len(_GENRES)],
        "summary": _SUMMARIES[number % len(_SUMMARIES)],
    }
