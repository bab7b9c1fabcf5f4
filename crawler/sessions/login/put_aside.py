"""Why requests are put aside, as stored with them: the process that ends the run reads it there. Pure.

The process that ends a run need not be the one that could not use a session: with many members it may never have held
a request of it. So the reason is written in the transaction that puts a request aside, and no death of a process loses
it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from crawler import errors
from crawler.errors import SessionError
from crawler.sessions.secrets import hide

_LINE = re.compile(r"(?P<kind>[A-Za-z]+): session (?P<name>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"): (?P<why>.*)")


def as_stored(failures: Mapping[str, SessionError]) -> str:
    """The reasons of sessions, by name, as text without secrets: a line each; "" for none."""
    return "\n".join(f"{_kind(error)}: session {name!r}: {_one_line(error.why)}" for name, error in failures.items())


def as_errors(texts: Iterable[str]) -> list[SessionError]:
    """What `as_stored` was given, one error per session, the first one; other texts are ignored."""
    found: dict[str, SessionError] = {}
    for line in (line for text in texts for line in text.splitlines()):
        match = _LINE.fullmatch(line)
        kind = getattr(errors, match["kind"], None) if match is not None else None
        if match is not None and isinstance(kind, type) and issubclass(kind, SessionError):
            name = ast.literal_eval(match["name"])
            found.setdefault(name, kind(name, match["why"]))
    return list(found.values())


def _kind(error: SessionError) -> str:
    """The class, or the nearest above it that every process knows: spiders may have errors of their own."""
    return next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)


def _one_line(text: str) -> str:
    return " ".join(hide(text).split())
