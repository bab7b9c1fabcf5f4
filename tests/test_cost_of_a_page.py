"""A page may not become a tenth dearer unnoticed: counted in function calls, which no busy machine changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import page_cost

RECORDED = Path(__file__).with_name("cost_of_a_page.json")  #: calls a page, by version of Python
ALLOWED = 1.10


def test_a_page_costs_at_most_a_tenth_more_calls_than_recorded() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    recorded = json.loads(RECORDED.read_text())
    if version not in recorded:
        pytest.skip(f"no number of calls is recorded for Python {version}")

    calls = page_cost.calls_a_page(page_cost.files())

    assert calls <= recorded[version] * ALLOWED, (
        f"a page takes {calls:.0f} function calls, {recorded[version]} are recorded: see where they come from with "
        f"`python -m benchmarks.page_cost --profile`; if they are worth it, record the new number in {RECORDED.name}"
    )
    assert calls >= recorded[version] / ALLOWED, (
        f"a page takes only {calls:.0f} function calls: record that in {RECORDED.name}, so that it stays so"
    )


def test_the_count_sees_a_page_that_became_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    site = page_cost.files(60)
    before = page_cost.calls_a_page(site)
    parse = page_cost.Shop.parse

    def dearer(self: page_cost.Shop, response: page_cost.Response) -> object:
        for number in range(500):
            str(number).strip()
        return parse(self, response)

    monkeypatch.setattr(page_cost.Shop, "parse", dearer)

    assert page_cost.calls_a_page(site) > before + 450
