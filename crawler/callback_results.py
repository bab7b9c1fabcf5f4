"""What a callback gives, one by one, and what it returns although it yields."""

from __future__ import annotations

import dis
import functools
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from pathlib import PurePath
from types import CodeType, GeneratorType
from typing import Any

from crawler.errors import SpiderError
from crawler.items import is_item
from crawler.plain_values import class_name_of
from crawler.request import Request

Warn = Callable[[str], None]


def each_of(given: Any, warn: Warn) -> Iterable[Any]:
    """Several requests and items, one of them, or nothing.

    Args:
        given: What a callback yields or returns.
        warn: Called at the end with what a callback that yields has returned besides: it is lost.
    Raises:
        SpiderError: It is none of these.
    """
    if given is None:
        return ()
    if isinstance(given, Generator):
        return _with_returned(given, warn) if isinstance(given, GeneratorType) else given
    if isinstance(given, Request) or is_item(given):  # a `Filled` is a dataclass, and dataclasses are items
        return (given,)
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise SpiderError(f"a callback returned {class_name_of(given)}; yield Requests and items")
    several: Iterable[Any] = given
    return several


def place_of(code: CodeType) -> str:
    """``spiders/orders.py`` for the file that holds some code."""
    path = PurePath(code.co_filename)
    return f"{path.parent.name}/{path.name}"


def _with_returned(generator: GeneratorType[Any, Any, Any], warn: Warn) -> Iterator[Any]:
    code = generator.gi_code
    line = _returns_at(code)
    return generator if line is None else _watched(generator, warn, f"{place_of(code)}, line {line}")


def _watched(generator: GeneratorType[Any, Any, Any], warn: Warn, place: str) -> Iterator[Any]:
    returned = yield from generator
    if returned is not None and returned is not False and not (isinstance(returned, Sized) and not len(returned)):
        kind = class_name_of(returned)
        warn(f"{place}: the value of `return` ({kind}) is lost in a callback that yields; write `yield`")


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
