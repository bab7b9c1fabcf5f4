"""Render: how a page is rendered in a browser, as plain values that are stored with its request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from crawler.errors import SpiderError

Action = tuple[str, ...] | tuple[str, str, str] | tuple[str, int] | tuple[str, float]
"""An action on a page: its name, and its arguments."""

#: names of actions, and the types of their arguments
ACTIONS: Final[Mapping[str, tuple[type, ...]]] = {
    "click": (str,),
    "fill": (str, str),
    "press": (str, str),
    "scroll": (int,),
    "scroll_to_end": (int,),
    "wait": (float,),
    "wait_for": (str,),
}
_USUAL: Final[Mapping[str, tuple[Any, ...]]] = {"scroll": (1,), "scroll_to_end": (50,)}
_MOST_ACTIONS: Final = 100
_LONGEST_WAIT_S: Final = 60.0


class Render:
    """How a page is rendered: ``Request(url, render=Render(wait_for="tr.order"))``. Immutable.

    The actions are done in order, each on the first element that its CSS query finds:

    - ``("click", "button.more")``
    - ``("fill", "input[name=q]", "tea")``
    - ``("press", "input[name=q]", "Enter")``
    - ``("scroll", 3)``: by this many screens
    - ``("scroll_to_end", 50)``: until nothing more comes, at most this many times
    - ``("wait_for", "tr.order")``
    - ``("wait", 0.5)``: seconds

    After each of them the crawl waits until the page requests nothing more.

    Args:
        wait_for: CSS query of what must be on the page before the actions; "" for nothing.
        actions: As above.
        screenshot: Take a picture of the whole page at the end (`Response.screenshot`).
    Raises:
        SpiderError: There is no such action, or its arguments do not fit.
    """

    __slots__ = ("actions", "screenshot", "wait_for")

    def __init__(self, wait_for: str = "", actions: Iterable[Sequence[Any]] = (), *, screenshot: bool = False) -> None:
        given = list(actions)
        if len(given) > _MOST_ACTIONS:
            raise SpiderError(f"Render: more than {_MOST_ACTIONS} actions")
        if not isinstance(wait_for, str):
            raise SpiderError(f"Render: wait_for is a CSS query, not {wait_for!r:.60}")
        put = object.__setattr__
        put(self, "wait_for", wait_for)
        put(self, "actions", tuple(map(_checked, given)))
        put(self, "screenshot", bool(screenshot))

    wait_for: str
    actions: tuple[tuple[Any, ...], ...]
    screenshot: bool

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Render does not change: make another one ({name})")

    def __eq__(self, other: object) -> bool:
        return self.dump() == other.dump() if isinstance(other, Render) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.wait_for, self.actions, self.screenshot))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.dump().items())
        return f"Render({shown})"

    def dump(self) -> dict[str, Any]:
        """As JSON values, without defaults."""
        found: dict[str, Any] = {}
        if self.wait_for:
            found["wait_for"] = self.wait_for
        if self.actions:
            found["actions"] = [list(each) for each in self.actions]
        if self.screenshot:
            found["screenshot"] = True
        return found


def render_of(given: Any) -> Render | bool | None:
    """What a request or a spider says about rendering: a `Render`, False for "no", None for nothing.

    Args:
        given: One of these, or True, or what `Render.dump` returned.
    Raises:
        SpiderError: It is none of these.
    """
    if given is None or given is False or isinstance(given, Render):
        return given
    if given is True:
        return Render()
    if isinstance(given, Mapping):
        try:
            return Render(**given)
        except TypeError as error:
            raise SpiderError(f"render={given!r:.200}: {error}") from None
    raise SpiderError(f"render={given!r:.60}: True, False, or Render(wait_for=..., actions=[...])")


def _checked(action: Sequence[Any]) -> tuple[Any, ...]:
    if isinstance(action, str) or not isinstance(action, Sequence) or not action:
        raise SpiderError(f"Render: an action is a tuple such as ('click', 'button.more'), not {action!r:.60}")
    name, *given = action
    wanted = ACTIONS.get(name) if isinstance(name, str) else None
    if wanted is None:
        raise SpiderError(f"Render: there is no action {name!r:.40}; there are: {', '.join(ACTIONS)}")
    values = tuple(given) or _USUAL.get(name, ())
    if len(values) != len(wanted):
        raise SpiderError(f"Render: {name!r} takes {len(wanted)} values, as in {_example(name)}")
    for value, kind in zip(values, wanted, strict=True):
        if kind is str:
            fits = isinstance(value, str) and (bool(value) or name == "fill")
        else:
            fits = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool) and value > 0
        if not fits:
            raise SpiderError(f"Render: {value!r:.60} does not fit, as in {_example(name)}")
    if name == "wait" and values[0] > _LONGEST_WAIT_S:
        raise SpiderError(f"Render: 'wait' takes at most {_LONGEST_WAIT_S:g} seconds")
    return (name, *values)


def _example(name: str) -> str:
    examples = {str: "css", int: "3", float: "0.5"}
    words = [examples[kind] for kind in ACTIONS[name]]
    if name == "fill":
        words = ["css", "text"]
    elif name == "press":
        words = ["css", "Enter"]
    return f"({', '.join([repr(name), *(repr(each) if not each[0].isdigit() else each for each in words)])})"
