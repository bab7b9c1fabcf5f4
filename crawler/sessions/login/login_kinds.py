"""What a login step sets up besides cookies, read from its code before it runs. Pure, and reads source files.

A session that was made by a form is of no use to a spider that sends a token, nor the other way round; and one without
the adapter that a login mounts would go past it. So sessions of different kinds are kept apart. Two spiders whose steps
set up the same kind share a session, whatever else they do.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import threading
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, Final

from crawler.spider import Spider
from crawler.urls import is_secret_name

_WHOLE: Final = frozenset({"auth", "cert", "hooks", "mount", "params", "proxies", "verify"})
_TRIES: Final = 5
_written: dict[Callable[..., Any], str] = {}  # steps that stand for others: see `written_as`
_parsing = threading.Lock()  # guards ast.parse, which counts its depth for all threads together in Python 3.11
_MOST_CALLS: Final = 50  # helpers that are followed


def kind_of(spider: type[Spider]) -> str:
    """The kind of a spider's login: "" for cookies alone, else what it sets up, such as "auth+headers".

    Headers count when their name says that they hold a credential. Code that is in no file is taken for cookies.
    """
    anything: Any = spider
    return _told_by_code(anything) if _steps(anything) else ""


def written_as(step: Callable[..., Any], source: str) -> None:
    """Let *source* count as the code of a step: it does what a spider will do that is only being written.

    Both then have one session.
    """
    _written[step] = source


def _steps(spider: Any) -> list[Callable[..., Any]]:
    """Its own methods that set a session up."""
    own = ((spider.login, Spider.login), (spider.set_up_session, Spider.set_up_session))
    return [each for each, usual in own if each is not usual]


@functools.lru_cache(maxsize=512)
def _told_by_code(spider: Any) -> str:
    return "+".join(sorted({each for tree, name in code_of(spider) for each in _set_up(tree, name)}))


@functools.lru_cache(maxsize=512)
def code_of(spider: Any) -> tuple[tuple[ast.AST, str], ...]:
    """The code that sets a session of a spider up, with helpers, and what each part of it calls the session."""
    found: list[tuple[ast.AST, str]] = []
    waiting = [(each, _name_of_argument(each, 1)) for each in _steps(spider)]
    met: set[tuple[Any, str]] = set()
    while waiting and len(met) < _MOST_CALLS:
        function, name = waiting.pop()
        if (function, name) in met or not name:
            continue
        met.add((function, name))
        tree = _tree_of(function)
        if tree is not None:
            found.append((tree, name))
            waiting += _handed_on(tree, name, function, spider)
    return tuple(found)


def _name_of_argument(function: Callable[..., Any], place: int) -> str:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ""
    return names[place] if place < len(names) else ""


def _tree_of(function: Callable[..., Any]) -> ast.AST | None:
    try:
        source = _written.get(function) or textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError, SyntaxError):
        return None
    for _ in range(_TRIES):
        try:
            with _parsing:
                return ast.parse(source)
        except SystemError:  # another thread of this process parses: python/cpython#106905
            continue
        except (SyntaxError, ValueError, RecursionError):
            break
    return None


def _set_up(tree: ast.AST, session: str) -> Iterator[str]:
    """What the code does to the object that it calls *session*."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_name(node.value, session) and node.attr in _WHOLE:
            yield node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _is_headers(node.value, session):
            if _holds_credential(node.slice):
                yield "headers"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("update", "setdefault", "__setitem__") and _is_headers(node.func.value, session):
                keys = [key for each in node.args if isinstance(each, ast.Dict) for key in each.keys]
                keys += [ast.Constant(each.arg) for each in node.keywords if each.arg]
                if any(map(_holds_credential, keys or node.args[:1])):
                    yield "headers"
        elif isinstance(node, ast.Assign) and any(_is_headers(each, session) for each in node.targets):
            yield "headers"


def _is_name(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_headers(node: ast.AST, session: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "headers" and _is_name(node.value, session)


def _holds_credential(key: ast.AST | None) -> bool:
    """Whether a header of that name identifies somebody; so does one whose name is not known."""
    if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
        return True
    name = key.value.lower()
    return name != "cookie" and "csrf" not in name and "xsrf" not in name and is_secret_name(name)


def _handed_on(
    tree: ast.AST, session: str, function: Callable[..., Any], spider: type[Spider]
) -> Iterator[tuple[Callable[..., Any], str]]:
    """The functions that the session is handed on to, with what they call it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        place = next((at for at, each in enumerate(node.args) if _is_name(each, session)), None)
        word = next((each.arg for each in node.keywords if _is_name(each.value, session)), None)
        if place is None and word is None:
            continue
        called, bound = _called(node.func, function, spider)
        if called is not None:
            yield called, word or _name_of_argument(called, (place or 0) + bound)


def _called(
    node: ast.expr, function: Callable[..., Any], spider: type[Spider]
) -> tuple[Callable[..., Any] | None, int]:
    """What a call calls, where that can be told, and how many of its arguments are given already (``self``)."""
    space = getattr(function, "__globals__", {})
    found: Any = None
    bound = 0
    if isinstance(node, ast.Name):
        found = space.get(node.id)
    elif isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Call) and _is_name(node.value.func, "super"):
            found, bound = _inherited(function, node.attr, spider), 1
        elif _is_name(node.value, "self"):
            found = inspect.getattr_static(spider, node.attr, None)
            bound = 0 if isinstance(found, staticmethod) else 1
            found = getattr(found, "__func__", found)
        elif isinstance(node.value, ast.Name) and isinstance(space.get(node.value.id), ModuleType):
            found = getattr(space[node.value.id], node.attr, None)
    return (found, bound) if isinstance(found, FunctionType) else (None, 0)


def _inherited(function: Callable[..., Any], name: str, spider: type[Spider]) -> Any:
    """What ``super()`` finds in *function*."""
    owners = spider.__mro__
    here = next((at for at, each in enumerate(owners) if vars(each).get(function.__name__) is function), len(owners))
    return next((vars(each)[name] for each in owners[here + 1 :] if name in vars(each)), None)
