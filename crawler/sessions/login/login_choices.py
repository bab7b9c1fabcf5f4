"""What a login step chooses besides the account, such as a customer number: read from its code before it runs.

A login may lead to several customers, companies or shops, and the step switches to one of them; the site then keeps in
the session whose pages it shows. Such a session must not be taken for that of another choice: the pages would be good,
and of the wrong customer. So what a step reads of its spider, of the name of its session and of the account's further
fields, and the words that it sends, belong to the key of the session.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from crawler.late_pattern import late_pattern
from crawler.sessions.login.login_kinds import code_of
from crawler.spider import Spider
from crawler.urls import is_secret_name

_CREDENTIALS: Final = frozenset(("username", "password", "otp_secret", "client_id", "client_secret"))
_SENDS: Final = frozenset(("submit", "get", "post", "put", "patch", "delete", "request", "fill"))
_PLAIN: Final = (str, int, type(None))  # what is measured is no choice: it may differ from run to run
_DIGITS: Final = 10
_NO_CHOICE: Final = late_pattern(  # names of boxes, buttons and ways back, which each login form has
    r"remember|stay|keep|persist|submit|button|commit|action|log_?in|sign_?in|lang|locale|utf8|format|grant_type|scope"
    r"|next|return|redirect|continue|back|goto|service|referr?er|url",
    re.IGNORECASE,
)


def choices_of(spider: Spider, session: str, field: Callable[[str], str | None]) -> str:
    """A mark of what the login step of *spider* chooses; "" where it chooses nothing.

    Args:
        session: Name of the session that logs in.
        field: Finds a further field of its account.
    """
    chosen: set[str] = set()
    kind: Any = type(spider)
    for tree, called in code_of(kind):
        for what, name in _read(tree, called):
            if what == "session":
                chosen.add(_line(what, session))
            elif what == "field":
                chosen.add(_line(name, field(name) or ""))
            elif what == "argument":
                if (value := _plain(spider.arguments.get(name))) is not None:
                    chosen.add(_line(f"-a {name}", value))
            elif what == "sent":
                chosen.add(name)
            elif (value := _plain(_attribute(spider, name))) is not None:
                chosen.add(_line(f"self.{name}", value))
    if not chosen:
        return ""
    return hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest()[:_DIGITS]


def _line(name: str, value: str) -> str:
    return json.dumps([name, value])


def _read(tree: ast.AST, session: str) -> Iterator[tuple[str, str]]:
    """What the code reads: ("session", ""), ("field", its name), ("argument", its name), ("self", attribute), or
    ("sent", the words for a field).
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == session and node.attr in ("name", "identity"):
                yield "session", ""
            elif node.value.id == "self" and isinstance(node.ctx, ast.Load):
                yield "self", node.attr
        elif isinstance(node, ast.Subscript) and _is_called(node.value, "arguments"):
            if name := _text(node.slice):
                yield "argument", name
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = _text(node.args[0]) if node.args else None
            if node.func.attr == "get" and name and _is_called(node.func.value, "arguments"):
                yield "argument", name
            elif node.func.attr == "get" and name and _is_called(node.func.value, "account"):
                if name not in _CREDENTIALS and not is_secret_name(name):
                    yield "field", name
            elif node.func.attr in _SENDS:
                yield from (("sent", each) for each in _words(node))


def _is_called(node: ast.expr, name: str) -> bool:
    """Whether it is an attribute of that name, or a variable that took its name over."""
    return (isinstance(node, ast.Attribute) and node.attr == name) or (isinstance(node, ast.Name) and node.id == name)


def _words(call: ast.Call) -> Iterator[str]:
    """The fields with words of the spider's author that a call sends: in a dict, or in the query of an address."""
    for given in [*call.args, *(each.value for each in call.keywords if each.arg != "headers")]:
        if isinstance(given, ast.Dict):
            pairs = [(_text(key), _text(value)) for key, value in zip(given.keys, given.values, strict=True)]
        elif (text := _text(given)) and "?" in text:
            pairs = [*parse_qsl(urlsplit(text).query, keep_blank_values=True)]
        else:
            continue
        yield from (_line(name, word) for name, word in pairs if name and word and _may_choose(name, word))


def _may_choose(name: str, word: str) -> bool:
    return "/" not in word and not _NO_CHOICE.search(name) and not is_secret_name(name)


def _text(node: ast.expr | None) -> str | None:
    """A text or number that stands in the code; a box that is ticked chooses nothing."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool | bytes) or node.value in (None, ...):
        return None
    return str(node.value)


def _attribute(spider: Spider, name: str) -> Any:
    """What an attribute of the spider's own holds; a property is code, which is not run for this."""
    if name == "arguments" or hasattr(Spider, name):
        return None
    found = inspect.getattr_static(spider, name, None)
    return None if isinstance(found, property) or callable(found) else found


def _plain(value: Any) -> str | None:
    """A plain value as text; None for addresses, and for what is no value."""
    if isinstance(value, str) and "://" in value:
        return None
    if value is None or isinstance(value, bool) or not _is_plain(value):  # a switch chooses no customer
        return None
    return json.dumps(value, sort_keys=True, default=str)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(each) for name, each in value.items())
    return isinstance(value, _PLAIN)
