"""The portal of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.files.portal import Portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    """A portal without files, that is closed after the test."""
    with Portal() as server:
        yield server
        server.shutdown()
