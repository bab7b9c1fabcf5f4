"""One account, by variables of the environment."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "pa55-of-ann")
