"""The second night: pages that have not changed are confirmed by a 304, and give what they gave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.revisits.site import Shop, Site, night, rows


@pytest.fixture(params=["etag", "modified", "both", "weak"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(validators=request.param)
    yield made
    made.close()


def test_a_second_night_asks_whether_pages_have_changed_and_has_the_same_items(site: Site, tmp_path: Path) -> None:
    first = night(Shop, site, tmp_path)
    assert site.statuses() == {200: 7}

    second = night(Shop, site, tmp_path)

    assert site.statuses() == {304: 7}
    assert (second.ending, second.pages, second.unchanged, second.not_asked) == ("finished", 7, 7, 0)
    assert second.items == first.items == {"items": 6}
    assert rows(tmp_path, second.run) == rows(tmp_path, first.run) == [(number, 5) for number in range(6)]
    assert second.callbacks == first.callbacks
