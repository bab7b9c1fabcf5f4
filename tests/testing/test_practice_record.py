"""What the practice site counts and remembers."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from crawler.testing import PracticeSite, Record


def test_hits_are_counted_by_address_and_by_session(practice_site, visit) -> None:
    guest, customer = visit(practice_site), visit(practice_site)
    customer.log_in()
    customer.log_in()
    for visitor in (guest, customer, customer):
        visitor.see("/book/5?a=1")

    record = practice_site.record
    url = f"{practice_site.url}/book/5?a=1"
    assert record.hits[url] == 3
    assert record.hits_by_session[url, ""] == 1
    assert record.hits_by_session[url, "alice#2"] == 2


def test_the_log_holds_every_request_with_headers_and_body(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.log_in("bob")
    visitor.see("/book/1", headers={"X-Mine": "yes"})

    posted = next(entry for entry in practice_site.log if entry.method == "POST")
    last = practice_site.log[-1]
    assert "username=bob" in posted.body
    assert (posted.status, posted.account) == (302, "")
    assert (last.url, last.account, last.session) == (f"{practice_site.url}/book/1", "bob", "bob#1")
    assert last.headers["x-mine"] == "yes"
    assert last.host == "127.0.0.1"
    times = [entry.time_s for entry in practice_site.log]
    assert times == sorted(times)


def test_the_log_forgets_the_oldest_first(make_practice_site, visit) -> None:
    site = make_practice_site(log_limit=3)
    visitor = visit(site)
    for number in range(1, 6):
        visitor.see(f"/book/{number}")

    assert [entry.url[-1] for entry in site.log] == ["3", "4", "5"]
    assert site.record.requests == {"127.0.0.1": 5}


def test_connections_are_counted_and_kept_alive(practice_site, visit) -> None:
    one, other = visit(practice_site), visit(practice_site)
    for number in range(1, 6):
        one.see(f"/book/{number}")
    other.see("/")

    assert practice_site.record.connections == {"127.0.0.1": 2}
    assert len({entry.connection for entry in practice_site.log}) == 2


def test_the_most_simultaneous_requests_are_counted_by_host(make_practice_site) -> None:
    site = make_practice_site(hosts=("127.0.0.1", "127.0.0.2"))
    together = threading.Barrier(5)

    def ask(host: str) -> int:
        together.wait(10)
        return requests.get(f"{site.urls[host]}/slow/1?s=0.3", timeout=10).status_code

    with ThreadPoolExecutor(5) as threads:
        statuses = list(threads.map(ask, ["127.0.0.1"] * 3 + ["127.0.0.2"] * 2))

    assert statuses == [200] * 5
    assert site.record.most_simultaneous == {"127.0.0.1": 3, "127.0.0.2": 2}


def test_one_after_the_other_is_never_simultaneous(practice_site, visit) -> None:
    visitors = [visit(practice_site) for _ in range(3)]
    for number in range(60):
        visitors[number % 3].see("/book/1")

    assert practice_site.record.most_simultaneous == {"127.0.0.1": 1}


def test_gaps_are_the_seconds_between_requests(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.see("/slow/1?s=0.1")
    visitor.see("/book/1")
    visitor.see("/book/2")

    gaps = practice_site.gaps()
    assert len(gaps) == 2
    assert gaps[0] >= 0.1
    assert 0 < gaps[1] < 0.1
    assert practice_site.gaps("127.0.0.2") == []


def test_a_test_can_wait_for_answers(practice_site, visit) -> None:
    visitor = visit(practice_site)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(practice_site.wait_for_answers, 3, 10)
        for _ in range(2):
            visitor.see("/")
        assert not waiting.done()
        visitor.see("/")

        assert waiting.result(10)
    assert not practice_site.wait_for_answers(4, 0.01)
    practice_site.reset_record()
    assert not practice_site.wait_for_answers(1, 0.01)


def test_a_reset_starts_all_counts_anew(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.log_in()

    practice_site.reset_record()
    visitor.see("/account/")

    record = practice_site.record
    assert record.logins == {}
    assert record.hits == {f"{practice_site.url}/account/": 1}
    assert len(practice_site.log) == 1
    assert practice_site.gaps() == []


def test_a_record_is_a_copy(practice_site, visit) -> None:
    before = practice_site.record
    visit(practice_site).see("/")

    assert before.hits == {}


def test_a_record_survives_the_way_through_json(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.log_in()
    visitor.log_in("bob", "guessed")
    record = practice_site.record

    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_counts_are_exact_under_many_threads(make_practice_site) -> None:
    site = make_practice_site(books=40)

    def crawl(_: int) -> None:
        with requests.Session() as session:
            for url in site.truth.book_urls:
                assert session.get(url, timeout=10).status_code == 200

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(crawl, range(8)))

    record = site.record
    assert dict(record.hits) == dict.fromkeys(site.truth.book_urls, 8)
    assert record.connections == {"127.0.0.1": 8}
    assert 1 <= record.most_simultaneous["127.0.0.1"] <= 8


def test_closing_ends_all_threads_even_under_open_connections() -> None:
    before = set(threading.enumerate())
    site = PracticeSite(hosts=("127.0.0.1", "127.0.0.2"), control=True)
    sessions = [requests.Session() for _ in range(4)]
    for session in sessions:
        session.get(f"{site.url}/book/1", timeout=10)

    site.close()
    site.close()  # once more does no harm

    assert set(threading.enumerate()) == before
    with pytest.raises(requests.ConnectionError):
        sessions[0].get(f"{site.url}/book/1", timeout=10)
    for session in sessions:
        session.close()


def test_a_taken_port_is_an_error_and_leaves_nothing_behind(practice_site) -> None:
    before = set(threading.enumerate())

    with pytest.raises(OSError):
        PracticeSite(port=int(practice_site.url.rpartition(":")[2]))

    assert set(threading.enumerate()) == before
