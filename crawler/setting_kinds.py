"""What one setting is: its kind, default, bounds and meaning, and how a given value is converted to it.

Values come typed (from Python and TOML) and as text (from variables and the command line). A text is converted where
it can mean only one thing; a number with a fraction is not a whole number, and a number is not a text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from crawler.quick_dataclass import quick_dataclass

_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
PROXY_SCHEME = re.compile(r"(https?|socks4a|socks5h|socks[45])://", re.IGNORECASE)
PROXY_PLACE = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?\Z")
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})


@quick_dataclass(frozen=False)
class Setting:
    """One setting.

    Attributes:
        default: Its value where none is given; shared, and never changed.
        description: Its meaning, for the reference.
        at_least, above, at_most: Bounds of a number; None for none.
        annotation: Its type.
    """

    default: Any
    description: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    annotation: Any = str

    def converted(self, value: Any) -> Any:
        """*value* converted for this setting.

        Raises:
            ValueError: It does not fit; the text says what would.
        """
        found = _of_kind(self.annotation, value)
        if isinstance(found, int | float):
            if self.at_least is not None and not found >= self.at_least:
                raise ValueError(f"it should be at least {self.at_least:g}")
            if self.above is not None and not found > self.above:
                raise ValueError(f"it should be above {self.above:g}")
            if self.at_most is not None and not found <= self.at_most:
                raise ValueError(f"it should be at most {self.at_most:g}")
        return found


def setting(default: Any, description: str, **bounds: float) -> Any:
    """A setting, as an attribute of the class that declares it; its annotation there is its type."""
    return Setting(default, description, **bounds)


def proxy_url(value: str) -> str:
    """*value*, the URL of a proxy, or "". Raises ValueError for one that nothing can be sent through."""
    found = PROXY_SCHEME.match(value)
    place = value[found.end() if found else 0 :].rpartition("@")[2]
    if value and not PROXY_PLACE.match(place):
        raise ValueError(
            "it should be http://host:port (or https, socks4, socks5, socks5h), with user:password@ before the host"
            " where it wants credentials"
        )
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise ValueError("it should be a text")


def _truth(value: Any) -> bool:
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError("it should be true or false")


def _number(value: Any) -> float:
    try:
        if isinstance(value, int | float | str):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError("it should be a number")


def _whole_number(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    try:
        return int(value) if isinstance(value, str) else _without_fraction(value)
    except (ValueError, OverflowError):
        pass
    try:
        return _without_fraction(_number(value))
    except (ValueError, OverflowError):
        raise ValueError("it should be a whole number") from None


def _without_fraction(value: Any) -> int:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    raise ValueError


_SIMPLE: dict[Any, Callable[[Any], Any]] = {str: _text, bool: _truth, int: _whole_number, float: _number}


def _of_kind(annotation: Any, value: Any) -> Any:
    simple = _SIMPLE.get(annotation)
    if simple is not None:
        return simple(value)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        if value in arguments:
            return value
        raise ValueError(f"it should be one of {', '.join(arguments)}")
    if origin is tuple:
        if isinstance(value, list | tuple | set | frozenset):
            return tuple(_of_kind(arguments[0], each) for each in value)
        raise ValueError("it should be a list")
    if origin is dict:
        if isinstance(value, Mapping):
            return {_of_kind(arguments[0], key): _of_kind(arguments[1], each) for key, each in value.items()}
        raise ValueError("it should be an object (JSON) or a table (TOML)")
    if isinstance(value, bool | str):  # true, false or a text
        return value
    raise ValueError("it should be true, false or a text")
