"""A short form of ``python -m tests.soak``."""

from __future__ import annotations

import pytest

from tests.soak.crawl import soak

pytestmark = pytest.mark.crash


def test_a_crawl_with_faults_through_two_processes_is_exact_and_stays_small() -> None:
    result = soak(1_500)

    assert result.faults == ()
