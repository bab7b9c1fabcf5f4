"""A process that is paused beyond its leases, on PostgreSQL: it sends and writes nothing of what others have."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from typing import Any

import pytest

from crawler.outcome import ItemRow, Leased, Outcome, Verdict
from crawler.sessions.vault import Vault
from crawler.stores.base import LeaseTerms
from tests.fleet.conftest import Fleet
from tests.fleet.test_crawls import logins, until


def test_a_process_that_wakes_after_its_leases_sends_and_writes_nothing_of_what_others_have_done(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crawler.stores.postgres import PostgresStore

    monkeypatch.setenv("CRAWL_KEY", fleet.key)
    fleet.site.change(latency_s=0.03)
    with fleet.start(workers=1, per_host=1, lease=1, backoff=0.05) as running:
        until(lambda: fleet.count("crawl_pages") >= 4)
        os.kill(running.pid, signal.SIGSTOP)
        with closing(PostgresStore(fleet.address, cipher=Vault.load())) as store:
            run = store.runs.join(1)
            taken: list[Leased] = []

            def take() -> Any:
                terms = LeaseTerms(limit=100, lease_s=60.0, horizon_s=1.0)
                taken.extend(store.leases.lease(run.frontier, owner="other", terms=terms))
                return not store.frontier.counts(run.frontier).waiting and all(
                    each in {one.id for one in taken}
                    for (each,) in fleet.rows("SELECT id FROM crawl_requests WHERE state < 2")
                )

            until(take)
            sent = len(fleet.site.log)
            pages = [
                Outcome(one, Verdict.ACCEPT, items=[ItemRow("items", {"id": "theirs"})], status=200) for one in taken
            ]
            assert store.commit(run, "other", pages).lost == frozenset()
            running.send(signal.SIGCONT)
            ended = running.end(60)

    assert ended.code == 0, ended
    late = {logged.url for logged in list(fleet.site.log)[sent:]}
    assert late & {one.url for one in taken} == set()
    rows = fleet.rows("SELECT _request, count(*) FROM items GROUP BY 1 HAVING count(*) > 1")
    assert rows == []
    theirs = fleet.rows("SELECT count(*) FROM items WHERE id = 'theirs'")
    assert theirs == [(len(taken),)]
    assert logins(fleet) == 1
