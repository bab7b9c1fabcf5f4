"""The link to the next page of a list. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from crawler.authoring.repeating import quoted
from crawler.errors import UsageError
from crawler.response import Response

_NEXT: Final = re.compile(
    r"(?:next(?: page)?|older(?: posts| entries)?|more|weiter|nächste(?: seite)?|vor|suivante?|page suivante|siguiente|"
    r"próxim[ao]|avanti|successiv[ao]|volgende|nästa|neste|næste|następna|další|»|\u203a|→|>|>>)(?: ?[»\u203a→>]+)?",
    re.IGNORECASE,
)
_CLASS: Final = re.compile(r"-?[A-Za-z_][\w-]*")
_PAGER: Final = re.compile(r"(?:\A|[-_])(?:pager|paginat\w+|pages|paging)(?:\Z|[-_])", re.IGNORECASE)
_SAYS_NEXT: Final = re.compile(r"(?:\A|[-_])next(?:\Z|[-_])", re.IGNORECASE)


def find_next(response: Response) -> str | None:
    """The arguments of ``response.follow_all`` for the next page, as source; None if the page has none."""
    for link in _candidates(response):
        for query in _queries(link):
            if [each.root for each in response.css(query)] == [link]:
                return f"css={quoted(query)}"
        text = " ".join(link.text_content().split())
        if text and text.isprintable() and "'" not in text and '"' not in text:
            query = f"//a[normalize-space()='{text}']"
            if len(response.xpath(query)) == 1:
                return f"xpath={quoted(query)}"
    return _numbered(response)


def _numbered(response: Response) -> str | None:
    """The links of a pager with page numbers; None if there is none."""
    for pager in response.css("[class], [id]"):
        if not isinstance(pager.root.tag, str):
            continue
        names = [(f".{name}", name) for name in (pager.root.get("class") or "").split()]
        names += [(f"#{each}", each) for each in [pager.root.get("id")] if each]
        mark = next((mark for mark, name in names if _CLASS.fullmatch(name) and _PAGER.search(name)), None)
        links = [each.root for each in pager.css("a[href]")] if mark is not None else []
        if any(" ".join(each.text_content().split()).isdigit() and _leads(response, each) for each in links):
            return f'css="{mark} a[href]"'
    return None


def _candidates(response: Response) -> Iterator[Any]:
    """``a`` elements that may lead to the next page, most certain first."""
    links = [each.root for each in response.css("a[href]")]
    yield from (each for each in links if "next" in (each.get("rel") or "").lower().split() and _leads(response, each))
    yield from (each for each in links if _says_next(each.get("class")) and _leads(response, each))
    yield from (
        each
        for each in links
        if each.getparent() is not None and _says_next(each.getparent().get("class")) and _leads(response, each)
    )
    for each in links:
        said = (" ".join(each.text_content().split()), each.get("aria-label") or "", each.get("title") or "")
        if any(_NEXT.fullmatch(text.strip()) for text in said if text) and _leads(response, each):
            yield each


def _says_next(names: str | None) -> bool:
    return any(_SAYS_NEXT.search(name) for name in (names or "").split())


def _leads(response: Response, link: Any) -> bool:
    """Whether it leads to another page of this host."""
    try:
        url = response.urljoin(link.get("href"))
    except UsageError:
        return False
    return urlsplit(url).netloc == urlsplit(response.url).netloc and url.partition("#")[0] != response.url


def _queries(link: Any) -> Iterator[str]:
    if "next" in (link.get("rel") or "").lower().split():
        yield "a[rel=next]"
        yield 'a[rel~="next"]'
    for name in sorted((link.get("class") or "").split(), key=lambda each: not _SAYS_NEXT.search(each)):
        if _CLASS.fullmatch(name):
            yield f"a.{name}"
    parent = link.getparent()
    names = (parent.get("class") or "").split() if parent is not None else []
    for name in sorted(names, key=lambda each: not _SAYS_NEXT.search(each)):
        if _CLASS.fullmatch(name):
            yield f"{parent.tag}.{name} > a"
    label = link.get("aria-label") or ""
    if label.isprintable() and label and '"' not in label and "\\" not in label:
        yield f'a[aria-label="{label}"]'
    if _CLASS.fullmatch(link.get("id") or ""):
        yield f"a#{link.get('id')}"
