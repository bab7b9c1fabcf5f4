"""Names for the fields of what repeats on a page: from the headings of a table, from classes, or from tags. Pure."""

from __future__ import annotations

import keyword
import re
from itertools import islice, takewhile
from typing import Any, Final

from crawler.authoring.inside import MADE, classes_of

WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*|[0-9]+")
_TAG_NAMES: Final = {"h1": "title", "h2": "title", "h3": "title", "h4": "title", "a": "title", "time": "date"}


def headings_of(member: Any) -> list[dict[int, str]]:
    """The column headings of a table, by column. For entries of several rows: of each row of its head."""
    table = next((each for each in member.root.iterancestors() if each.tag == "table"), None)
    rows = list(islice(table.iterfind(".//tr[th]"), 3)) if table is not None else []
    heads = [*rows[:1], *takewhile(lambda row: row.find("td") is None, rows[1:])]
    return [
        {_column(each): " ".join(each.text_content().split()) for each in row.iterchildren("th", "td")} for row in heads
    ]


def _column(cell: Any) -> int:
    """The column in which a cell stands, from 0."""
    widths = [each.get("colspan") or "1" for each in cell.itersiblings("td", "th", preceding=True)]
    return sum(int(width) if width.isascii() and width.isdigit() and len(width) < 4 else 1 for width in widths)


def _heading_of(member: Any, element: Any, headings: list[dict[int, str]]) -> str:
    """The heading of the column in which an element stands; "" for none."""
    above = list(takewhile(lambda each: each is not member.root, (element, *element.iterancestors())))
    cell = next((each for each in reversed(above) if each.tag == "td"), None)
    row = cell.getparent() if cell is not None else None
    if row is None or row.tag != "tr" or not (row is member.root or row.getparent() is member.root):
        return ""
    place = 0 if row is member.root else sum(1 for _ in row.itersiblings("tr", preceding=True))
    found = headings[place].get(_column(cell), "") if place < len(headings) else ""
    return found if WORD.search(found) else ""  # "#" is not a name


def name_of(member: Any, element: Any, query: str, headings: list[dict[int, str]]) -> str:
    """A name for the text of *element*, which *query* finds inside *member*."""
    if element.get("itemprop"):
        return str(element.get("itemprop"))
    heading = _heading_of(member, element, headings)
    if heading:
        return heading
    named = re.findall(r"\.([\w-]+)", query)
    if named:
        return str(named[-1])
    own = classes_of(element)
    if own and re.search(r" > [\w-]+:nth-of-type\(\d+\)\Z", query):
        return own[0]
    for above in element.iterancestors():
        if above is member.root:
            break
        names = [name for name in (above.get("class") or "").split() if not MADE.match(name)]
        if names and above.tag != "tr":  # "odd" says nothing about what is in it
            return str(names[0])
    return _TAG_NAMES.get(element.tag, "column" if element.tag == "td" else element.tag)


def free_name(name: str, used: set[str]) -> str:
    """The name as a word that Python takes and that is not used yet; it is put among the *used* ones."""
    words = "_".join(word.lower() for word in WORD.findall(name))[:40].strip("_") or "field"
    if words[0].isdigit() or keyword.iskeyword(words):
        words = f"field_{words}"
    found, number = words, 2
    while found in used:
        found, number = f"{words}_{number}", number + 1
    used.add(found)
    return found
