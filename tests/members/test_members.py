"""The members' site, each row once: every page once, no innocent page left out, about as many logins as sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.members.table import ROWS, Row, play


@pytest.mark.parametrize("row", [row for row in ROWS if not row.slow], ids=lambda row: row.name)
def test_every_page_once_no_innocent_page_left_out_and_about_as_many_logins_as_sessions(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "")  # put back afterwards
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "")

    result = play(row, str(tmp_path))

    assert result.faults == ()
