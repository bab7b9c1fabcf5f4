"""What is refused when a spider class is defined: texts in place of lists, methods that are never called or are called
with other arguments, invalid keys.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from crawler import habits
from crawler.errors import SpiderError
from crawler.identity import Identity, identities_of
from crawler.misplaced import refuse_misplaced
from crawler.records import key_fields
from crawler.render import render_of

_CALLED: dict[str, tuple[str, ...]] = {  # by us, with these parameters
    "start": (),
    "login": ("session",),
    "login_browser": ("page", "session"),
    "set_up_session": ("session",),
    "is_logged_out": ("response",),
    "parse": ("response",),
    "parse_start_url": ("response",),
    "sitemap_filter": ("entries",),
    "on_item": ("item", "response"),
    "on_request": ("request",),
    "on_response": ("response",),
    "on_event": ("event",),
    "closed": ("reason",),
}
_MARKS = ("logged_out_css", "logged_out_text", "logged_in_css", "logged_in_text")
_NO_GENERATORS = frozenset(("login", "login_browser", "closed", "on_item", "on_request", "on_response", "on_event"))


def check_class(cls: Any) -> None:
    """Refuse what would be silently ignored, or fail on every page; normalise its keys and its rendering.

    Args:
        cls: A spider class, just created.
    Raises:
        SpiderError: Something is to be refused.
    """
    own = vars(cls)
    for name in ("start_urls", "allowed_domains", "sitemap_urls"):
        given = own.get(name)
        if isinstance(given, str):
            raise SpiderError(f"{cls.__name__}.{name} is a text; write a list: {name} = [{given!r}]")
    if "sessions" in own and not hasattr(own["sessions"], "__get__"):
        try:
            identities_of(own["sessions"])
        except SpiderError as error:
            raise SpiderError(f"{cls.__name__}: {error}") from None
        if isinstance(own["sessions"], Identity):
            cls.sessions = (own["sessions"],)
    if "render" in own:
        cls.render = render_of(own["render"])
    if "keys" in own:
        cls.keys = checked_keys(cls, own["keys"])
    if own.get("key"):  # as an item class says it; a spider's is that of its dicts
        cls.keys = {**cls.keys, **checked_keys(cls, {"items": own["key"]})}
    for name in habits.METHODS:
        if name in own and not (name == "start_requests" and "start" in own):  # for old and new versions
            raise SpiderError(f"{cls.__name__}.{name} has no effect here; instead: {habits.METHODS[name]}")
    check_marks(cls, cls.__name__, own)
    refuse_misplaced(cls)
    check_called(cls)


def check_marks(of: Any, name: str, given: Mapping[str, Any]) -> None:
    """Refuse marks of a login that cannot be looked for; an empty one becomes None and switches off a parent's.

    Args:
        of: A spider, or its class, whose attributes *given* are.
    Raises:
        SpiderError: One is no text, or no CSS selector.
    """
    for mark in _MARKS:
        value = given.get(mark)
        if value is None or hasattr(value, "__get__"):
            continue
        if not isinstance(value, str):
            raise SpiderError(f"{name}.{mark} is {type(value).__name__}, not a text")
        if not value.strip():
            setattr(of, mark, None)
        elif mark.endswith("_css"):
            from crawler.pages.selectors import why_no_css  # loaded where there is a selector

            if why := why_no_css(value):
                raise SpiderError(f"{name}.{mark} = {value!r} is no CSS selector: {why}")


def check_called(cls: type) -> None:
    """Refuse methods that we call if they take other parameters, are ``async``, or would not run.

    Raises:
        SpiderError: There is one.
    """
    own = vars(cls)
    for name, method in own.items():
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            raise SpiderError(f"{cls.__name__}.{name} is async; write `def {name}`: threads do the waiting here")
    for name, words in _CALLED.items():
        if inspect.isfunction(own.get(name)):
            _check_method(cls, own[name], name, words)


def checked_keys(cls: type, given: Any) -> dict[str, tuple[str, ...]]:
    """`Spider.keys` by table, each key as a tuple of names.

    Raises:
        SpiderError: It is not a dict, or one of its keys is not valid.
    """
    if not isinstance(given, Mapping):
        example = given if isinstance(given, str) else "id"
        raise SpiderError(f"{cls.__name__}.keys is a dict, by kind of item: keys = {{'items': {example!r}}}")
    checked = {}
    for kind, key in given.items():
        name = kind if isinstance(kind, str) else getattr(kind, "__table__", None) or getattr(kind, "__name__", "")
        try:
            checked[str(name)] = key_fields(key)
        except ValueError as why:
            raise SpiderError(f"{cls.__name__}.keys, of {name!r}: {why}") from None
    return checked


def _check_method(cls: type, method: Any, name: str, words: tuple[str, ...]) -> None:
    try:
        inspect.signature(method).bind(None, *words)
    except TypeError:
        wanted = ", ".join(("self", *words))
        raise SpiderError(f"{cls.__name__}.{name} has other parameters; write `def {name}({wanted})`") from None
    if name in _NO_GENERATORS and inspect.isgeneratorfunction(method):
        raise SpiderError(
            f"{cls.__name__}.{name} has a `yield`, so none of it would run; call session.get and session.submit"
            " there, line by line"
            if name == "login"
            else f"{cls.__name__}.{name} has a `yield`, so none of it would run"
        )
