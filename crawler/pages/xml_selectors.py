"""Selectors over XML: parsel's, which say when a name finds nothing because its elements are in a namespace.

``<feed xmlns="http://www.w3.org/2005/Atom">`` puts every element below it into a namespace. A name without a prefix
finds none of them, and looks the same as an empty feed. The names of a document are read once, and only when a query
has found nothing; a document is spoken of once. Nothing is said of a name whose elements were found in another way:
``//*[local-name()='entry']``, ``//atom:entry``, before or after.
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
#: of an XPath: a name with a prefix that is no attribute, no function, no axis
_PREFIXED: Final = late_pattern(r"(?<![\w.@-])[^\W\d][\w.-]*+:([^\W\d][\w.-]*+)(?!\s*(?:\(|:))")
#: of an XPath: what a name is compared with
_COMPARED: Final = late_pattern(r"""name\s*\([^()]*\)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_BY_NAME: Final = late_pattern(r"(?:name|namespace-uri)\s*\(")
_LONGEST: Final = 100  # characters of a namespace that are shown
_EMPTY: Final = ("", 0.0)  # what string(), normalize-space(), count() and boolean() make of nothing


def _without_literals(query: str) -> str:
    """An XPath with nothing in its quotes, and with ``@`` for each attribute."""
    return re.sub(r"attribute\s*::\s*", "@", _LITERAL.sub("''", query))


@lru_cache(maxsize=256)
def _plain_names(query: str) -> tuple[str, ...]:
    """The names of elements in an XPath that have no prefix."""
    bare = _without_literals(query)
    return tuple(dict.fromkeys(found[2] for found in _NAME.finditer(bare) if not found[1]))


@lru_cache(maxsize=256)
def _names_with_space(query: str) -> frozenset[str] | None:
    """The names of elements that an XPath finds in a namespace, as far as it shows; None if it looks into none."""
    bare = _without_literals(query)
    prefixed = _PREFIXED.findall(bare)
    if not prefixed and not _BY_NAME.search(bare):
        return None
    compared = (one or other for one, other in _COMPARED.findall(query))
    return frozenset((*prefixed, *(name.rpartition(":")[2] for name in compared)))


class _Names:
    """The elements of one document by name, and what was said about them. Used by one thread.

    Args:
        warnings: Those of the page.
    """

    __slots__ = ("_found", "_missed", "_root", "_said", "_spaces", "_warnings")

    def __init__(self, root: Any, warnings: list[str]) -> None:
        self._root, self._warnings, self._said = root, warnings, ""
        self._spaces: dict[str, str] | None = None  # local name: its namespace; "" where some have none
        self._missed: dict[str, str] = {}  # local name: what there is to say of it, in the order of the queries
        self._found: set[str] = set()

    def quiet(self) -> None:
        """Say nothing from now on, and take back what was said: plain names find elements."""
        self._root = None
        self._missed.clear()
        self._say()

    def found(self, names: frozenset[str], results: SelectorList[Any]) -> None:
        """A query that looks into namespaces has found something."""
        tags = {getattr(each.root, "tag", None) for each in results}
        self._found |= names | {tag.rpartition("}")[2] for tag in tags if isinstance(tag, str)}
        if not self._found.isdisjoint(self._missed):
            self._missed = {name: text for name, text in self._missed.items() if name not in self._found}
            self._say()

    def _say(self) -> None:
        """Have the first name that was missed among the warnings, and no other."""
        text = next(iter(self._missed.values()), "")
        if text == self._said:
            return
        if self._said in self._warnings:
            self._warnings.remove(self._said)
        if text:
            self._warnings.append(text)
        self._said = text

    def missed(self, query: str) -> None:
        """A query has found nothing."""
        if self._root is None:
            return
        if self._spaces is None:
            self._spaces = _spaces_of(self._root)
        for name in _plain_names(query):
            space = self._spaces.get(name)
            if space and name not in self._found:
                self._missed.setdefault(
                    name,
                    f"XML: {name!r} without a prefix finds nothing, because <{name}> is in the namespace"
                    f" {space[:_LONGEST]}: write *[local-name()='{name}'] for it in XPath, as in"
                    f" //*[local-name()='{name}'], or first call response.selector.remove_namespaces()",
                )
                self._say()
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
            elif (named := _names_with_space(query)) is not None:
                names.found(named, found)
            for each in found:
                each._names = names
        return found

    def remove_namespaces(self) -> None:
        """As parsel's: afterwards plain names find elements."""
        super().remove_namespaces()
        names: _Names | None = getattr(self, "_names", None)
        if names is not None:
            names.quiet()
