"""What a person looks at is there, too, where the store is PostgreSQL."""

from __future__ import annotations

import re
import signal
from typing import IO

import pytest
import requests

from tests.fleet.conftest import BOOKS, Fleet


def test_results_and_runs_in_postgresql_are_browsed_like_those_of_a_file(fleet: Fleet) -> None:
    pytest.importorskip("datasette")
    assert fleet.run().code == 0

    with fleet.start(["browse", "members", "--store", fleet.address]) as browsing:
        assert browsing.process.stdout is not None
        address = first_address(browsing.process.stdout)
        with requests.Session() as session:
            assert session.get(address, timeout=20).status_code == 200
            at = address.partition("/?")[0]
            items = session.get(f"{at}/results/items.json?_size=max&_shape=array", timeout=20).json()
            runs = session.get(f"{at}/runs/runs.json?_shape=array", timeout=20).json()
        browsing.send(signal.SIGINT)
        assert browsing.end(20).code == 0

    assert sorted(int(item["id"]) for item in items) == list(range(1, BOOKS + 1))
    assert [run["ending"] for run in runs] == ["finished"]


def first_address(stream: IO[bytes]) -> str:
    for line in stream:
        if found := re.search(rb"http://127\.0\.0\.1:\d+/\?enter=\S+", line):
            return found[0].decode()
    raise AssertionError("it told no address")
