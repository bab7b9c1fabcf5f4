"""Lists of GraphQL that are read in portions: an object with `pageInfo`, and `edges` or `nodes` beside it. Pure.

The next portion is asked for by a variable of the query, after whose name the query says ``after: $name``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from crawler.authoring.repeating import quoted
from crawler.quick_dataclass import quick_dataclass

_DEEP: Final = 8  #: objects within each other that are looked into
_AFTER: Final = re.compile(r"\bafter\s{0,9}:\s{0,9}\$(\w+)")


@quick_dataclass
class Connection:
    """A list that is read in portions.

    Attributes:
        place: The expression for the object, from ``data``.
        rows: The expression for the objects that it lists.
        listed: These objects.
        is_more: There is another portion.
    """

    place: str
    rows: str
    listed: list[Any]
    is_more: bool


def find_connection(data: Any, place: str = "data", deep: int = _DEEP) -> Connection | None:
    """The first such list in an answer, outer ones first; None for none."""
    if not isinstance(data, Mapping) or not deep:
        return None
    info = data.get("pageInfo")
    if isinstance(info, Mapping) and "endCursor" in info and isinstance(info.get("hasNextPage"), bool):
        found = _listed(data, place)
        if found is not None:
            return Connection(place, *found, info["hasNextPage"])
    inner = (find_connection(value, f"{place}[{quoted(name)}]", deep - 1) for name, value in data.items())
    return next((each for each in inner if each is not None), None)


def _listed(data: Mapping[str, Any], place: str) -> tuple[str, list[Any]] | None:
    nodes, edges = data.get("nodes"), data.get("edges")
    if isinstance(nodes, list) and nodes and all(isinstance(each, Mapping) for each in nodes):
        return f'{place}["nodes"]', nodes
    if isinstance(edges, list) and edges and all(isinstance(each, Mapping) for each in edges):
        inner = [each.get("node") for each in edges]
        if all(isinstance(each, Mapping) for each in inner):
            return f'[edge["node"] for edge in {place}["edges"]]', inner
    return None


def variable_after(query: str) -> str:
    """The variable that says after which row a portion begins; "" where the query has none, or several."""
    names = set(_AFTER.findall(query))
    return names.pop() if len(names) == 1 else ""


def next_portion(found: Connection, variable: str, headers: str) -> list[str]:
    """The lines that send the same query again, for what comes after the last row.

    Args:
        headers: A further argument of the request, as source.
    """
    return [
        f'page = {found.place}["pageInfo"]',
        'if page["hasNextPage"]:',
        "    body = json.loads(response.asked.body)",
        f'    body["variables"] = {{**(body.get("variables") or {{}}), {quoted(variable)}: page["endCursor"]}}',
        f"    yield response.follow(response.url, json=body{headers})",
    ]
