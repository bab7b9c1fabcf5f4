"""Micro-benchmarks of single steps, with pytest-benchmark: ``make micro``. They are not part of the tests.

Each checks that the step does its work; the times are for comparing two versions on one machine
(``make micro ARGS=--benchmark-autosave``, then ``ARGS=--benchmark-compare``).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contenders.orders import CSS
from benchmarks.micro.store import OpenCipher, found, lease, outcome
from benchmarks.page_cost import SITE, in_memory
from crawler import Request, Response
from crawler.frontier.admission import Admission, AdmissionRules
from crawler.frontier.guard import LogoutGuard
from crawler.frontier.robots import Robots
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.login.signs import logged_in_sign, logged_out_sign
from crawler.stores.base import RunRow
from crawler.stores.sqlite import SQLiteStore
from crawler.urls import absolute, canonical, fingerprint

URLS = [f"https://shop.example/c/{number % 40}/product-{number}.html?b={number}&a=1" for number in range(500)]


# --- sessions ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("domains", [1, 300], ids=["10-cookies", "3000-cookies"])
def test_the_cookie_header_of_a_request(benchmark: Any, domains: int) -> None:
    jar = Jar()
    for domain in range(domains):
        jar.receive(f"https://site{domain}.example/", [f"cookie{number}=value; Path=/" for number in range(10)])
    urls = iter([f"https://site{number % domains}.example/page/{number}" for number in range(200_000)])

    header = benchmark.pedantic(lambda: jar.header(next(urls)), rounds=50, iterations=1_000)

    assert header.count("; ") == 9


# --- URLs and links ---------------------------------------------------------------------------------------------------
def test_the_key_of_a_new_url(benchmark: Any) -> None:
    marks = benchmark(lambda: {fingerprint("GET", canonical(url)) for url in URLS})

    assert len(marks) == len(URLS)


def test_a_link_is_resolved(benchmark: Any) -> None:
    urls = benchmark(lambda: [absolute(url, "../next/page.html#top") for url in URLS])

    assert urls[0] == "https://shop.example/c/next/page.html#top"


def test_a_page_is_asked_for_by_robots_txt(benchmark: Any) -> None:
    rules = Robots("User-agent: *\nDisallow: /private/\nDisallow: /*?print=\nAllow: /\n")

    assert all(benchmark(lambda: [rules.allows("crawl-sessions", url) for url in URLS]))


# --- a page -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def body() -> bytes:
    return next(page for page in in_memory("shop", 100).files.values() if b'class="product"' in page)


def page(body: bytes) -> Response:
    made = Response()
    made.status_code, made.url = 200, f"{SITE}/p/0/1.html"
    made.headers["Content-Type"] = "text/html"
    made._content = body
    made.asked = Request(made.url, session="default")
    return made


def test_a_page_is_parsed(benchmark: Any, body: bytes) -> None:
    assert benchmark(lambda: page(body).selector.root.tag) == "html"


def test_eight_fields_of_a_page(benchmark: Any, body: bytes) -> None:
    parsed = page(body)

    item = benchmark(lambda: {field: parsed.css(query).get() for field, query in CSS.items()})

    assert all(item.values())


def test_the_links_of_a_page_that_are_all_known(benchmark: Any, body: bytes) -> None:
    parsed = page(body)
    admission = Admission(AdmissionRules(domains=[], default_session="default"))
    admission.remember(admission.admit_all(parsed.follow_all(css="a"), depth=1))

    new = benchmark(lambda: admission.admit_all(parsed.follow_all(css="a"), depth=1))

    assert new == []


# --- a page of a logged-in session ------------------------------------------------------------------------------------
def test_a_page_is_searched_for_signs_of_being_logged_out(benchmark: Any, body: bytes) -> None:
    found = page(body)

    assert benchmark(lambda: logged_out_sign(found, asked_url=found.url)) is None


@pytest.mark.parametrize("way_out", ["none", "in-its-head", "in-its-foot"])
def test_a_page_is_searched_for_a_way_to_log_out(benchmark: Any, body: bytes, way_out: str) -> None:
    link = b'<a class="out" href="/logout">Log out</a>'
    place = {"none": b"", "in-its-head": b"</header>", "in-its-foot": b"</footer>"}[way_out]
    found = page(body.replace(place, link + place) if place else body)

    assert benchmark(lambda: logged_in_sign(found)) is (way_out != "none")


def test_the_guard_is_asked_about_a_new_url(benchmark: Any) -> None:
    guard = LogoutGuard()
    urls = (f"https://shop.example/c/{number % 40}/product-{number}.html?b={number}" for number in itertools.count())

    assert benchmark(lambda: guard.refuses(next(urls), "Product")) is None


# --- the store --------------------------------------------------------------------------------------------------------
@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    made = SQLiteStore(str(tmp_path / "crawl.db"), cipher=OpenCipher())
    yield made
    made.close()


@pytest.fixture
def run(store: SQLiteStore) -> RunRow:
    run = store.runs.open("micro", args="{}", fresh=True, process="benchmark")
    make = random.Random(1).randbytes
    store.frontier.add(run.frontier, [found(make, number) for number in range(20_000)])
    return run


def test_a_lease_of_64_requests(benchmark: Any, store: SQLiteStore, run: RunRow) -> None:
    leased = benchmark.pedantic(lambda: lease(store, run, 64), rounds=100)

    assert len(leased) == 64


@pytest.mark.parametrize("group", [1, 4, 16])
def test_a_commit_of_a_group_of_pages_with_two_new_links_each(
    benchmark: Any, store: SQLiteStore, run: RunRow, group: int
) -> None:
    make, number = random.Random(2).randbytes, iter(range(20_000, 10**9))

    def pages() -> tuple[tuple[Any, ...], dict[str, Any]]:
        leased = lease(store, run, group)
        return (run, "me", [outcome(one, [found(make, next(number)) for _ in range(2)]) for one in leased]), {}

    committed = benchmark.pedantic(store.commit, setup=pages, rounds=100)

    assert committed.added == 2 * group
