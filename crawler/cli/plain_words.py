"""Words of the command line that need no conversion.

Typer converts each value through pydantic, which takes longer to load than most commands run. Text that stays text, an
option that was not given and a plain number need no conversion. All else is left to typer, and so are its messages.
With a version of typer that converts differently, nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_origin


class _AsTyped:
    """Replaces typer's conversion of one parameter."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command takes it."""
        many = param.multiple or param.nargs == -1
        kind = param.type_descriptor.annotation
        if value is None:
            return () if many else None
        if get_origin(kind) is list:
            if many and get_args(kind) == (str,) and all(type(each) is str for each in value):
                return list(value)
        elif not many:
            if type(value) is kind:  # bool, str, a default
                return value
            if kind is int and type(value) is str and value.isascii() and value.isdecimal() and len(value) < 10:
                return int(value)
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


_PLAIN = _AsTyped()
_OF_TYPER = (
    "parser",
    "min",
    "max",
    "formats",
    "mode",
)  # attributes of a parameter that ask for more than its type does


def taken_as_typed(params: Iterable[Any]) -> None:
    """Convert the values of these parameters only where they need it."""
    for each in params:
        if getattr(each, "_runtime_param", _PLAIN) is None and _has_no_bounds(each.type_descriptor):
            each._runtime_param = _PLAIN


def _has_no_bounds(descriptor: Any) -> bool:
    info = descriptor.parameter_info
    return not any(getattr(info, name, None) is not None for name in _OF_TYPER)
