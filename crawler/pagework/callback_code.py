"""The code of a callback while it runs: where it is, and what it returns although it yields."""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterator, Sized
from pathlib import PurePath
from types import CodeType, GeneratorType
from typing import Any

from crawler.loading import is_users_code
from crawler.outcome import Outcome
from crawler.plain_values import class_name_of


def stands_at(generator: Any) -> str:
    """``spiders/orders.py, line 12, in parse``: the innermost line of users' code that a generator has stopped at.

    "" where none of it is users' code.
    """
    place = ""
    while isinstance(generator, GeneratorType):
        code, frame = generator.gi_code, generator.gi_frame
        if frame is not None and is_users_code(code.co_filename):
            place = f"{_file(code)}, line {frame.f_lineno}, in {code.co_name}"
        generator = generator.gi_yieldfrom
    return place


def with_returned(generator: GeneratorType[Any, Any, Any], outcome: Outcome) -> Iterator[Any]:
    """What a callback yields. A value that it returns besides would be lost: then the outcome has a warning."""
    code = generator.gi_code
    line = _returns_at(code)
    return generator if line is None else _watched(generator, outcome, f"{_file(code)}, line {line}")


def _watched(generator: GeneratorType[Any, Any, Any], outcome: Outcome, place: str) -> Iterator[Any]:
    returned = yield from generator
    if returned is not None and returned is not False and not (isinstance(returned, Sized) and not len(returned)):
        kind = class_name_of(returned)
        what = f"{place}: the value of `return` ({kind}) is lost in a callback that yields; write `yield`"
        outcome.warnings += (what,)


@functools.lru_cache(maxsize=1024)
def _returns_at(code: CodeType) -> int | None:
    """The first line on which a generator may return something other than None; None where it never does."""
    before: dis.Instruction | None = None
    line = code.co_firstlineno
    for each in dis.get_instructions(code):
        if each.positions is not None and each.positions.lineno is not None:
            line = each.positions.lineno
        if each.opname == "RETURN_VALUE" and not (
            before is not None and before.opname == "LOAD_CONST" and before.argval is None
        ):
            return line
        if each.opname == "RETURN_CONST" and each.argval is not None:
            return line
        before = each
    return None


def _file(code: CodeType) -> str:
    path = PurePath(code.co_filename)
    return f"{path.parent.name}/{path.name}"
