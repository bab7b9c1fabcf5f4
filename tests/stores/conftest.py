"""A home for a store, of every kind there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.stores.base import RunRow, Store
from tests.stores.support import HOMES, Home, start


@pytest.fixture(params=list(HOMES))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    place = HOMES[request.param](tmp_path)
    yield place
    place.close()


@pytest.fixture
def store(home: Home) -> Store:
    return home.open()


@pytest.fixture
def run(store: Store) -> RunRow:
    return start(store)
