"""A store of PostgreSQL, for tests of what it alone does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.support import PostgresHome


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PostgresHome]:
    made = PostgresHome(tmp_path)
    yield made
    made.close()
