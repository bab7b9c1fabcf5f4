"""The code of a callback while it runs: where it is."""

from __future__ import annotations

from types import GeneratorType
from typing import Any

from crawler.callback_results import place_of
from crawler.loading import is_users_code


def stands_at(generator: Any) -> str:
    """``spiders/orders.py, line 12, in parse``: the innermost line of users' code that a generator has stopped at.

    "" where none of it is users' code.
    """
    place = ""
    while isinstance(generator, GeneratorType):
        code, frame = generator.gi_code, generator.gi_frame
        if frame is not None and is_users_code(code.co_filename):
            place = f"{place_of(code)}, line {frame.f_lineno}, in {code.co_name}"
        generator = generator.gi_yieldfrom
    return place
