"""The link to the next page of a list. Pure.

What is written must fit the next link of every page, and never the previous one, which the first page does not have: a
class such as ``page-link`` is of both. So a link is only told by what says "next": its rel, a class, a text, a label, a
picture; where nothing does, by the number of its page, or by its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from crawler.authoring.repeating import quoted
from crawler.errors import UsageError
from crawler.response import Response

_NEXT: Final = re.compile(
    r"(?:(?:go to )?(?:the )?next(?: (?:page|results?|posts?|items|entries))?(?:[ ,:(-]+(?:page )?\d+\)?)?|"
    r"[«\u2039←<]* ?older(?: (?:posts|entries|articles|items|comments))?|more|weiter|nächste(?: seite)?|vor|suivante?|"
    r"page suivante|siguiente|próxim[ao]|avanti|successiv[ao]|volgende|nästa|neste|næste|następna|další|"
    r"»|\u203a|→|>|>>)(?: ?[»\u203a→>]+)?",
    re.IGNORECASE,
)
_BACK: Final = re.compile(r"\b(?:prev(?:ious)?|newer|back|zurück|vorherige|précédente?|anterior)\b", re.IGNORECASE)
_CLASS: Final = re.compile(r"-?[A-Za-z_][\w-]*")
_PAGER: Final = re.compile(r"(?:\A|[-_])(?:pager|paginat\w+|pages|paging)(?:\Z|[-_])", re.IGNORECASE)
_SAYS_NEXT: Final = re.compile(r"(?:\A|[-_])next(?:\Z|[-_])", re.IGNORECASE)
_SAYS_BACK: Final = re.compile(r"(?:\A|[-_])prev(?:ious)?(?:\Z|[-_])", re.IGNORECASE)
_ICON: Final = re.compile(r"(?:\A|[-_])(?:next|(?:chevron|angle|arrow|caret)-right)\Z", re.IGNORECASE)
_CURRENT: Final = re.compile(r"(?:\A|[-_])(?:active|current|selected)(?:\Z|[-_])", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+)\b")


def find_next(response: Response) -> str | None:
    """The arguments of ``response.follow_all`` for the next page, as source; None if the page has none."""
    for link in _candidates(response):
        for kind, query in _queries(link):
            found = response.css(query) if kind == "css" else response.xpath(query)
            elements = [each.root for each in found]
            if link in elements and all(_target(response, each) == _target(response, link) for each in elements):
                return f"{kind}={quoted(query)}"
    return _in_pager(response)


def says_next(text: str) -> bool:
    """Whether a text is that of a link to the next page, and not "back" or "more" as it stands below a teaser."""
    return _NEXT.fullmatch(text) is not None and text.lower() not in ("more", "vor")


def _candidates(response: Response) -> Iterator[Any]:
    """``a`` elements that may lead to the next page, most certain first."""
    links = [each.root for each in response.css("a[href]") if _leads(response, each.root)]
    links = [each for each in links if not _BACK.search(_text(each))]
    yield from (each for each in links if "next" in _rel(each))
    yield from (each for each in links if _next_names(each))
    yield from (each for each in links if each.getparent() is not None and _next_names(each.getparent()))
    yield from (each for each in links if any(_NEXT.fullmatch(said) for said, _ in _said(each)))
    yield from (each for each in links if _icons(each) and _pager_of(each))


def _queries(link: Any) -> Iterator[tuple[str, str]]:
    """What may be written for it: "css" or "xpath", and the query. Only what a link to the previous page is not."""
    if "next" in _rel(link):
        yield "css", "a[rel=next]"
        yield "css", 'a[rel~="next"]'
    for name in _next_names(link):
        yield "css", f"a.{name}"
    parent = link.getparent()
    for name in _next_names(parent) if parent is not None else ():
        yield "css", f"{parent.tag}.{name} > a"
    pager = _pager_of(link)
    for around in ("//", f"{pager}//" if pager else ""):
        for said, by in _said(link) if around else ():
            if _NEXT.fullmatch(said):
                yield _query_of(said, by, around)
    for name in _icons(link) if pager else ():
        yield "xpath", f"{pager}//a[.//*[has-class('{name}')]]"
    if _next_names_in(link.get("id")):
        yield "css", f"a#{link.get('id')}"


def _query_of(said: str, by: str, around: str) -> tuple[str, str]:
    """A query by a text or a label. A number in it is that of the next page, or of its entries: another one there."""
    always = re.split(r"[ ,:(-]+(?:page )?\d", said, maxsplit=1)[0]
    if by in ("aria-label", "title") and around == "//":
        return "css", f'a[{by}="{said}"]' if always == said else f'a[{by}^="{always}"]'
    place = ".//@alt" if by == "alt" else f"@{by}" if by else "normalize-space()"
    return "xpath", f"{around}a[{place}='{said}']" if always == said else f"{around}a[starts-with({place}, '{always}')]"


def _said(link: Any) -> Iterator[tuple[str, str]]:
    """What a person is told of the link, and by which attribute; "" for its text. Quotes would need escapes."""
    pairs = [(_text(link), "")]
    pairs += [(link.get(by) or "", by) for by in ("aria-label", "title")]
    pairs += [(each.get("alt") or "", "alt") for each in link.iter("img")]
    for said, by in pairs:
        if said and said == said.strip() and said.isprintable() and not set(said) & set("'\"\\"):
            yield said, by


def _text(link: Any) -> str:
    return " ".join(link.text_content().split())


def _rel(link: Any) -> list[str]:
    return (link.get("rel") or "").lower().split()


def _next_names(element: Any) -> list[str]:
    return _next_names_in(element.get("class"))


def _next_names_in(names: str | None) -> list[str]:
    """Those that say "next" and not "previous", too, as ``prev-next`` does."""
    given = [name for name in (names or "").split() if _CLASS.fullmatch(name)]
    return [name for name in given if _SAYS_NEXT.search(name) and not _SAYS_BACK.search(name)]


def _icons(link: Any) -> list[str]:
    """Classes of what is in the link that show an arrow to the right."""
    names = [name for each in link.iterdescendants() for name in (each.get("class") or "").split()]
    return [name for name in names if _CLASS.fullmatch(name) and _ICON.search(name)]


def _leads(response: Response, link: Any) -> bool:
    """Whether it leads to another page of this host."""
    url = _target(response, link)
    return urlsplit(url).netloc == urlsplit(response.url).netloc and url != response.url


def _target(response: Response, link: Any) -> str:
    """The page that it leads to; "" for none."""
    try:
        return response.urljoin(link.get("href") or "").partition("#")[0]
    except UsageError:
        return ""


# --- pagers in which nothing says "next" ------------------------------------------------------------------------------


def _pager_mark(element: Any) -> str:
    """The beginning of an XPath for an element that is called a pager; "" for another one."""
    for name in (element.get("class") or "").split():
        if _CLASS.fullmatch(name) and _PAGER.search(name):
            return f"//*[has-class('{name}')]"
    name = element.get("id") or ""
    return f"//*[@id='{name}']" if _CLASS.fullmatch(name) and _PAGER.search(name) else ""


def _pager_of(link: Any) -> str:
    return next((mark for each in link.iterancestors() if (mark := _pager_mark(each))), "")


def _in_pager(response: Response) -> str | None:
    """The links of a pager by their numbers, or its last one; None if there is no pager."""
    pagers = [(mark, each.root) for each in response.css("[class], [id]") if (mark := _mark_of(each.root))]
    for mark, pager in pagers:
        links = [each for each in pager.iter("a") if each.get("href")]
        if any(_text(each).isdigit() and _leads(response, each) for each in links):
            least = 1 if _is_first(response, pager, links) else 0
            return f"xpath={quoted(f'{mark}//a[number() > {least}]')}"
    for mark, pager in pagers:
        links = [each for each in pager.iter("a") if _leads(response, each)]
        if len(links) == 1 and (query := _by_place(links[0], mark)) and len(response.xpath(query)) == 1:
            return f"xpath={quoted(query)}"
    return None


def _mark_of(element: Any) -> str:
    return _pager_mark(element) if isinstance(element.tag, str) else ""


def _is_first(response: Response, pager: Any, links: list[Any]) -> bool:
    """Whether this is the first page of a pager with numbers: then the link "1" would fetch it by another address."""
    for each in pager.iter():
        if not isinstance(each.tag, str) or (each.get("class") and _PAGER.search(each.get("class"))):
            continue
        is_current = (each.get("aria-current") or "false") != "false" or _CURRENT.search(each.get("class") or "")
        is_plain = not len(each) and each.tag != "a" and not any(up.tag == "a" for up in each.iterancestors())
        number = _NUMBER.match(_text(each)) if is_current or is_plain else None
        if number is not None:
            return int(number[1]) == 1
    numbers = {int(_text(each)): _target(response, each) for each in links if _text(each).isdigit()}
    here = next((number for number, url in numbers.items() if url == response.url), None)
    if here is not None:
        return here == 1
    shapes = {re.sub(r"\d+", "0", url) for number, url in numbers.items() if number > 1}
    return re.sub(r"\d+", "0", response.url) not in shapes


def _by_place(link: Any, mark: str) -> str:
    """The last entry of a pager whose first one, that of the previous page, is there without a link; "" otherwise."""
    entry = link.getparent()
    if entry is None or entry.tag != "li" or entry.getnext() is not None or entry.getprevious() is None:
        return ""
    return f"{mark}//li[last()]/a"
