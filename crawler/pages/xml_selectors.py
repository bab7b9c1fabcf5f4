"""Selectors over XML: parsel's, which say when a name finds nothing because its elements are in a namespace.

``<feed xmlns="http://www.w3.org/2005/Atom">`` puts every element below it into a namespace. A name without a prefix
finds none of them, and looks the same as an empty feed. The names of a document are read once, and only when a query
has found nothing; a document is spoken of once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from parsel import Selector, SelectorList

from crawler.late_pattern import late_pattern

_LITERAL: Final = late_pattern(r""""[^"]*+"|'[^']*+'""")
#: of an XPath: a name that is no attribute, no variable, no function, no axis, and has no prefix
_NAME: Final = late_pattern(r"(?:(@|\$|(?<!:):|attribute::)\s*)?(?<![\w.-])([^\W\d][\w.-]*+)(?!\s*(?:\(|:))")
_LONGEST: Final = 100  # characters of a namespace that are shown
_EMPTY: Final = ("", 0.0)  # what string(), normalize-space(), count() and boolean() make of nothing


@lru_cache(maxsize=256)
def _plain_names(query: str) -> tuple[str, ...]:
    """The names of elements in an XPath that have no prefix."""
    bare = re.sub(r"attribute\s*::\s*", "@", _LITERAL.sub("''", query))
    return tuple(dict.fromkeys(found[2] for found in _NAME.finditer(bare) if not found[1]))


class _Names:
    """The elements of one document by name, and what was said about them. Used by one thread.

    Args:
        warnings: Those of the page.
    """

    __slots__ = ("_root", "_spaces", "_warnings")

    def __init__(self, root: Any, warnings: list[str]) -> None:
        self._root, self._warnings = root, warnings
        self._spaces: dict[str, str] | None = None  # local name: its namespace; "" where some have none

    def quiet(self) -> None:
        """Say nothing from now on."""
        self._root = None

    def missed(self, query: str) -> None:
        """A query has found nothing."""
        if self._root is None:
            return
        if self._spaces is None:
            self._spaces = _spaces_of(self._root)
        for name in _plain_names(query):
            space = self._spaces.get(name)
            if space:
                self.quiet()
                self._warnings.append(
                    f"XML: {name!r} without a prefix finds nothing, because <{name}> is in the namespace"
                    f" {space[:_LONGEST]}: write *[local-name()='{name}'] for it in XPath, as in"
                    f" //*[local-name()='{name}'], or first call response.selector.remove_namespaces()"
                )
                return


def _spaces_of(root: Any) -> dict[str, str]:
    spaces: dict[str, str] = {}
    for element in root.iter("*"):
        space, _, name = element.tag.rpartition("}")
        if not space:
            spaces[name] = ""
        else:
            spaces.setdefault(name, space[1:])
    return spaces


class XmlSelector(Selector):
    """A parsel Selector of type "xml". Used by one thread at a time."""

    __slots__ = ("_names",)
    _names: _Names

    @classmethod
    def over(cls, root: Any, warnings: list[str]) -> XmlSelector:
        """A selector over a document; what there is to say goes into *warnings*."""
        self = cls(root=root, type="xml")
        self._names = _Names(root, warnings)
        return self

    def xpath(self, query: str, namespaces: Mapping[str, str] | None = None, **variables: Any) -> SelectorList[Any]:
        """As parsel's; `css` comes here, too."""
        found = super().xpath(query, namespaces=namespaces, **variables)
        names: _Names | None = getattr(self, "_names", None)  # one that parsel has made of JSON in a text has none
        if names is not None:
            if not found or (len(found) == 1 and found[0].root in _EMPTY):
                names.missed(query)
            for each in found:
                each._names = names
        return found

    def remove_namespaces(self) -> None:
        """As parsel's: afterwards plain names find elements."""
        super().remove_namespaces()
        names: _Names | None = getattr(self, "_names", None)
        if names is not None:
            names.quiet()
