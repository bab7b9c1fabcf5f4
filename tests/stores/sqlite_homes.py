"""A store of SQLite with pages in it, for tests of faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.stores.base import RunRow
from tests.stores.support import SQLiteHome, accept, found, lease, snapshot, start


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SQLiteHome]:
    place = SQLiteHome(tmp_path)
    yield place
    place.close()


def filled(home: SQLiteHome, pages: int = 300) -> RunRow:
    """A closed store with done pages, results and a session, all in the main file."""
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(number) for number in range(pages + 20)])
    leased = lease(store, run, pages)
    store.commit(run, "me", [accept(one, {"n": number, "text": "x" * 200}) for number, one in enumerate(leased)])
    store.sessions.save(snapshot(), run=run.id)
    store.close()
    return run
