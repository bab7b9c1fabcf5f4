"""The book of logins as it is stored: JSON values, with what has to be sealed apart from them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final, TypeVar

from crawler.stores.policy.login_policy import Attempt, LoginBook, RefusedCredentials


def packed(book: LoginBook) -> tuple[dict[str, Any], list[str]]:
    """*book* as JSON values, and what has to be sealed: the marks of credentials, which the values name by number."""
    marks: dict[str, int] = {"": 0}
    for mark in [each.credentials for each in book.attempts] + [each.credentials for each in book.refusals]:
        marks.setdefault(mark, len(marks))
    tables = {
        "attempts": [asdict(each) | {"credentials": marks[each.credentials]} for each in book.attempts],
        "refusals": [asdict(each) | {"credentials": marks[each.credentials]} for each in book.refusals],
    }
    return tables, list(marks)


def unpacked(tables: Any, marks: Sequence[str]) -> LoginBook:
    """The book that `packed` took apart; what cannot be read is left out. Without its *marks* no refusal is known.

    Processes that cannot open them are bound only by the number of attempts.
    """
    found = tables if isinstance(tables, dict) else {}
    attempts = [_made(Attempt, each, marks) for each in _rows(found.get("attempts"))]
    refusals = [_made(RefusedCredentials, each, marks) for each in _rows(found.get("refusals"))]
    return LoginBook(
        tuple(each for each in attempts if each is not None),
        tuple(each for each in refusals if each is not None and each.credentials),
    )


_NUMBERS: Final = ("began", "ended", "at", "asked_s", "times", "token")
_Kept = TypeVar("_Kept", Attempt, RefusedCredentials)


def _rows(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _made(kind: type[_Kept], row: dict[str, Any], marks: Sequence[str]) -> _Kept | None:
    number = row.get("credentials")
    mark = marks[number] if isinstance(number, int) and 0 <= number < len(marks) else ""
    given = {each.name: row[each.name] for each in fields(kind) if each.name in row} | {"credentials": mark}
    if any(not isinstance(given.get(name, 0.0), int | float) for name in _NUMBERS):
        return None
    try:
        return kind(**given)
    except TypeError:  # a moment is missing
        return None
