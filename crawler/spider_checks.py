"""What is refused when a spider class is defined: texts in place of lists, methods that are never called or are called
with other arguments, invalid keys, rules that would not be followed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from types import CodeType
from typing import Any

from crawler import habits
from crawler.errors import SpiderError
from crawler.identity import Identity, identities_of
from crawler.misplaced import codes_of, refuse_misplaced
from crawler.nearest import nearest
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
_APPLIES_RULES = frozenset(("_follow", "parse_by_rule", "rules", "extract_links"))  # names in code that does so itself
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


# --- rules ------------------------------------------------------------------------------------------------------------


def check_rules(cls: type, rules: Sequence[Any], plain_parse: Any) -> None:
    """Refuse rules of a CrawlSpider that would never apply, or whose pages would fail one by one.

    Args:
        rules: Its rules.
        plain_parse: The `parse` that applies them.
    Raises:
        SpiderError: With what to write.
    """
    parse: Any = getattr(cls, "parse", None)
    for rule in rules:
        if not hasattr(rule, "extractor"):
            raise SpiderError(
                f"{cls.__name__}.rules holds a {type(rule).__name__}; write Rule(LinkExtractor(...), ...)"
            )
        if rule.callback == "parse" and parse is plain_parse:
            raise SpiderError(
                f"{cls.__name__}: a rule names `parse`, which applies the rules and yields no items; write a method of"
                " another name for its pages"
            )
        _check_callback(cls, rule.callback, "a rule")
    if parse is plain_parse or not rules or not inspect.isfunction(parse):
        return
    own = (value for each in cls.__mro__ if not each.__module__.startswith("crawler.") for value in vars(each).values())
    if not any(
        _applies_rules(code) for value in own for code in codes_of(inspect.unwrap(value) if callable(value) else value)
    ):
        raise SpiderError(
            f"{cls.__name__}.parse replaces the `parse` of CrawlSpider, which applies the rules: none would be"
            " followed; write `def parse_start_url(self, response)` for start pages, and another name in rules"
        )


def check_sitemap_rules(cls: type, rules: Any) -> None:
    """Refuse rules of a SitemapSpider that fail when its sitemaps are read.

    Raises:
        SpiderError: One is no pair, its pattern is none, or there is no such method.
    """
    for rule in rules if isinstance(rules, list | tuple) else (rules,):
        if not isinstance(rule, list | tuple) or len(rule) != 2:
            raise SpiderError(f"{cls.__name__}.sitemap_rules are pairs; write [('/book/', 'parse_book')], not {rule!r}")
        try:
            re.compile(rule[0])
        except (re.error, TypeError) as error:
            raise SpiderError(f"{cls.__name__}.sitemap_rules: {rule[0]!r} is no regular expression: {error}") from None
        _check_callback(cls, rule[1], "sitemap_rules")


def _check_callback(cls: type, name: Any, where: str) -> None:
    if isinstance(name, str) and name and not callable(getattr(cls, name, None)):
        near = nearest(name, [each for each in dir(cls) if not each.startswith("_")])
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SpiderError(f"{cls.__name__} has no method {name!r}, which {where} names{hint}")


def _applies_rules(code: CodeType) -> bool:
    """Whether some code may apply rules itself, or through the `parse` of a base class."""
    names = {*code.co_names, *code.co_consts}
    return bool(names & _APPLIES_RULES) or ("parse" in names and bool(names & {"super", "CrawlSpider"}))
