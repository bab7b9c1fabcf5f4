"""Which link of a list's element is the element's own: not that of its author, its tags or its buttons. Pure.

A card may hold many links. Its own one leads somewhere else in each element; it often stands there more than once (at
the picture and at the title), or is around the title, the first text or the picture.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from crawler.authoring.inside import InsideOf
from crawler.quick_dataclass import quick_dataclass

_MOST_LINKS: Final = 20  #: links within an element that may be its own
_MOST_MEMBERS: Final = 50  #: elements that are compared
_MOST: Final = 0.7  #: share of the elements in which a link occurs twice, if that is to count
_AS_DIFFERENT: Final = 0.9  #: of the most different addresses: fewer of them are those of a few authors or tags
_NO_PAGE: Final = ("javascript:", "mailto:", "tel:")
_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_TITLE: Final = re.compile(r"(?:\A|[-_])(?:title|headline|heading|subject)(?:\Z|[-_])", re.IGNORECASE)


@quick_dataclass
class _Link:
    """One place of a link in the elements: what speaks for it."""

    query: str
    different: int
    is_title: bool
    is_repeated: bool
    is_whole: bool
    is_first: bool
    has_picture: bool

    def rank(self, most_different: int) -> tuple[bool, ...]:
        """Greater for the better one."""
        return (
            self.different >= _AS_DIFFERENT * most_different,
            self.is_title,
            self.is_repeated,
            self.is_whole,
            self.is_first,
            self.has_picture,
        )


def own_link(members: Sequence[Any], insides: Sequence[InsideOf], first: str) -> str | None:
    """The query, inside each element, for the link to its own page; "" for the element itself, None for none.

    Args:
        members: The elements, as selectors.
        insides: Contents of the first of them.
        first: The query for their first text.
    """
    if all(each.root.tag == "a" for each in members):
        hrefs = [each.root.get("href") for each in members]
        return "" if all(hrefs) and len(set(hrefs)) > 1 else None
    sample = members[:_MOST_MEMBERS]
    counts = [Counter(_page(each) for each in islice(member.root.iter("a"), 100)) for member in sample]
    found = [link for query in _queries(insides) if (link := _link(query, sample, counts, first)) is not None]
    most = max((each.different for each in found), default=0)
    for each in sorted(found, key=lambda link: link.rank(most), reverse=True):  # the first of equals stays first
        if all(link is not None and link.get("href") for link in _links(each.query, members)):
            return each.query
    return None


def _queries(insides: Sequence[InsideOf]) -> Iterator[str]:
    seen: set[str] = set()
    for inside in insides:
        for link in islice(inside.root.iter("a"), _MOST_LINKS):
            query = inside.query(link) if link.get("href") and link is not inside.root else ""
            if query and query not in seen:
                seen.add(query)
                yield query


def _links(query: str, members: Sequence[Any]) -> Iterator[Any]:
    for each in members:
        found = each.css(query)
        yield found[0].root if found else None


def _link(query: str, members: Sequence[Any], counts: Sequence[Counter[str]], first: str) -> _Link | None:
    """What speaks for a link; None if nothing does, or if it is not in each of the elements."""
    links = list(_links(query, members))
    pages = ["" if link is None else _page(link) for link in links]
    if any(not page or page.startswith(_NO_PAGE) for page in pages):
        return None
    repeated = sum(count[page] > 1 for page, count in zip(pages, counts, strict=True))
    different = len(set(pages))
    pictures = {_source(link) for link in links}
    made = _Link(
        query,
        different,
        is_title=_is_title(links[0], members[0].root),
        is_repeated=repeated >= _MOST * len(members),
        is_whole=pages == [link.get("href") for link in links],
        is_first=_is_around(links[0], next(_links(first, members[:1])) if first else None),
        has_picture="" not in pictures and len(pictures) > 1,
    )
    says_more = len({"".join(link.itertext()).strip() for link in links}) > 1  # a button says the same everywhere
    return made if different > 1 and (says_more or made.has_picture or made.is_repeated) else None


def _is_around(link: Any, text: Any) -> bool:
    return text is not None and (link is text or any(each is link for each in text.iterancestors()))


def _page(link: Any) -> str:
    """Where it leads, without the place on the page: "12 comments" leads to the page of the title."""
    href = str(link.get("href") or "")
    return href if "#/" in href else href.partition("#")[0]


def _source(link: Any) -> str:
    picture = next(link.iter("img"), None)
    return str(picture.get("src") or picture.get("data-src") or "") if picture is not None else ""


def _is_title(link: Any, member: Any) -> bool:
    """Whether it is in, or around, what is called a title."""
    above = []
    for each in link.iterancestors():
        if each is member:
            break
        above.append(each)
    return any(
        each.tag in _HEADINGS or any(map(_TITLE.search, (each.get("class") or "").split()))
        for each in (*above, *link.iter())
        if isinstance(each.tag, str)
    )
