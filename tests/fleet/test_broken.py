"""A fleet that is broken on purpose, in short: `python -m tests.fleet` does the same at length."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import postgres
from tests.fleet.ground import Loopback
from tests.fleet.trial import Terms, Trial

pytestmark = pytest.mark.slow
SHORT = Terms(pages=150, hosts=3, members=2, expiries=1, delay_s=0, lease_s=1, faults=("kill", "cut", "lose", "crash"))


def test_a_fleet_that_is_killed_cut_and_whose_database_is_stopped_at_once_keeps_its_promises(tmp_path: Path) -> None:
    server = postgres.server()
    with Loopback(server) as ground:
        result = Trial(SHORT, 2, tmp_path, server, ground).run()

    assert result.wrong == []
    assert result.figures["logins"] == 2
    assert result.figures["answers lost"] >= 1
