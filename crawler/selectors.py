"""Selectors over the HTML of a page: parsel's, with less to do for each query.

What is the same for every page is done once: a query is translated and compiled at its first use, and what a query
finds shares the namespaces of the page. Everything else, and every odd case, is parsel's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from lxml import etree
from parsel import Selector, SelectorList
from parsel.csstranslator import HTMLTranslator

_NAMESPACES: Any = MappingProxyType(dict(Selector._default_namespaces))  # shared: `register_namespace` makes a copy
_TRANSLATOR = HTMLTranslator()


@lru_cache(maxsize=1_024)
def _compiled(query: str) -> Any:
    """A compiled XPath without namespaces. Safe from any thread: lxml lets one at a time evaluate it."""
    return etree.XPath(query, regexp=False, smart_strings=False)  # smart strings would keep the whole tree alive


@lru_cache(maxsize=1_024)
def _of_css(query: str) -> Any:
    return _compiled(_TRANSLATOR.css_to_xpath(query))


class PageSelector(Selector):
    """A parsel Selector of type "html". Used by one thread at a time."""

    __slots__ = ()

    @classmethod
    def over(cls, root: Any, query: str | None = None) -> PageSelector:
        """A selector over an element, or over what a query gives: a text, a number, a truth value."""
        self = cls.__new__(cls)
        self.root, self.type, self.namespaces = root, "html", _NAMESPACES
        self._expr, self._huge_tree, self._text = query, True, None
        return self

    def css(self, query: str) -> SelectorList[PageSelector]:
        found = self.found(query)
        if found is None:
            return super().css(query)
        return _Found([self.over(each, query) for each in found])

    def found(self, css: str) -> list[Any] | None:
        """What a CSS query finds, as lxml has it; None when it is not for the quick way."""
        root = self.root
        if self.namespaces is not _NAMESPACES or not isinstance(root, etree._Element):
            return None
        return _of_css(css)(root)  # type: ignore[no-any-return]

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


class _Found(SelectorList[PageSelector]):
    """What a query found."""

    def get(self, default: str | None = None) -> Any:
        return self[0].get() if self else default


PageSelector.selectorlist_cls = _Found  # type: ignore[assignment]
