"""`crawl new` of lists of GraphQL that come in portions: `pageInfo` beside `edges` or `nodes`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.authoring.connections import find_connection, variable_after
from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

TOTAL, SIZE = 23, 10


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)


def orders(call: WireRequest, *, nodes: bool) -> Answer:
    """Rows after a cursor, which stands in the variables of the query."""
    begins = int((json.loads(call.body).get("variables") or {}).get("cursor") or 0)
    rows = [{"id": each, "sum": each * 2} for each in range(begins, min(begins + SIZE, TOTAL))]
    ends = begins + len(rows)
    listed: dict[str, Any] = {"nodes": rows} if nodes else {"edges": [{"cursor": "x", "node": row} for row in rows]}
    info = {"hasNextPage": ends < TOTAL, "endCursor": str(ends)}
    return Answer.json({"data": {"viewer": {"orders": {"totalCount": TOTAL, "pageInfo": info, **listed}}}})


@pytest.mark.parametrize("nodes", [True, False], ids=["nodes", "edges"])
@pytest.mark.parametrize("sent", [{"variables": {"first": SIZE}}, {}, {"variables": None}], ids=str)
def test_all_portions_of_a_list_of_graphql_are_read(
    project: Path, crawl: Crawl, nodes: bool, sent: dict[str, Any]
) -> None:
    query = "query Orders($cursor: String) { viewer { orders(first: 10, after: $cursor) { nodes { id sum } } } }"
    routes = {"/graphql": lambda call: orders(call, nodes=nodes), "*": Answer(404)}
    with closing(Host(routes, "127.0.0.1", None)) as host:
        body = json.dumps({"query": query, **sent})
        made = crawl("new", "orders", "--from-curl", f"curl {host.url}/graphql --json '{body}'")
        run = crawl("run", "orders", "--json")

    assert (made.code, run.code) == (0, 0), made.err + run.err
    assert "with id, sum" in made.out
    assert 'next portion: pageInfo, by the variable "cursor" of the query' in made.out
    assert json.loads(run.out)["items"] == {"items": TOTAL}, (project / "spiders" / "orders.py").read_text()


def test_a_query_that_has_no_place_for_a_cursor_is_told(project: Path, crawl: Crawl) -> None:
    routes = {"/graphql": lambda call: orders(call, nodes=True), "*": Answer(404)}
    with closing(Host(routes, "127.0.0.1", None)) as host:
        body = json.dumps({"query": "{ viewer { orders(first: 10) { nodes { id sum } } } }"})
        made = crawl("new", "orders", "--from-curl", f"curl {host.url}/graphql --json '{body}'")

    assert made.code == 0, made.err
    assert "pageInfo says that there is more, and the query has no variable for it" in made.out
    assert "# TODO: pageInfo says that there is more" in (project / "spiders" / "orders.py").read_text()


@pytest.mark.parametrize(
    ("query", "variable"),
    [
        ("query Q($c: String) { a(after: $c) { b } }", "c"),
        ("query Q($c: String) { a(first: 5, after : $c) { b } x(after: $c) { y } }", "c"),
        ("query Q($c: String, $d: String) { a(after: $c) { b(after: $d) { e } } }", ""),
        ("{ a(after: 17) { b } }", ""),
        ("{ a { b } }", ""),
    ],
)
def test_the_variable_of_a_cursor_is_the_only_one_that_follows_after(query: str, variable: str) -> None:
    assert variable_after(query) == variable


INFO = {"hasNextPage": True, "endCursor": "x"}


@pytest.mark.parametrize(
    "data",
    [
        {"pageInfo": INFO},
        {"pageInfo": INFO, "nodes": []},
        {"pageInfo": INFO, "nodes": [1, 2]},
        {"pageInfo": INFO, "edges": [{"cursor": "x"}]},
        {"pageInfo": {"hasNextPage": None, "endCursor": "x"}, "nodes": [{"id": 1}]},
        {"pageInfo": [], "nodes": [{"id": 1}]},
        [{"pageInfo": INFO, "nodes": [{"id": 1}]}],
        None,
    ],
    ids=str,
)
def test_what_is_no_list_in_portions_is_none(data: Any) -> None:
    assert find_connection(data) is None
