"""Few pages wait, as behind a list that leads to one page after another: all members have some of them."""

from __future__ import annotations

import json
from contextlib import ExitStack

from tests.fleet.conftest import Fleet
from tests.fleet.test_crawls import until
from tests.fleet.test_members import worker

_ROOM = {"workers": 16, "per_host": 6}


def test_members_share_the_few_pages_that_wait_and_none_keeps_them_for_later(fleet: Fleet) -> None:
    fleet.site.change(latency_s=1.0)
    more = [word for name, value in _ROOM.items() for word in ("-s", f"{name}={value}")]
    with ExitStack() as stack:
        others = [
            stack.enter_context(fleet.start(worker(fleet, "--wait", "--until-empty", "--name", name, *more)))
            for name in ("two", "three")
        ]
        first = stack.enter_context(fleet.start(**_ROOM))
        agreed = "SELECT count(*), count(DISTINCT agrees) FROM crawl_workers WHERE left_at = 0 AND agrees != ''"
        until(lambda: fleet.rows(agreed)[0] == (3, 1))
        fleet.site.change(latency_s=0.3)
        ended = [each.end(60) for each in (first, *others)]

    assert [each.code for each in ended] == [0, 0, 0], ended
    told = fleet.run(["runs", "show", "1", "--json", "--store", fleet.address])
    pages = sorted(each["pages"] for each in json.loads(told.out)["members"])
    assert pages[0] >= 7, pages
    fleet.is_exact()
