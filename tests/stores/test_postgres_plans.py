"""What PostgreSQL does for the questions that are asked again and again: no sort, no walk over what is done."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.stores.base import RunRow
from tests.stores.postgres_homes import home
from tests.stores.support import PostgresHome, found, lease, start

__all__ = ["home"]  # fixtures

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def run(home: PostgresHome) -> RunRow:
    """10,000 requests that wait for one host."""
    store = home.open()
    made = start(store)
    store.frontier.add(made.frontier, [found("first")])
    with home.raw() as raw:
        raw.execute(
            "INSERT INTO crawl_requests (frontier, fingerprint, url, lane, callback, priority, depth, state,"
            " lease_until, sent_at)"
            " SELECT frontier, decode(md5(n::text), 'hex'), url || n, lane, '', n / 100, 0, 0, 1, 1"
            " FROM crawl_requests, generate_series(1, 9999) n"
        )
        raw.execute("ANALYZE crawl_requests")
    return made


def plans(monkeypatch: pytest.MonkeyPatch, table: str, *, analyzed: bool = False) -> list[str]:
    """The plans of all statements about *table* from now on, each as it runs.

    Args:
        analyzed: Each runs once before, to tell which parts of its plan are never executed, and is undone.
    """
    execute, seen = psycopg.Connection.execute, list[str]()
    options = "(ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)" if analyzed else ""

    def explained(connection: Any, query: Any, *given: Any, **more: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else query
        if table in text and text.lstrip().startswith(("SELECT", "WITH", "UPDATE", "INSERT")):
            execute(connection, "SAVEPOINT explained")
            lines = execute(connection, f"EXPLAIN {options} {text}".encode(), *given, **more).fetchall()
            execute(connection, "ROLLBACK TO explained")
            seen.append("\n".join(line for (line,) in lines))
        return execute(connection, query, *given, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", explained)
    return seen


def test_the_best_requests_of_a_host_are_found_in_the_index_without_a_sort(
    home: PostgresHome, run: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = home.open()
    seen = plans(monkeypatch, "crawl_requests")

    leased = lease(store, run, 50)

    assert [one.priority for one in leased] == [99] * 50
    assert [one.id for one in leased] == sorted(one.id for one in leased)
    picked = next(plan for plan in seen if "LockRows" in plan)
    assert "Index Scan using crawl_requests_ready" in picked
    assert "Sort" not in picked
