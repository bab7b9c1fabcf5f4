"""The shortest CSS query for an element inside of another one that holds it. Pure.

Most queries are answered by what was counted in one pass: a list may be a whole page in which thousands of elements
have a text, and each of them is asked about, with all that hold it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final

PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  #: what needs no escape in a query
CLASS: Final = re.compile(r"-?[A-Za-z_][\w-]*")
MADE: Final = re.compile(r"[A-Za-z]*\d{3,}|css-|sc-|jsx-|_\w{5,}\Z")  #: of a build, another one tomorrow


class InsideOf:
    """What stands inside of one element, a selector. Used by one thread."""

    def __init__(self, member: Any) -> None:
        self._member = member
        self._marked: dict[str, list[Any]] = defaultdict(list)  # "td", "td.price": elements
        self._hits: dict[str, list[Any]] = {}
        self._known: dict[Any, str] = {}
        for each in member.root.iter():
            if isinstance(each.tag, str):
                self._marked[each.tag].append(each)
                for name in set((each.get("class") or "").split()):
                    self._marked[f"{each.tag}.{name}"].append(each)

    def query(self, element: Any) -> str:
        """A query that finds *element* and nothing else there; "" where there is none."""
        known = self._known.get(element)
        if known is None:
            known = self._known[element] = self._query(element)
        return known

    def _query(self, element: Any) -> str:
        tag, parent = element.tag, element.getparent()
        if not (isinstance(tag, str) and PLAIN.fullmatch(tag)):
            return ""
        for name in classes_of(element):
            if self._is_alone(f"{tag}.{name}"):
                return f"{tag}.{name}"
        named = element.get("itemprop") or ""
        queries = [f'{tag}[itemprop="{named}"]'] if PLAIN.fullmatch(named) else []
        if tag in ("td", "th") and parent is self._member.root:
            queries.append(f"td:nth-child({[each for each in parent if each.tag in ('td', 'th')].index(element) + 1})")
        for query in queries:
            if self._finds(query, element):
                return query
        return self._by_place(element, parent)

    def _by_place(self, element: Any, parent: Any) -> str:
        """By what holds it, or by its place among its like."""
        tag, held = element.tag, parent is not None and parent is not self._member.root
        above = self.query(parent) if held else ""
        alike = [each for each in parent if each.tag == tag] if parent is not None else []
        within = f"{above} > {tag}" if above and len(alike) == 1 else ""  # *above* is its parent and nothing else
        alone = tag if self._is_alone(tag) else ""
        found = (within or alone) if "." in above else (alone or within)
        if found or not alike:
            return found
        numbered = f"{tag}:nth-of-type({alike.index(element) + 1})"
        return numbered if self._finds(numbered, element) else ""

    def _is_alone(self, mark: str) -> bool:
        return len(self._marked[mark]) == 1

    def _finds(self, query: str, element: Any) -> bool:
        hits = self._hits.get(query)
        if hits is None:
            hits = self._hits[query] = [each.root for each in self._member.css(query)[:2]]
        return len(hits) == 1 and hits[0] is element


def classes_of(element: Any) -> list[str]:
    """Its classes that people gave it, and that need no escape in a query."""
    names = (element.get("class") or "").split()
    return [name for name in names if CLASS.fullmatch(name) and not MADE.match(name)]
