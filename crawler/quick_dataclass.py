"""Dataclasses that are made quickly: a run has two hundred, and making them took a quarter of the time to its start.

`dataclasses` compiles each method of each class. Here that is done for ``__init__`` only: the others are the same for
all classes. A frozen one is frozen for the type checker alone: at run time its attributes can be set, and in exchange
it is made three times as quickly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

_Class = TypeVar("_Class", bound=type)


@overload
def quick_dataclass(cls: _Class, /) -> _Class: ...
@overload
def quick_dataclass(*, frozen: bool = True) -> Callable[[_Class], _Class]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def quick_dataclass(cls: Any = None, /, *, frozen: bool = True) -> Any:
    """A dataclass with slots, compared by its fields; as ``dataclass(frozen=True, slots=True)`` for the type checker.

    Args:
        frozen: Its attributes are set once, and it has a hash. Nothing but the type checker sees to it: what is public
            and held by users is a real frozen dataclass.
    """
    if cls is None:
        return lambda given: _made(given, frozen)
    return _made(cls, frozen)


def field_names(made: Any) -> tuple[str, ...]:
    """The names of the fields of a dataclass, or of an object of it, in order."""
    names: tuple[str, ...] = made.__match_args__
    return names


def _made(cls: Any, frozen: bool) -> Any:
    own = cls.__dict__
    made: Any = dataclass(slots=True, repr=False, eq=False)(cls)
    value = _values(tuple(each.name for each in fields(made) if each.compare))

    def equal(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__:
            return value(self) == value(other)
        return NotImplemented

    def hashed(self: Any) -> int:
        return hash(value(self))

    for name, method in (("__eq__", equal), ("__hash__", hashed if frozen else None), ("__repr__", _shown)):
        if name not in own:
            setattr(made, name, method)
    return made


def _values(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that returns the attributes *names* of an object."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _shown(self: Any) -> str:
    said = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({said})"
