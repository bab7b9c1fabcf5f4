"""After kill -9 no change is recorded twice and none is lost. A sample of ``python -m tests.records.kills``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crawler.testing import SiteProcess
from tests.crash.sweep import why_not
from tests.crash.warm import Warm
from tests.records.kills import SecondNight

pytestmark = [pytest.mark.crash, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondNight]:
    with SiteProcess(books=10, per_page=5) as site, Warm() as warm:
        yield SecondNight(site, warm, tmp_path_factory.mktemp("nights"))


@pytest.mark.parametrize(("call", "n"), [("pwrite64", n) for n in (5, 40, 70, 100, 130)] + [("fdatasync", 2)], ids=str)
def test_a_night_killed_at_a_write_is_ended_by_the_next_run_with_exactly_the_right_changes(
    night: SecondNight, call: str, n: int
) -> None:
    _, wrong = night.killed_at(call, n)

    assert wrong == []
