"""Regular expressions that are compiled when they are first used: a run loads 350, and its start needs few of them."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def late_pattern(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, for patterns that a run may never need. Safe from any thread.

    What is returned has the methods and attributes of a pattern, and is none: `re.search` and its like do not take it.
    A pattern that is wrong is told by the test that compiles all of them, and not when its module is loaded.
    """
    return cast("re.Pattern[AnyStr]", _LatePattern(pattern, flags))


class _LatePattern:
    def __init__(self, pattern: Any, flags: int) -> None:
        self._given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        """Compile, and keep what is asked for, so that it is found without this method from now on."""
        compiled = self.__dict__.get("_compiled")
        if compiled is None:
            compiled = self.__dict__["_compiled"] = re.compile(*self._given)
        found = self.__dict__[name] = getattr(compiled, name)
        return found

    def __repr__(self) -> str:
        return f"late_pattern({self._given[0]!r})"
