"""What repeats in an XML document: the entries of an Atom, RSS or OPDS feed, or whatever has the most siblings. Pure.

Names in a namespace get a prefix, which the spider registers first. Each query is tried on the document: the one for
the rows finds these elements and no others, and each field has a text in most of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from crawler.authoring.repeating import FieldFound, ListFound, quoted
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response

_ATOM: Final = "http://www.w3.org/2005/Atom"
_OAI: Final = "http://www.openarchives.org/OAI/2.0/"
_ROWS: Final = ("entry", "item")  #: of feeds: one of them is a list, too
_MOST_ELEMENTS: Final = 20_000
_MOST_FIELDS: Final = 12
_MOST: Final = 0.7  #: a field must be in at least this share of the rows
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_RESERVED: Final = ("re", "set", "xml", "xmlns")  # prefixes that mean something already


@quick_dataclass
class XmlFound:
    """How a document is read.

    Attributes:
        spaces: The namespaces to register, by prefix.
        following: XPath of the address of the next page, "" for none.
        token: XPath of the token that asks for the next portion, in OAI-PMH; *error*: of what came in place of records.
    """

    found: ListFound
    spaces: Mapping[str, str] = field(default_factory=dict)
    following: str = ""
    token: str = ""
    error: str = ""


class _Prefixes:
    """Prefixes for the namespaces of a document, as it has them where it names one."""

    def __init__(self) -> None:
        self.spaces: dict[str, str] = {}

    def of(self, element: Any) -> str:
        """The name of an element as a query has it."""
        space, _, name = str(element.tag).rpartition("}")
        if not space:
            return name
        space = space[1:]
        known = next((prefix for prefix, each in self.spaces.items() if each == space), None)
        if known is None:
            wanted = element.prefix or ("atom" if space == _ATOM else "x")
            known = wanted if _PLAIN.fullmatch(wanted) and wanted not in (*_RESERVED, *self.spaces) else ""
            known = known or next(free for number in range(1, 1_000) if (free := f"x{number}") not in self.spaces)
            self.spaces[known] = space
        return f"{known}:{name}"


def find_in_xml(response: Response) -> XmlFound | None:
    """The rows of an XML document, its fields, and the next page; None where nothing repeats."""
    members = _members(response.selector.root)
    if not members:
        return None
    prefixes = _Prefixes()
    query = f"//{prefixes.of(members[0])}"
    if [each.root for each in response.xpath(query, namespaces=prefixes.spaces)] != members:
        query = f"//{prefixes.of(members[0].getparent())}/{prefixes.of(members[0])}"
        if [each.root for each in response.xpath(query, namespaces=prefixes.spaces)] != members:
            return None
    is_oai = response.selector.root.tag == f"{{{_OAI}}}OAI-PMH"
    is_record = is_oai and members[0].tag == f"{{{_OAI}}}record"
    fields = list(_fields_of_record(members, prefixes) if is_record else _fields(members, prefixes))
    if not fields:
        return None
    if is_oai:
        mine = next(prefix for prefix, space in prefixes.spaces.items() if space == _OAI)
        token, error = f"normalize-space(//{mine}:resumptionToken)", f"//{mine}:error[@code != 'noRecordsMatch']"
        return XmlFound(
            ListFound(f"response.xpath({quoted(query)})", len(members), fields), prefixes.spaces, "", token, error
        )
    following = _next(response, prefixes)
    used = {prefix: space for prefix, space in prefixes.spaces.items() if _uses(prefix, query, following, fields)}
    return XmlFound(ListFound(f"response.xpath({quoted(query)})", len(members), fields), used, following)


def _uses(prefix: str, query: str, following: str, fields: list[FieldFound]) -> bool:
    return any(f"{prefix}:" in text for text in (query, following, *(each.expression for each in fields)))


def _members(root: Any) -> list[Any]:
    """The entries of a feed, else the largest group of siblings with one name."""
    groups: dict[tuple[Any, str], list[Any]] = {}
    for number, element in enumerate(root.iter("*")):
        if number >= _MOST_ELEMENTS:
            break
        if element.getparent() is not None and len(element):
            groups.setdefault((element.getparent(), element.tag), []).append(element)
    for (_, tag), members in groups.items():
        name = tag.rpartition("}")[2]
        if name in _ROWS and _PLAIN.fullmatch(name):
            return members
    largest = max(groups.values(), key=len, default=[])
    return largest if len(largest) > 1 and _PLAIN.fullmatch(largest[0].tag.rpartition("}")[2]) else []


# --- fields -----------------------------------------------------------------------------------------------------------


def _fields(members: list[Any], prefixes: _Prefixes) -> Iterator[FieldFound]:
    used: set[str] = set()
    for element in _children(members):
        if len(used) >= _MOST_FIELDS:
            return
        path, name = prefixes.of(element), element.tag.rpartition("}")[2]
        if element.get("href") is not None:
            yield from _link(members, prefixes, path, used)
            continue
        inner = element.find(element.tag.rpartition("}")[0] + "}name" if "}" in element.tag else "name")
        if inner is not None:  # an author has a name, and perhaps an address
            path = f"{path}/{prefixes.of(inner)}"
        texts = _values(members, f"normalize-space({path})", prefixes)
        if not _tells(texts):
            continue
        read = f"row.xpath({quoted(f'normalize-space({path})')}).get()"
        if name == "link":
            name, read = "url", f"response.urljoin({read})"
        yield FieldFound(_free(name, used), read)


def _fields_of_record(members: list[Any], prefixes: _Prefixes) -> Iterator[FieldFound]:
    """Of a record of OAI-PMH: what its head says, and all values of each element of its metadata."""
    used: set[str] = set()
    mine = prefixes.of(members[0]).removesuffix("record")
    path = f"normalize-space({mine}header/{mine}identifier)"
    yield FieldFound(_free("identifier", used), f"row.xpath({quoted(path)}).get()")
    yield FieldFound(_free("deleted", used), f'row.xpath({quoted(f"{mine}header/@status")}).get() == "deleted"')
    seen: set[str] = set()
    for member in members:
        for each in member.iterfind(f"{{{_OAI}}}metadata//*"):
            name = each.tag.rpartition("}")[2] if isinstance(each.tag, str) else ""
            if len(each) or each.tag in seen or not _PLAIN.fullmatch(name) or len(used) >= _MOST_FIELDS:
                continue
            seen.add(each.tag)
            path = f"{mine}metadata//{prefixes.of(each)}/text()"
            yield FieldFound(_free(name, used), f"row.xpath({quoted(path)}).getall()")


def _children(members: list[Any]) -> Iterator[Any]:
    """One of each name, in the order of the first rows."""
    seen: set[str] = set()
    for member in members[:3]:
        for child in member.iterchildren("*"):
            if child.tag not in seen and _PLAIN.fullmatch(child.tag.rpartition("}")[2]):
                seen.add(child.tag)
                yield child


def _link(members: list[Any], prefixes: _Prefixes, path: str, used: set[str]) -> Iterator[FieldFound]:
    """The address of a row: of its link to itself, where links say what they are for."""
    for query in (f"{path}[not(@rel) or @rel='alternate']/@href", f"{path}/@href"):
        if all(_values(members, f"string({query})", prefixes)):
            yield FieldFound(_free("url", used), f"response.urljoin(row.xpath({quoted(query)}).get())")
            return


def _values(members: list[Any], query: str, prefixes: _Prefixes) -> list[str]:
    return [str(each.xpath(query, namespaces=prefixes.spaces or None)) for each in members]


def _tells(texts: list[str]) -> bool:
    said = [text for text in texts if text]
    if len(said) < _MOST * len(texts):
        return False
    return len(texts) == 1 or len(set(said)) > 1


def _free(name: str, used: set[str]) -> str:
    words = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).strip("_").lower() or "field"
    counts = Counter({words: 1})
    found = words
    while found in used:
        counts[words] += 1
        found = f"{words}_{counts[words]}"
    used.add(found)
    return found


def _next(response: Response, prefixes: _Prefixes) -> str:
    """The link of a feed to its next page: of Atom, or of Atom within RSS."""
    link = next(
        (each for each in response.selector.root.iter(f"{{{_ATOM}}}link", "link") if _is_next(each)),
        None,
    )
    if link is None or link.getparent() is None:
        return ""
    query = f"//{prefixes.of(link.getparent())}/{prefixes.of(link)}[@rel='next']/@href"
    found = response.xpath(query, namespaces=prefixes.spaces).getall()
    return query if len(found) == 1 else ""


def _is_next(link: Any) -> bool:
    return bool(link.get("rel") == "next" and link.get("href"))
