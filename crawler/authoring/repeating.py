"""What repeats on a page: rows of a table, entries of a list, cards; and which fields each of them has. Pure.

Siblings that look alike (tag, classes) are a candidate. Its fields are the elements inside that most of the siblings
have once and whose texts differ: text that is the same in all of them ("add to cart") is not a field. The candidate
with the most informative fields wins; page numbers are hardly informative. Every selector is tried on the page first:
it finds these elements and no others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import takewhile
from typing import Any, Final

from crawler.authoring.field_names import WORD, free_name, headings_of, name_of
from crawler.authoring.inside import CLASS, MADE, PLAIN, InsideOf, classes_of
from crawler.authoring.item_links import own_link
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response

_LEAST: Final = 2  #: elements needed for a list
_MOST_ELEMENTS: Final = 20_000  #: elements of a page that are examined
_MOST_FIELDS: Final = 12
_MOST_TEXTS: Final = 300  #: elements within one that may be fields
_MOST: Final = 0.7  #: a field must be in at least this share of the elements
_WEIGHS: Final = 6  #: fields beyond this number do not make a list better
_OF_ROWS: Final = frozenset(("tr", "tbody", "thead", "tfoot"))  # without a cell, they are the head of a table
_PLACE: Final = re.compile(r"(?<!\btr)(?<!\btd):nth-")
_FILLED_IN: Final = ".//textarea | .//select | .//input[not(@type) or @type='text' or @type='email']"
_LONGEST_WORD: Final = 13  #: in characters: of what stands between page numbers
_NO_NUMBER: Final = re.compile(r"[^\W\d_]|\d{5}")
_OF_NUMBERS: Final = 0.1  #: what is left of a list of page numbers, or of buttons, beside a list with words
_OF_PICTURES: Final = 0.5  #: the same for pictures, which have an address each, and perhaps a link
_NO_LIST: Final = frozenset(
    ["head", "script", "style", "nav", "header", "footer", "aside", "select", "noscript", "svg", "template", "dialog"]
)  # a template or a dialog is not visible until a script shows it
_ABOUT_WORDS: Final = """
    nav navbar navigation menu submenu pager paging pagination paginator breadcrumb breadcrumbs footer header sidebar
    toolbar tabs langs language languages social cookies carousel
"""
_ABOUT: Final = frozenset(_ABOUT_WORDS.split())  # in a class or id of what surrounds every page
_NOT: Final = frozenset(("has", "with", "no", "without"))  # before such a word: it is a neighbour, and not the element


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
        candidates.append((_score(members, fields), -place, members, fields))
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
        if element.tag == "th" or (element.tag in _OF_ROWS and element.find(".//td") is None):
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
    words = [word.lower() for word in WORD.findall(name)]
    return bool(words) and words[-1] in _ABOUT and words[0] not in _NOT


def _share_of_words(members: list[Any]) -> float:
    """1 for elements with words, less for those without a text (pictures), and little for links to pages of a list."""
    if all(each.root.tag == "button" and len(each.root) == 0 for each in members):
        return _OF_NUMBERS  # what one can do with a list: "Enable", "Delete"
    texts = list[str]()
    for each in members:
        texts.append(" ".join(each.root.text_content().split()))
        if len(texts[-1]) > _LONGEST_WORD:  # "Previous page"
            return 1.0
    short = sum(bool(text) and (len(text) == 1 or not _NO_NUMBER.search(text)) for text in texts)
    if not any(texts):
        return _OF_PICTURES
    return _OF_NUMBERS if short * 2 >= len(texts) else 1.0


def _is_filled_in(members: list[Any]) -> bool:
    """Whether they are the rows of a form that a person fills in. A row with its own forms can be edited in place."""
    return any(_form_in(members[0].root, each) is None for each in _filled_in(members[0]))


def _filled_in(member: Any) -> list[Any]:
    return [each.root for each in member.xpath(_FILLED_IN)]


def _form_in(member: Any, element: Any) -> Any:
    """The form inside *member* in which an element stands; None for none."""
    above = takewhile(lambda each: each is not member, element.iterancestors())
    return next((each for each in above if each.tag == "form"), None)


def _score(members: list[Any], fields: list[FieldFound]) -> float:
    """How much a list says: more fields, more elements, and words instead of numbers or nothing."""
    weight = min(sum(map(_weight, fields)), _WEIGHS) * _share_of_words(members)
    return float(weight * min(len(members), 50) ** 0.5)


def _weight(found: FieldFound) -> float:
    """Half for a field that is known only by places, one within the other; cells have good places."""
    return 0.5 if len(_PLACE.findall(found.expression)) > 1 else 1.0


# --- fields -----------------------------------------------------------------------------------------------------------


def _fields(response: Response, members: list[Any]) -> Iterator[FieldFound]:
    used: set[str] = set()
    insides = [InsideOf(each) for each in members[:3]]
    named: dict[str, tuple[str, list[str]]] = {}
    for query, name in _queries(members, insides):
        if len(named) >= _MOST_FIELDS:
            break
        texts = [_text(each, query) for each in members]
        said = [text for text in texts if text]
        if len(said) < _MOST * len(members) or len(set(said)) < 2:
            continue
        outer = next((known for known in named if query.startswith(f"{known} > ") and named[known][1] == texts), None)
        if outer is not None:  # a link in a cell that holds nothing else: it is the field, by the name of the cell
            name = named.pop(outer)[0]
        named[query] = name, texts
    queries = list(named)
    for query in queries:
        yield FieldFound(free_name(named[query][0], used), _reading(members, query))
    picture = _picture(members)
    own = own_link(members, insides, queries[0] if queries else "") if queries or picture else None
    own = own if own is not None else next(filter(None, (_link(members, query) for query in queries)), None)
    if own is not None:
        link = f"row.css({quoted(f'{own}::attr(href)')}).get()"
        yield FieldFound(free_name("url", used), f"response.urljoin({link})")
    if picture:
        yield FieldFound(free_name("image", used), picture)


def _queries(members: list[Any], insides: list[InsideOf]) -> Iterator[tuple[str, str]]:
    """Distinct queries for elements with their own text inside the first members, with a name for each."""
    seen: set[str] = set()
    if _texts_alone(members):
        yield "", "text"
        return
    headings = headings_of(members[0])
    for member, inside in zip(members, insides, strict=False):
        editors = {_form_in(member.root, each) for each in _filled_in(member)}
        for inner in member.xpath(".//*[text()[normalize-space()]]")[:_MOST_TEXTS]:
            if editors and (inner.root in editors or _form_in(member.root, inner.root) in editors - {None}):
                continue
            query = inside.query(inner.root)
            if query and query not in seen:
                seen.add(query)
                yield query, name_of(member, inner.root, query, headings)


def _texts_alone(members: list[Any]) -> bool:
    """Whether the elements hold text and nothing else."""
    return all(len(each.root) == 0 for each in members)


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


def _link(members: list[Any], query: str) -> str | None:
    """The query for a link in a field, such as the "open" beside a number."""
    inner = f"{query} a[href]".strip()
    found = [each.css(inner)[:1] for each in members]
    hrefs = [each[0].root.get("href") if each else None for each in found]
    return inner if all(hrefs) and len(set(hrefs)) > 1 else None


def _picture(members: list[Any]) -> str:
    """The expression for the address of their picture; "" for none."""
    sources = [each.css("img::attr(src)").get() for each in members]
    is_there = all(sources) and len(set(sources)) > 1
    return 'response.urljoin(row.css("img::attr(src)").get())' if is_there else ""


# --- the elements themselves ------------------------------------------------------------------------------------------


def _rows(response: Response, members: list[Any]) -> str | None:
    """The shortest expression that finds these elements and no others."""
    wanted = [each.root for each in members]
    for query in _row_queries(wanted):
        if [each.root for each in response.css(query)] == wanted:
            return f"response.css({quoted(query)})"
    for query in _of_each_class(wanted):
        if [each.root for each in response.css(query)] == wanted:
            return f"response.css({quoted(query)})"
    if wanted[0].tag == "tr":
        for table in _above(wanted[0], "table"):
            query = f"//{table}//tr[td]"
            found = [each.root for each in response.xpath(query)]
            if found == wanted:
                return f"response.xpath({quoted(query)})"
            for other in _classes_of_others(found, wanted):  # a row of page numbers below those without a class
                query = f"//{table}//tr[td][not(ancestor-or-self::tr[has-class('{other}')])]"
                if [each.root for each in response.xpath(query)] == wanted:
                    return f"response.xpath({quoted(query)})"
        for query in _of_outer_table(wanted[0]):
            if [each.root for each in response.xpath(query)] == wanted:
                return f"response.xpath({quoted(query)})"
    return None


def _of_outer_table(row: Any) -> Iterator[str]:
    """XPaths for the rows of a table with tables in its cells, which may be of the same class."""
    own = next(row.iterancestors("table"), None)
    if own is None:
        return
    path = "tr[td]" if row.getparent() is own else f"{row.getparent().tag}/tr[td]"
    ids = [each.get("id") for each in own.iterancestors() if PLAIN.fullmatch(each.get("id") or "")]
    for around in ("//", *(f"//*[@id='{each}']//" for each in ids)):
        for table in _named(own, "table"):
            yield f"{around}{table}/{path}"
            yield f"{around}{table}[not(ancestor::{table})]/{path}"


def _of_each_class(wanted: list[Any]) -> Iterator[str]:
    """Queries for elements that share no class: "tr.row, tr.alt", of the whole page or of what they are in."""
    names = [next(iter(classes_of(each)), "") for each in wanted]
    if not all(names) or len(set(names)) < 2:
        return
    own = [f"{wanted[0].tag}.{name}" for name in dict.fromkeys(names)]
    yield ", ".join(own)
    for each in wanted[0].iterancestors():
        if CLASS.fullmatch(each.get("id") or ""):
            yield ", ".join(f"#{each.get('id')} {mine}" for mine in own)


def _classes_of_others(found: list[Any], wanted: list[Any]) -> list[str]:
    """Classes of rows of the same table that are not among the wanted ones."""
    ours = {name for each in wanted for name in classes_of(each)}
    others = [name for each in found if each not in wanted for name in classes_of(each)]
    return [name for name in dict.fromkeys(others) if name not in ours]


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
            yield from _named(each, tag)


def _named(element: Any, tag: str) -> Iterator[str]:
    if PLAIN.fullmatch(element.get("id") or ""):
        yield f"{tag}[@id='{element.get('id')}']"
    if PLAIN.fullmatch(element.get("class") or ""):
        yield f"{tag}[@class='{element.get('class')}']"
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
