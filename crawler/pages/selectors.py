"""Selectors over the HTML of a page: parsel's, with less to do for each query.

What is the same for every page is done once: a query is translated and compiled at its first use, and what a query
finds shares the namespaces of the page. The first match of a simple query (`pages.first_match`) is found without
looking at the rest of the page; the others are looked for when more than the first is wanted. Everything else,
and every odd case, is parsel's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from lxml import etree
from parsel import Selector, SelectorList
from parsel.csstranslator import HTMLTranslator

from crawler.pages import first_match

_NAMESPACES: Any = MappingProxyType(dict(Selector._default_namespaces))  # shared: `register_namespace` makes a copy
_TRANSLATOR = HTMLTranslator()
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)
_WALKS = 256  #: this many are judged together: a long one takes three times as long as an XPath, a short one a tenth


@lru_cache(maxsize=1_024)
def _compiled(query: str) -> Any:
    """A compiled XPath without namespaces. Safe from any thread: lxml lets one at a time evaluate it."""
    return etree.XPath(query, regexp=False, smart_strings=False)  # smart strings would keep the whole tree alive


class _Plan:
    """How a CSS query is answered. One for all pages; safe from any thread, since what it learns only makes it quicker.

    Attributes:
        walk: Finds the first match from the beginning of the page; None: look for all at once. That is so once all
            matches of a page were wanted, or when more than a quarter of the walks were long ones.
    """

    __slots__ = ("_long", "_query", "_tag", "_walks", "_xpath", "walk")

    def __init__(self, query: str) -> None:
        self._query = query
        self._xpath: Any = None
        self._tag = query.lower() if _TAG.fullmatch(query) else ""
        self.walk = first_match.compiled(query)
        self._walks = self._long = 0

    def walked(self, walk: first_match.Walk) -> None:
        """Count a walk: a list page among many pages of items, on which there is no match, says little."""
        self._walks += 1
        if walk.is_long:
            self._long += 1
            walk.is_long = False
        if self._walks >= _WALKS:
            if self._long > _WALKS // 4:
                self.walk = None
            self._walks = self._long = 0

    def all_in(self, root: Any) -> list[Any]:
        if self._tag:
            return list(root.iter(self._tag))  # half the time of an XPath
        if self._xpath is None:
            self._xpath = _compiled(_TRANSLATOR.css_to_xpath(self._query))
        found: list[Any] = self._xpath(root)
        return found


def why_no_css(query: str) -> str:
    """Why a text is no CSS selector, in one line; "" for one."""
    try:
        _compiled(_TRANSLATOR.css_to_xpath(query))
    except Exception as error:  # noqa: BLE001 - of cssselect, of lxml, or of a function that it does not know
        return " ".join(str(error).split()) or type(error).__name__
    return ""


_plan = lru_cache(maxsize=1_024)(_Plan)


class _Found(SelectorList["PageSelector"]):
    """What a query found."""

    def get(self, default: str | None = None) -> Any:
        return self[0].get() if self else default


class PageSelector(Selector):
    """A parsel Selector of type "html". Used by one thread at a time."""

    __slots__ = ()
    selectorlist_cls: Any = _Found

    @classmethod
    def over(cls, root: Any, query: str | None = None) -> PageSelector:
        """A selector over an element, or over what a query gives: a text, a number, a truth value."""
        self = cls.__new__(cls)
        self.root, self.type, self.namespaces = root, "html", _NAMESPACES
        self._expr, self._huge_tree, self._text = query, True, None
        return self

    def css(self, query: str) -> SelectorList[PageSelector]:
        try:
            return self._css(query)
        except Exception as error:
            if not type(error).__module__.startswith("cssselect"):  # which parsel brings along
                raise
            raise type(error)(f"{error} in {query!r}") from None

    def _css(self, query: str) -> SelectorList[PageSelector]:
        if self.namespaces is _NAMESPACES and isinstance(self.root, etree._Element):
            plan = _plan(query)
            walk = plan.walk
            if walk is None:
                return _Found([self.over(each, query) for each in plan.all_in(self.root)])
            first = walk(self.root)
            plan.walked(walk)
            return _Found() if first is None else _Later(self, query, first)
        return super().css(query)

    def found(self, css: str) -> list[Any] | None:
        """What a CSS query finds, as lxml has it; None when the quick way does not apply."""
        root = self.root
        if self.namespaces is not _NAMESPACES or not isinstance(root, etree._Element):
            return None
        return _plan(css).all_in(root)

    def xpath(
        self, query: str, namespaces: Mapping[str, str] | None = None, **variables: Any
    ) -> SelectorList[PageSelector]:
        if (
            namespaces is not None
            or self.namespaces is not _NAMESPACES
            or not isinstance(self.root, etree._Element)
            or ":" in query.replace("::", "")
        ):
            return super().xpath(query, namespaces=namespaces, **variables)
        try:
            found = _compiled(query)(self.root, **variables)
        except etree.XPathError as error:
            raise ValueError(f"XPath error: {error} in {query}") from error
        if not isinstance(found, list):
            found = [found]
        return _Found([self.over(each, query) for each in found])

    def get(self) -> Any:
        root = self.root
        return root if isinstance(root, str) else super().get()

    def register_namespace(self, prefix: str, uri: str) -> None:
        self.namespaces = {**self.namespaces, prefix: uri}


class _Later(_Found):
    """What a query found, of which only the first is known until more is asked for.

    It is a list whose items are put in late, so everything that looks at its items puts them in first.
    """

    __slots__ = ("_first", "_place", "_query")

    def __init__(self, place: PageSelector, query: str, first: Any) -> None:
        self._place: PageSelector | None = place
        self._query, self._first = query, first

    def __bool__(self) -> bool:
        return self._place is not None or len(self) > 0

    def get(self, default: str | None = None) -> Any:
        if self._place is None:
            return super().get(default)
        first = self._first
        return first if isinstance(first, str) else PageSelector.over(first, self._query).get()

    def _fill(self) -> None:
        place, self._place = self._place, None
        if place is not None:
            _plan(self._query).walk = None
            list.extend(self, [PageSelector.over(each, self._query) for each in place.found(self._query) or ()])

    def _whole(self) -> _Found:
        return _Found(self)

    def css(self, query: str) -> Any:
        return self._whole().css(query)

    def xpath(self, xpath: str, namespaces: Mapping[str, str] | None = None, **variables: Any) -> Any:
        return self._whole().xpath(xpath, namespaces, **variables)

    def jmespath(self, query: str, **options: Any) -> Any:
        return self._whole().jmespath(query, **options)

    def __getitem__(self, position: Any) -> Any:
        return self._whole()[position]

    def __radd__(self, other: Any) -> Any:
        return [*other, *self]


def _filled(name: str) -> Any:
    plain = getattr(list, name)

    def method(self: _Later, *args: Any, **kwargs: Any) -> Any:
        self._fill()
        for each in args:
            if isinstance(each, _Later):
                each._fill()
        return plain(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    *("__len__", "__iter__", "__contains__", "__reversed__", "__setitem__", "__delitem__", "__repr__"),
    *("__add__", "__iadd__", "__mul__", "__rmul__", "__imul__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
    *("append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"),
):
    setattr(_Later, _name, _filled(_name))
