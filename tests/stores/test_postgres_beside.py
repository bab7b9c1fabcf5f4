"""Two processes commit at the same moment, in one row: what one has read of it still holds when it writes.

On PostgreSQL only: on SQLite nobody else writes between the beginning of a transaction and its end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from crawler.outcome import ItemRow, Outcome, Verdict
from crawler.stores.sql import session_rows
from crawler.stores.sql.page_commit import PageCommit
from crawler.stores.sql.record_rows import RecordRows
from tests.stores.postgres_homes import home
from tests.stores.support import PostgresHome, accept, found, lease, snapshot, start
from tests.stores.test_contract_fencing import cookies, values_of

__all__ = ["home"]  # fixtures

pytest.importorskip("psycopg")


class Meanwhile:
    """What another process does while a call of this one is under way: once, and as far as it is let."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=call)

    def __call__(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
            self._thread.join(0.5)  # it may have to wait for us

    def over(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_a_request_that_is_claimed_while_its_late_page_is_committed_counts_once(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, other = home.open(), home.open()
    run = start(late)
    late.frontier.add(run.frontier, [found(f"a{number}") for number in range(3)])
    pages = lease(late, run, 3, owner="late", lease_s=10)
    home.clock.now += 11
    lease(other, run, 1, owner="other")  # one of the three is another's, and two wait again
    move, claimed = PageCommit._move_all, []
    meanwhile = Meanwhile(lambda: claimed.extend(lease(other, run, 5, owner="other")))

    def moved(rows: PageCommit, raw: Any, owner: int, outcomes: Any) -> int:
        if len(outcomes) == 2:  # of the three, those that are held still
            meanwhile()
        return move(rows, raw, owner, outcomes)

    monkeypatch.setattr(PageCommit, "_move_all", moved)
    committed = late.commit(run, "late", [accept(one) for one in pages])
    meanwhile.over()

    counts = late.frontier.counts(run.frontier)
    assert len(committed.lost) == 1
    assert not claimed
    assert (counts.done, counts.waiting, counts.leased) == (2, 0, 1)


@pytest.mark.parametrize("is_new", [False, True], ids=["known session", "new session"])
def test_cookies_that_two_processes_bring_at_the_same_moment_are_all_kept(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    one, other = home.open(), home.open()
    base = cookies() if is_new else cookies(sid="1")
    if not is_new:
        one.sessions.save(snapshot(base), run=None)
    run = start(one)
    one.frontier.add(run.frontier, [found("a"), found("b")])
    pages = []
    for name, leased in zip("ab", lease(one, run, 2), strict=True):
        told = json.loads(base)["cookies"] + json.loads(cookies(**{name: "1"}))["cookies"]
        pages.append(accept(leased, session=snapshot(json.dumps({"cookies": told}), base=base)))
    meanwhile = Meanwhile(lambda: other.commit(run, "me", pages[1:]))
    values = session_rows._values

    def written(*given: Any) -> Any:  # the session was read, and is about to be written
        meanwhile()
        return values(*given)

    monkeypatch.setattr(session_rows, "_values", written)
    one.commit(run, "me", pages[:1])
    meanwhile.over()

    assert values_of(home.open()).keys() == {"a", "b"} | ({"sid"} if not is_new else set())


def test_a_record_that_two_pages_describe_differently_at_the_same_moment_has_what_both_say(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = home.open(), home.open()
    run = start(one, spider="shop")
    names = ["list", "detail", "list-again", "detail-again"]
    one.frontier.add(run.frontier, [found(name) for name in names])
    pages = {each.url.rpartition("/")[2]: each for each in lease(one, run, 10)}

    def says(store: Any, name: str, **fields: Any) -> None:
        item = ItemRow("Book", {"id": 1, **fields}, '{"id": "1"}')
        store.commit(run, "me", [Outcome(pages[name], Verdict.ACCEPT, items=[item], status=200)])

    says(one, "list", price=5)
    says(one, "detail", pages=100)
    put = RecordRows._put
    meanwhile = Meanwhile(lambda: says(other, "detail-again", pages=200))

    def written(rows: RecordRows, *given: Any) -> None:  # the record was read and compared
        meanwhile()
        put(rows, *given)

    monkeypatch.setattr(RecordRows, "_put", written)
    says(one, "list-again", price=6)
    meanwhile.over()

    (row,) = home.open().results.latest("Book", spider="shop")
    assert (row["price"], row["pages"]) == (6, 200)
