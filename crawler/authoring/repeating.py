"""What repeats on a page: rows of a table, entries of a list, cards; and which fields each of them has. Pure.

Siblings that look alike (tag, classes) are a candidate. Its fields are the elements inside that most of the siblings
have once and whose texts differ: text that is the same in all of them ("add to cart") is not a field. The candidate
with the most informative fields wins. Every selector is tried on the page first: it finds these elements and no others.
"""

from __future__ import annotations

import keyword
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from crawler.authoring.inside import CLASS, MADE, PLAIN, InsideOf
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response

_LEAST: Final = 2  #: elements needed for a list
_MOST_ELEMENTS: Final = 20_000  #: elements of a page that are examined
_MOST_FIELDS: Final = 12
_MOST_TEXTS: Final = 300  #: elements within one that may be fields
_MOST: Final = 0.7  #: a field must be in at least this share of the elements
_WEIGHS: Final = 6  #: fields beyond this number do not make a list better
_NO_LIST: Final = frozenset(
    ["head", "script", "style", "nav", "header", "footer", "aside", "select", "noscript", "svg", "template", "dialog"]
)  # a template or a dialog is not visible until a script shows it
_ABOUT_WORDS: Final = """
    nav navbar navigation menu submenu pager pagination paginator breadcrumb breadcrumbs footer header sidebar toolbar
    tabs langs language languages social cookies carousel
"""
_ABOUT: Final = frozenset(_ABOUT_WORDS.split())  # in a class or id of what surrounds every page
_NOT: Final = frozenset(("has", "with", "no", "without"))  # before such a word: it is a neighbour, and not the element
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*|[0-9]+")
_TAG_NAMES: Final = {"h1": "title", "h2": "title", "h3": "title", "h4": "title", "a": "title", "time": "date"}


@quick_dataclass
class FieldFound:
    """One field of an element: the Python expression that reads it from ``row``."""

    name: str
    expression: str


@quick_dataclass
class ListFound:
    """Elements that repeat on a page.

    Attributes:
        rows: Python expression for the elements, from ``response``.
        count: Their number on the page.
    """

    rows: str
    count: int
    fields: Sequence[FieldFound] = field(default_factory=tuple)


def find_list(response: Response) -> ListFound | None:
    """The most informative elements that repeat on a page; None if nothing repeats."""
    candidates = []
    for place, members in enumerate(_groups(response)):
        fields = [] if _is_filled_in(members) else list(_fields(response, members))
        if not fields:
            continue
        score = min(len(fields), _WEIGHS) * min(len(members), 50) ** 0.5
        candidates.append((score, -place, members, fields))
    for _, _, members, fields in sorted(candidates, key=lambda each: each[:2], reverse=True)[:10]:
        rows = _rows(response, members)
        if rows is not None:
            return ListFound(rows, len(members), fields)
    return None


def _groups(response: Response) -> Iterator[list[Any]]:
    """Selectors of siblings that look alike."""
    parents: dict[Any, dict[tuple[str, ...], list[Any]]] = defaultdict(lambda: defaultdict(list))
    for number, each in enumerate(response.xpath("//body//*")):
        if number >= _MOST_ELEMENTS:
            break
        element = each.root
        if not (isinstance(element.tag, str) and PLAIN.fullmatch(element.tag)) or _is_frame(element):
            continue
        if element.tag == "th" or (element.tag == "tr" and not any(child.tag == "td" for child in element)):
            continue
        classes = tuple(sorted(name for name in (element.get("class") or "").split() if not MADE.match(name)))
        parents[element.getparent()][(element.tag, *classes)].append(each)
    for groups in parents.values():
        by_tag: dict[str, list[list[Any]]] = defaultdict(list)
        for key, members in groups.items():
            by_tag[key[0]].append(members)
            if len(members) >= _LEAST:
                yield members
        for several in by_tag.values():  # rows with the classes "odd" and "even"
            if len(several) > 1 and sum(map(len, several)) > max(map(len, several)):
                yield sorted((each for group in several for each in group), key=lambda each: _place(each.root))


def _place(element: Any) -> int:
    return int(element.getparent().index(element))


def _is_frame(element: Any) -> bool:
    """Whether it belongs to what surrounds every page of the site."""
    for each in (element, *element.iterancestors()):
        if each.tag in ("body", "html"):
            return False
        if each.get("hidden") is not None or each.get("aria-hidden") == "true":
            return True
        if each.tag in _NO_LIST or any(map(_is_about, f"{each.get('class') or ''} {each.get('id') or ''}".split())):
            return True
    return False


def _is_about(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return bool(words) and words[-1] in _ABOUT and words[0] not in _NOT


def _is_filled_in(members: list[Any]) -> bool:
    """Whether they are the rows of a form that a person fills in."""
    return bool(members[0].xpath(".//textarea | .//select | .//input[not(@type) or @type='text' or @type='email']"))


# --- fields -----------------------------------------------------------------------------------------------------------


def _fields(response: Response, members: list[Any]) -> Iterator[FieldFound]:
    used: set[str] = set()
    links: list[FieldFound] = []
    for query, name in _queries(members):
        if len(used) >= _MOST_FIELDS:
            break
        texts = [_text(each, query) for each in members]
        said = [text for text in texts if text]
        if len(said) < _MOST * len(members) or len(set(said)) < 2:
            continue
        free = _free(name, used)
        yield FieldFound(free, _reading(members, query))
        link = _link(members, query, used)
        links += [link] if link is not None else []
    picture = _picture(members, used)
    yield from [*links[:1], *([picture] if picture is not None else [])]


def _queries(members: list[Any]) -> Iterator[tuple[str, str]]:
    """Distinct queries for elements with their own text inside the first members, with a name for each."""
    seen: set[str] = set()
    if _texts_alone(members):
        yield "", "text"
        return
    headings = _headings(members[0])
    for member in members[:3]:
        inside = InsideOf(member)
        for inner in member.xpath(".//*[text()[normalize-space()]]")[:_MOST_TEXTS]:
            query = inside.query(inner.root)
            if query and query not in seen:
                seen.add(query)
                yield query, _name(member, inner.root, query, headings)


def _texts_alone(members: list[Any]) -> bool:
    """Whether the elements hold text and nothing else."""
    return all(len(each.root) == 0 for each in members)


def _headings(member: Any) -> list[str]:
    """The column headings of a table."""
    table = next((each for each in member.root.iterancestors() if each.tag == "table"), None)
    row = table.find(".//tr[th]") if table is not None else None
    return [" ".join(each.text_content().split()) for each in row] if row is not None else []


def _name(member: Any, element: Any, query: str, headings: list[str]) -> str:
    if element.get("itemprop"):
        return str(element.get("itemprop"))
    cell = next((each for each in (element, *element.iterancestors()) if each.getparent() is member.root), None)
    if cell is not None and cell.tag == "td" and headings:
        place = [each for each in member.root if each.tag in ("td", "th")].index(cell)
        if place < len(headings) and _WORD.search(headings[place]):  # "#" is not a name
            return headings[place]
    named = re.findall(r"\.([\w-]+)", query)
    if named:
        return str(named[-1])
    for above in element.iterancestors():
        if above is member.root:
            break
        names = [name for name in (above.get("class") or "").split() if not MADE.match(name)]
        if names:
            return str(names[0])
    return _TAG_NAMES.get(element.tag, "column" if element.tag == "td" else element.tag)


def _free(name: str, used: set[str]) -> str:
    words = "_".join(word.lower() for word in _WORD.findall(name))[:40].strip("_") or "field"
    if words[0].isdigit() or keyword.iskeyword(words):
        words = f"field_{words}"
    found, number = words, 2
    while found in used:
        found, number = f"{words}_{number}", number + 1
    used.add(found)
    return found


def _text(member: Any, query: str) -> str:
    found = member.css(query) if query else [member]
    return " ".join(found[0].xpath("string()").get("").split()) if found else ""


def _reading(members: list[Any], query: str) -> str:
    """How the text is read: directly if it is in the element itself, else all of it with white space collapsed."""
    plain = f"{query}::text" if query else "::text"
    if all(each.css(plain).get("") == _text(each, query) for each in members):
        return f"row.css({quoted(plain)}).get()"
    return (
        f'row.css({quoted(query)}).xpath("normalize-space()").get()'
        if query
        else 'row.xpath("normalize-space()").get()'
    )


def _link(members: list[Any], query: str, used: set[str]) -> FieldFound | None:
    """The address of the first field that is a link."""
    for inner in (query, f"{query} a[href]".strip()):
        found = [each.css(inner)[:1] if inner else [each] for each in members]
        hrefs = [each[0].root.get("href") if each else None for each in found]
        if all(hrefs) and len(set(hrefs)) > 1:
            free = _free("url", used)
            selector = f"{inner}::attr(href)" if inner else "::attr(href)"
            return FieldFound(free, f"response.urljoin(row.css({quoted(selector)}).get())")
    return None


def _picture(members: list[Any], used: set[str]) -> FieldFound | None:
    sources = [each.css("img::attr(src)").get() for each in members]
    if not all(sources) or len(set(sources)) < 2:
        return None
    return FieldFound(_free("image", used), 'response.urljoin(row.css("img::attr(src)").get())')


# --- the elements themselves ------------------------------------------------------------------------------------------


def _rows(response: Response, members: list[Any]) -> str | None:
    """The shortest expression that finds these elements and no others."""
    wanted = [each.root for each in members]
    for query in _row_queries(wanted):
        if [each.root for each in response.css(query)] == wanted:
            return f"response.css({quoted(query)})"
    if wanted[0].tag == "tr":
        for table in _above(wanted[0], "table"):
            query = f"//{table}//tr[td]"
            if [each.root for each in response.xpath(query)] == wanted:
                return f"response.xpath({quoted(query)})"
    return None


def _row_queries(wanted: list[Any]) -> Iterator[str]:
    tag = wanted[0].tag
    shared = set.intersection(*(set((each.get("class") or "").split()) for each in wanted))
    names = [name for name in (wanted[0].get("class") or "").split() if name in shared and CLASS.fullmatch(name)]
    own = [f"{tag}.{name}" for name in names if not MADE.match(name)] + [tag]
    yield from own[:-1]
    above: list[str] = []
    for each in wanted[0].iterancestors():
        if each.tag in ("body", "html"):
            break
        names = [n for n in (each.get("class") or "").split() if CLASS.fullmatch(n) and not MADE.match(n)]
        marks = [f"#{each.get('id')}"] if CLASS.fullmatch(each.get("id") or "") else []
        tag_above = each.tag if PLAIN.fullmatch(each.tag) else "*"
        above += [*marks, *(f"{tag_above}.{name}" for name in names), tag_above]
    for parent in above:
        for mine in own:
            yield f"{parent} > {mine}"
            yield f"{parent} {mine}"
    parent = wanted[0].getparent().tag
    for each in above:  # the rows of one table body, as opposed to those of its head and of other tables
        if ("." in each or "#" in each) and PLAIN.fullmatch(parent):
            yield from (f"{each} {parent} > {mine}" for mine in own)


def _above(element: Any, tag: str) -> Iterator[str]:
    for each in element.iterancestors():
        if each.tag == tag:
            if PLAIN.fullmatch(each.get("id") or ""):
                yield f"{tag}[@id='{each.get('id')}']"
            if PLAIN.fullmatch(each.get("class") or ""):
                yield f"{tag}[@class='{each.get('class')}']"
            yield tag


def quoted(text: str) -> str:
    """A text as Python source, in double quotes if that needs no escapes."""
    return f'"{text}"' if text.isprintable() and '"' not in text and "\\" not in text else repr(text)


# --- JSON -------------------------------------------------------------------------------------------------------------


def find_json_list(data: Any) -> tuple[str, list[Any]] | None:
    """Where a list of objects is in JSON, as an expression from ``data``, and the list itself."""
    if isinstance(data, list):
        return ("data", data) if data and all(isinstance(each, Mapping) for each in data) else None
    if not isinstance(data, Mapping):
        return None
    own = [
        (f"data[{quoted(name)}]", value)
        for name, value in data.items()
        if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value)
    ]
    if own:
        return max(own, key=lambda each: len(each[1]))
    for name, value in data.items():
        inner = find_json_list(value) if isinstance(value, Mapping) else None
        if inner is not None:
            return f"data[{quoted(name)}]{inner[0].removeprefix('data')}", inner[1]
    return None
