"""Pages that an answer in JSON counts without naming the next one: ``"page": 1, "page_count": 5``. Pure.

What the answer itself does not count, its headers may (``X-Total-Count: 90``).

The next one is asked for by the argument that the address of the answer shows, with the number that the answer
gives; else by the name that this number has in the answer, which is said to be a guess. Where there is neither, the
counts alone are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from crawler.authoring.next_in_json import NextInJson
from crawler.authoring.repeating import quoted
from crawler.quick_dataclass import quick_dataclass

_PAGE: Final = ("page", "currentpage", "pagenumber", "pageno", "pagenum", "pageindex", "number", "current")
_PAGES: Final = ("pagecount", "totalpages", "lastpage", "numpages", "numberofpages", "pagestotal", "maxpage", "pages")
_SIZE: Final = ("pagesize", "perpage", "limit", "itemsperpage", "resultsperpage", "maxresults", "size")
_TOTAL: Final = (
    *("total", "totalcount", "totalitems", "totalresults", "totalelements", "totalrecords", "totalrows", "totalhits"),
    *("recordstotal", "numfound", "itemcount", "count"),
)
_OFFSET: Final = ("offset", "skip", "start", "startat", "startindex")
_DEEP: Final = 3  #: objects within each other that are looked into: ``meta.pagination``
_INNER: Final = re.compile(r"meta|pag|info|resul|response|data", re.IGNORECASE)  # names of objects that may count
_LONGEST: Final = 12  #: digits of a text that may be a number
_MARKS: Final = re.compile(r"[\W_]+")
_HEADER: Final = re.compile(r"x-(?:wp-)?([\w-]+)", re.IGNORECASE)


@quick_dataclass
class CountedPages:
    """What an answer says of how much there is.

    Attributes:
        said: For the user: "5 pages, 90 rows".
        following: How the next page is asked for; None where that is not known.
        is_more: There is more than this page.
        is_guess: The argument is named after what the answer calls its page: the address does not show it.
    """

    said: str
    is_more: bool
    following: NextInJson | None = None
    is_guess: bool = False


@quick_dataclass
class _Number:
    """A number of the answer or of its address, and the expression for it."""

    name: str
    value: int
    expression: str


def find_counted(
    data: Any,
    asked: Mapping[str, Any],
    rows: str,
    count: int,
    *,
    by_address: bool = True,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> CountedPages | None:
    """What the answer counts; None where this is all there is, as far as it says.

    Args:
        asked: The arguments that were sent.
        rows: The expression for the list in *data*, and below, how many it holds.
        by_address: They were in the address, and not in a body.
        headers: Of the answer.
    """
    numbers = [*_numbers(data, "data", _DEEP), *_numbers_of_headers(headers)]
    kinds = (("page", _PAGE), ("pages", _PAGES), ("size", _SIZE), ("total", _TOTAL), ("offset", _OFFSET))
    found = {kind: each for kind, names in kinds if (each := _first(numbers, names)) is not None}
    if "page" in found and "pages" in found and _bare(found["page"].name + found["pages"].name) == "numberpages":
        del found["page"]  # a book's
    if "pages" not in found and "total" not in found:
        return None
    if "pages" in found and "total" in found and found["total"].value <= count and found["pages"].value > 1:
        del found["total"]  # "count" is that of this page
    is_more = _is_more(found, count)
    if by_address and is_more and "page" not in found and "offset" not in found:
        found.update(_in_address(asked, count))
    following = None
    if "page" in found and ("pages" in found or "size" in found):
        following = _by_page(found, *_argument(found["page"], _PAGE, asked))
    elif "offset" in found and "total" in found:
        following = _by_offset(found, _argument(found["offset"], _OFFSET, asked), rows)
    if following is None and not is_more:
        return None
    words = [_many(found[kind].value, noun) for kind, noun in (("pages", "page"), ("total", "row")) if kind in found]
    return CountedPages(", ".join(words), is_more, following, following is not None and following.argument not in asked)


def _numbers(data: Any, before: str, deep: int) -> Iterator[_Number]:
    """The numbers of the answer, outer ones first."""
    if not isinstance(data, Mapping) or not deep:
        return
    for name, value in data.items():
        if _is_number(value):
            place = f"{before}[{quoted(name)}]"
            yield _Number(name, int(value), f"int({place})" if isinstance(value, str) else place)
    for name, value in data.items():
        if _INNER.search(name):
            yield from _numbers(value, f"{before}[{quoted(name)}]", deep - 1)


def _numbers_of_headers(headers: Mapping[str, str]) -> Iterator[_Number]:
    """The numbers in headers that an application has made up for its lists."""
    for header, value in headers.items():
        found = _HEADER.fullmatch(header)
        if found is not None and _is_number(value):
            yield _Number(found[1], int(value), f"int(response.headers[{quoted(header)}])")


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) < _LONGEST
    return isinstance(value, int) and not isinstance(value, bool)


def _first(numbers: list[_Number], names: tuple[str, ...]) -> _Number | None:
    by_name = {_bare(each.name): each for each in reversed(numbers)}
    return next((by_name[name] for name in names if name in by_name), None)


def _bare(name: str) -> str:
    return _MARKS.sub("", name).lower()


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _is_more(found: Mapping[str, _Number], count: int) -> bool:
    """Whether it counts more than is there, up to this page."""
    page = max(found["page"].value, 1) if "page" in found else 1
    if "pages" in found:
        return found["pages"].value > page
    before = found["offset"].value if "offset" in found else (page - 1) * count
    return 0 < count < found["total"].value - before


def _in_address(asked: Mapping[str, Any], count: int) -> Iterator[tuple[str, _Number]]:
    """The page, or the place of its first row, as the address of the answer has it."""
    for name, value in asked.items():
        if not _is_number(value):
            continue
        expression = f"int(url_query_parameter(response.url, {quoted(name)}, {quoted(str(value))}))"
        if _is_called(name, _PAGE):
            yield "page", _Number(name, int(value), expression)
            yield "size", _Number("", count, str(count))
            return
        if _is_called(name, _OFFSET):
            yield "offset", _Number(name, int(value), expression)
            return


def _by_page(found: Mapping[str, _Number], argument: str, is_from_0: bool) -> NextInJson:
    page = found["page"]
    value = f"{page.expression} + 1"
    if "pages" in found:
        condition = f"{value if is_from_0 else page.expression} < {found['pages'].expression}"
    else:
        left = f"({value})" if is_from_0 else page.expression
        condition = f"{left} * {found['size'].expression} < {found['total'].expression}"
    return NextInJson(value, argument, condition=condition)


def _by_offset(found: Mapping[str, _Number], argument: tuple[str, bool], rows: str) -> NextInJson:
    value = f"{found['offset'].expression} + len({rows})"
    sign = "<" if argument[1] else "<="  # SCIM calls its first row 1: the last one has the number of the total
    return NextInJson(value, argument[0], condition=f"{rows} and {value} {sign} {found['total'].expression}")


def _argument(number: _Number, names: tuple[str, ...], asked: Mapping[str, Any]) -> tuple[str, bool]:
    """The argument for a number, and whether it counts from 0."""
    bare = _bare(number.name)
    from_0 = number.value == 0 or bare == "number" if names is _PAGE else bare != "startindex"  # Spring: "number"
    alike = [name for name in asked if _is_called(name, names)]
    exact = [name for name in alike if str(asked[name]) == str(number.value)]
    guess = "page" if bare in ("page", "currentpage", "number", "current") else number.name
    return next(iter([*exact, *alike, guess])), from_0


def _is_called(argument: str, names: tuple[str, ...]) -> bool:
    """Whether an argument of an address is for such a number: ``page``, ``p``, ``page[number]``, ``_page``."""
    bare = _bare(argument)
    return bare in names or (names is _PAGE and bare in ("p", "pg", "pagenr"))
