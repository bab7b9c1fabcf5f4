"""The promises that ``python -m tests.sessions_e2e`` measures, as tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from .done import REVOCATIONS, four_spiders, revoked_at_random, rotating_cookie

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("clock", [False, True], ids=["by-pages", "by-the-clock"])
@pytest.mark.parametrize("style", ["redirect", "soft200"])
def test_32_threads_in_2_processes_and_10_revocations_at_random_are_11_logins_and_every_item_once(
    style: str, clock: bool, tmp_path: Path
) -> None:
    figures = revoked_at_random(tmp_path, style=style, seed=7, books=900 if clock else 700, clock=clock)

    ended = (figures["ending"], figures["processes"], figures["revocations"])
    assert ended == ("finished", 2, REVOCATIONS), str(figures)
    assert figures["logins"] == REVOCATIONS + 1
    assert (figures["missing"], figures["twice"], figures["from a logged-out page"]) == (0, 0, 0)
    assert figures["answers to the logged out"] >= REVOCATIONS


def test_L1_none_of_1000_requests_of_a_serial_session_is_refused_by_a_server_that_rotates_its_cookie(
    tmp_path: Path,
) -> None:
    figures = rotating_cookie(tmp_path, serial=True)

    assert figures["requests"] >= 1000
    assert (figures["refused"], figures["logins"], figures["items"]) == (0, 1, 955)


def test_four_spiders_as_processes_at_once_and_one_after_the_other_are_one_login(tmp_path: Path) -> None:
    figures = four_spiders(tmp_path, books=20)

    assert [value for name, value in figures.items() if name.startswith("exit codes")] == [[0] * 4] * 3
    assert [value for name, value in figures.items() if name.startswith("logins")] == [1, 1, 1]
    assert figures["items"] == 12 * 20
