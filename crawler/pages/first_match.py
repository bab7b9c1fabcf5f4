"""The first match of a simple CSS query, found by walking the tree from its beginning.

XPath looks at the whole page before it gives the first result, and most queries of spiders want only that. A query is
simple when it is made of tags, classes and ids below one another (``div.product p.price::text``), the last one perhaps
as a child (``tr.brand > td``), ends with a tag or stands below one (``p.numbers .sku``), and asks for elements, their
text or an attribute. What such a query means is defined by cssselect; here it is only decided in another order: from
the element up to its ancestors, and without a tag from the ancestor down. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_PARTS = rf"(?:[.#]{_NAME})"
_COMPOUND = rf"(?:{_NAME}{_PARTS}*|{_PARTS}+)"
_SIMPLE = re.compile(
    rf"\s*+((?:{_COMPOUND}[ \t]++)*)(?:({_COMPOUND})[ \t]*+>[ \t]*+)?({_NAME})?({_PARTS}*)"
    rf"(?:(?<=[A-Za-z0-9_-])::(?:(text)|attr\(\s*({_NAME})\s*\)))?\s*"
)
_PIECE = re.compile(rf"([.#]?)({_NAME})")
_SPACE = re.compile(r"[ \t\r\n]+")  # what XPath's normalize-space() takes for space


class _Compound:
    """Tag, classes and id that one element must have."""

    __slots__ = ("_classes", "_id", "_tag")

    def __init__(self, text: str) -> None:
        pieces = _PIECE.findall(text)
        self._tag = "".join(name.lower() for kind, name in pieces if not kind)
        self._classes = [name for kind, name in pieces if kind == "."]
        self._id = [name for kind, name in pieces if kind == "#"]

    @property
    def tag(self) -> str:
        return self._tag

    def fits(self, element: Any) -> bool:
        if self._tag and element.tag != self._tag:
            return False
        for name in self._id:
            if element.get("id") != name:
                return False
        if not self._classes:
            return True
        given = element.get("class")
        if not given:
            return False
        for name in self._classes:
            if name != given and (name not in given or name not in _SPACE.split(given)):
                return False
        return True


class Walk:
    """Finds the first match of one simple query. Safe from any thread: what it remembers is a hint.

    Attributes:
        is_long: It has looked at more elements than an XPath for all of them costs.
    """

    __slots__ = ("_ancestors", "_attribute", "_fits", "_most", "_parent", "_tag", "_text", "is_long")

    def __init__(
        self, above: str, parent: str | None, tag: str | None, rest: str, text: str | None, attribute: str | None
    ) -> None:
        self._tag, self._text = tag.lower() if tag else "", text
        self._attribute = attribute.lower() if attribute else None
        self._fits = _Compound(rest).fits if rest else None
        self._parent = _Compound(parent) if parent else None
        self._ancestors = [_Compound(each) for each in reversed(above.split())]
        # XPath is slow where it has to look at the classes of all elements, so a walk may then take longer
        self._most = 20 if all(each.tag for each in self._ancestors) else 200
        if not self._tag or parent:
            self._most = max(self._most, 60)
        self.is_long = False

    def __call__(self, root: Any) -> Any:
        """The first match in *root* (itself included): an element, a text or None."""
        fits, ancestors, parent = self._fits, self._ancestors, self._parent
        for number, element in enumerate(root.iter(self._tag) if self._tag else self._below(root)):
            if number == self._most:
                self.is_long = True
            if fits is not None and not fits(element):
                continue
            if parent is not None:
                above = element.getparent() if element is not root else None
                if above is None or not parent.fits(above) or (ancestors and not _is_below(above, root, ancestors)):
                    continue
            elif self._tag and ancestors and not _is_below(element, root, ancestors):
                continue
            if self._text:
                result = element.text or _later_text(element)
            elif self._attribute:
                result = element.get(self._attribute)
            else:
                return element
            if result is not None:
                return result
        return None

    def _below(self, root: Any) -> Iterator[Any]:
        """All elements below those that the nearest ancestor fits.

        In the order of the page, except that what stands below two of them comes twice: the first match is the same.
        """
        nearest, *others = self._ancestors
        for element in root.iter(nearest.tag):
            if nearest.fits(element) and (not others or _is_below(element, root, others)):
                yield from element.iterdescendants("*")


def compiled(query: str) -> Walk | None:
    """What finds the first match of *query*; None for a query that is not simple."""
    found = _SIMPLE.fullmatch(query)
    if found is None:
        return None
    above, parent, tag, rest, _, _ = found.groups()
    if tag is None and (parent or not rest or not above or not _Compound(above.split()[-1]).tag):
        return None
    return Walk(*found.groups())


def _is_below(element: Any, root: Any, ancestors: list[_Compound]) -> bool:
    """Whether ancestors that fit stand above *element*, the nearest first, none above *root*."""
    wanted = iter(ancestors)
    compound = next(wanted)
    while element is not root:
        element = element.getparent()
        if compound.fits(element):
            following = next(wanted, None)
            if following is None:
                return True
            compound = following
    return False


def _later_text(element: Any) -> str | None:
    """The first text of its own that stands behind a child, or None."""
    for child in element:
        if child.tail:
            return str(child.tail)
    return None
