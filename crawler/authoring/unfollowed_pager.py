"""What on a page speaks of further ones that no address leads to: a pager of scripts, "Showing 1 to 20 of 70". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from crawler.authoring.next_links import says_next
from crawler.response import Response

# asked about short texts, in which spaces are single
_RANGE: Final = re.compile(
    r"(?:\b(?P<word>[^\W\d_]{1,30})[: (]{0,3})?\b(?P<first>[1-9][\d,.]{0,15}) ?(?:-|\u2013|\u2014|to|bis|through|à|a)"
    r" ?(?P<last>\d[\d,.]{0,15})(?: [^\W\d_]{1,30})? ?(?:of|von|/|out of|sur|de|di|van) ?(?:about )?"
    r"(?P<total>\d[\d,.]{0,15})",
    re.IGNORECASE,
)
_PAGE_OF: Final = re.compile(
    r"\b(?:page|seite|página|pagina|sida|side) ?:? ?(\d{1,9}) ?(?:of|von|/|sur|de|di|van) ?(\d{1,9})", re.IGNORECASE
)
_SHOWS: Final = frozenset(("showing", "displaying", "results", "items", "records", "entries", "rows", "zeige"))
_CLICKED: Final = ("a", "button", "span", "li", "td", "div")
_PICTURES: Final = re.compile(r"carousel|slide|slick|swiper|gallery|lightbox|calendar|datepicker|wizard", re.IGNORECASE)
_LONGEST: Final = 100  #: in characters: of a text that says how much is shown


def find_unfollowed(response: Response, count: int) -> str:
    """What says that there are more pages, for the user; "" for nothing.

    Args:
        count: Rows that were found on this page.
    """
    said = [*_counts(response, count), *_clicked(response)]
    return " and ".join(said[:2])


def _counts(response: Response, count: int) -> Iterator[str]:
    """Texts that say which part of a list is shown, if that is not its end."""
    for element in response.xpath("//body//*[text()[normalize-space()]][not(self::script or self::style)]"):
        text = " ".join(element.root.text_content().split())
        if len(text) > _LONGEST:
            continue
        page, rows = _PAGE_OF.search(text), _RANGE.search(text)
        if (page is not None and int(page[1]) < int(page[2])) or (rows is not None and _is_part(rows, count)):
            yield f'"{text}"'
            return


def _is_part(rows: re.Match[str], count: int) -> bool:
    first, last, total = (int(re.sub(r"\D", "", rows[name])) for name in ("first", "last", "total"))
    is_said = (rows["word"] or "").lower() in _SHOWS or last - first + 1 == count
    return is_said and first <= last < total and count < total


def _clicked(response: Response) -> Iterator[str]:
    """What is clicked on for the next page and has no address: a script turns it."""
    elements = [each.root for each in response.css(", ".join(_CLICKED)) if _is_clicked(each.root)]
    texts = {id(each): " ".join(each.text_content().split()) for each in elements}
    nexts = [each for each in elements if says_next(texts[id(each)])]
    numbers = [each for each in elements if texts[id(each)] in ("2", "3")]
    is_numbered = {texts[id(each)] for each in numbers} == {"2", "3"}
    found = next(iter(nexts if is_numbered or any(map(_is_turned, nexts)) else []), None)
    if found is not None:
        yield f'"{texts[id(found)]}", which a script turns'
    elif is_numbered and any(map(_is_turned, numbers)):
        yield "page numbers, which a script turns"


def _is_clicked(element: Any) -> bool:
    """Whether a script may do something where it is clicked on, and no address is there."""
    if element.tag not in ("a", "button") and element.get("onclick") is None:
        return False
    href = (element.get("href") or "").strip()
    if (href and not href.startswith("#") and not href.lower().startswith("javascript:")) or _is_off(element):
        return False
    around = (f"{each.get('class') or ''} {each.get('id') or ''}" for each in (element, *element.iterancestors()))
    return not any(map(_PICTURES.search, around))


def _is_off(element: Any) -> bool:
    names = (element.get("class") or "").split() + (element.getparent().get("class") or "").split()
    return element.get("disabled") is not None or element.get("aria-disabled") == "true" or "disabled" in names


def _is_turned(element: Any) -> bool:
    """Whether it says itself that a script follows, or stands in what is called a pager."""
    if element.get("onclick") or (element.get("href") or "").lower().startswith("javascript:"):
        return True
    return any(
        re.search(r"pag(?:er|ing|inat|e-)", f"{each.get('class') or ''} {each.get('id') or ''}", re.IGNORECASE)
        for each in (element, *element.iterancestors())
    )
