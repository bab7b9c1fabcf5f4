"""S3: after a power cut the store opens, sound and with whole pages; with ``durability=full`` none is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.power import Recording, cut, moments_of, record
from tests.crash.sweep import why_not

pytestmark = [pytest.mark.crash, pytest.mark.skipif(bool(why_not()), reason=why_not())]
MOMENTS = 25


@pytest.fixture(scope="module", params=["normal", "full"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Recording]:
    return request.param, record(tmp_path_factory.mktemp(request.param), request.param)


def test_S3_a_power_cut_takes_whole_pages_from_the_end_and_none_with_durability_full(
    recording: tuple[str, Recording], tmp_path: Path
) -> None:
    durability, recorded = recording

    tally = cut(recorded, moments_of(recorded, MOMENTS), tmp_path, full=durability == "full")

    assert tally.faults == []
    assert (tally.most_taken > 0) == (durability == "normal"), "the docs say that normal may lose the last pages"


def test_S3_a_disk_that_only_claims_to_have_synced_is_found_out(
    recording: tuple[str, Recording], tmp_path: Path
) -> None:
    """The test of the test: cuts that would do harm, did the crawler not sync where it has to."""
    _, recorded = recording
    lying = Recording([step for step in recorded.steps if step.what != "sync"], recorded.database)

    tally = cut(lying, range(0, len(lying.steps), len(lying.steps) // 10), tmp_path, full=True)

    assert any("cut after" in fault for fault in tally.faults)
