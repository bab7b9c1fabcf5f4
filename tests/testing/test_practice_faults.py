"""The pages of the practice site that fail on request, and the faults that hit the others at a given rate."""

from __future__ import annotations

import http.client
import threading
import time
from email.utils import parsedate_to_datetime

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry


def test_a_flaky_page_fails_a_set_number_of_times_and_then_works(practice_site, visit) -> None:
    visitor = visit(practice_site)

    statuses = [visitor.see("/flaky/1?times=3").status_code for _ in range(5)]
    other = [visitor.see("/flaky/2?times=1&status=500").status_code for _ in range(2)]

    assert statuses == [503, 503, 503, 200, 200]
    assert other == [500, 200]


def test_a_flaky_page_says_when_to_come_back_where_it_is_told_to(practice_site, visit) -> None:
    assert visit(practice_site).see("/flaky/1?times=1&after=7").headers["Retry-After"] == "7"


def test_a_flaky_page_fails_again_after_the_record_was_reset(practice_site, visit) -> None:
    visitor = visit(practice_site)
    before = [visitor.see("/flaky/1?times=1").status_code for _ in range(2)]

    practice_site.reset_record()

    assert before == [503, 200]
    assert visitor.see("/flaky/1?times=1").status_code == 503


def test_T10_a_limited_page_counts_visitors_that_come_back_too_early(practice_site, visit) -> None:
    visitor = visit(practice_site)

    first = visitor.see("/limited/1?after=30")
    second = visitor.see("/limited/1?after=30")
    patient = [visitor.see("/limited/2?after=0").status_code for _ in range(2)]

    assert (first.status_code, first.headers["Retry-After"]) == (429, "30")
    assert (second.status_code, second.headers["Retry-After"]) == (429, "30")
    assert practice_site.record.refused["too-early"] == 1
    assert patient == [200, 200]


def test_T10_a_limited_page_can_name_a_date(practice_site, visit) -> None:
    answer = visit(practice_site).see("/limited/1?after=30&form=date")

    wait_s = parsedate_to_datetime(answer.headers["Retry-After"]).timestamp() - time.time()
    assert 29 <= wait_s <= 31.5


def test_a_slow_page_takes_its_time_but_not_beyond_the_end_of_the_site(make_practice_site) -> None:
    site = make_practice_site()
    started = time.monotonic()
    outcome = []

    def ask() -> None:
        try:
            outcome.append(requests.get(f"{site.url}/slow/1?s=50", timeout=60).status_code)
        except requests.RequestException as error:
            outcome.append(type(error).__name__)

    asking = threading.Thread(target=ask)
    asking.start()
    while not site.record.requests and time.monotonic() - started < 10:
        time.sleep(0.005)
    site.close()
    asking.join(10)

    assert outcome == ["ConnectionError"]
    assert time.monotonic() - started < 10


def test_a_slow_page_answers_after_the_time_it_was_given(practice_site, visit) -> None:
    answer = visit(practice_site).see("/slow/1?s=0.15")

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.15


def test_a_line_end_in_a_redirect_target_stays_in_the_header_line(practice_site, visit) -> None:
    answer = visit(practice_site).see("/redirect/to?url=/a%0d%0aX-Evil:1", allow_redirects=False)

    assert answer.headers["Location"] == "/a%0D%0AX-Evil:1"
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_come_in_the_number_and_kind_asked_for(practice_site, visit, status) -> None:
    visitor = visit(practice_site)

    page = visitor.see(f"/redirect/3?status={status}")

    assert [hop.status_code for hop in page.history] == [status] * 3
    assert page.url.startswith(f"{practice_site.url}/redirect/0")
    assert set(visitor.cookies.keys()) == {"hop1", "hop2", "hop3"}


@pytest.mark.parametrize("path", ["/redirect/loop", "/redirect/grow"])
def test_U1_redirects_without_end(practice_site, visit, path) -> None:
    with pytest.raises(requests.TooManyRedirects):
        visit(practice_site).see(path)


def test_U2_redirects_lead_to_any_address_or_to_a_broken_one(practice_site, visit) -> None:
    answer = visit(practice_site).see("/redirect/to?url=http://127.0.0.9:1/x", allow_redirects=False)
    connection = http.client.HTTPConnection(practice_site.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/redirect/bad")  # requests chokes on it even when it is not to follow
    broken = connection.getresponse().headers["Location"]
    connection.close()

    assert answer.headers["Location"] == "http://127.0.0.9:1/x"
    assert broken == "http://[::bad/"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        pytest.param("/broken/reset", requests.ConnectionError, id="before-the-answer"),
        pytest.param("/broken/head", requests.ConnectionError, id="in-the-head"),
        pytest.param("/broken/body", requests.exceptions.ChunkedEncodingError, id="in-the-body"),
    ],
)
def test_T6_connections_break_where_they_are_told_to(practice_site, visit, path, error) -> None:
    with pytest.raises(error):
        visit(practice_site).see(path)

    assert practice_site.record.statuses == {0: 1}


@pytest.mark.parametrize(
    ("option", "status"), [("rate_503", 503), ("rate_429", 429), ("rate_reset", 0), ("rate_cut", 0)]
)
def test_faults_befall_the_share_of_pages_that_was_chosen(make_practice_site, visit, option, status) -> None:
    site = make_practice_site(**{option: 0.3})
    visitor = visit(site)
    for _ in range(200):
        try:
            visitor.see("/book/1")
        except requests.RequestException:
            continue

    statuses = site.record.statuses
    assert statuses[status] + statuses[200] == 200
    assert 35 <= statuses[status] <= 85  # 60 expected; the dice are seeded


def test_faults_by_rate_leave_the_other_paths_alone_and_use_up_no_request_of_a_session(
    make_practice_site, visit
) -> None:
    site = make_practice_site(rate_503=1.0, expires_after_requests=2, retry_after="9")
    visitor = visit(site)
    login = visitor.log_in()  # its redirect leads to a faulty page
    broken = [visitor.see("/members/book/1") for _ in range(5)]
    site.change(rate_503=0.0)

    assert login.status_code == 503
    assert {page.status_code for page in broken} == {503}
    assert broken[0].headers["Retry-After"] == "9"
    assert visitor.see("/members/book/1").url.endswith("/members/book/1")
    assert site.record.hits_by_session[f"{site.url}/members/book/1", "alice#1"] == 6


def test_slow_pages_by_rate_are_slow_and_whole(make_practice_site, visit) -> None:
    answer = visit(make_practice_site(rate_slow=1.0, slow_s=0.1)).see("/book/1")

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.1


def test_redirects_by_rate_lead_back_to_the_page(make_practice_site, visit, text) -> None:
    site = make_practice_site(rate_redirect=0.5)
    visitor = visit(site)

    pages = [visitor.see(f"/book/{number}") for number in range(1, 31)]

    assert [text(page, "id") for page in pages] == [str(number) for number in range(1, 31)]
    assert [page.url for page in pages] == site.truth.book_urls[:30]
    assert 5 <= sum(bool(page.history) for page in pages) <= 25


def test_latency_delays_shop_pages_only(make_practice_site, visit) -> None:
    visitor = visit(make_practice_site(latency_s=0.1))

    assert visitor.see("/book/1").elapsed.total_seconds() >= 0.1
    assert visitor.see("/robots.txt").elapsed.total_seconds() < 0.1


def test_requests_that_come_too_fast_are_answered_with_429(make_practice_site, visit) -> None:
    site = make_practice_site(requests_per_s=5)
    visitor = visit(site)

    statuses = [visitor.see("/book/1").status_code for _ in range(8)]

    assert statuses == [200] * 5 + [429] * 3
    assert site.record.refused["too-fast"] == 3


def test_T7_the_server_closes_the_connection_without_notice_after_some_answers(make_practice_site, visit) -> None:
    site = make_practice_site(keep_alive_requests=2)
    visitor = visit(site)
    visitor.mount("http://", HTTPAdapter(max_retries=Retry(1)))  # it may meet the closed connection, or see it in time

    answers = [visitor.see("/book/1") for _ in range(5)]

    assert all("Connection" not in answer.headers for answer in answers)
    assert site.record.connections == {"127.0.0.1": 3}


def test_the_clock_of_the_server_can_be_wrong(make_practice_site, visit) -> None:
    answer = visit(make_practice_site(clock_offset_s=-7200)).see("/")

    assert -7205 < parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time() < -7195


def test_options_fixed_from_the_start_cannot_change(practice_site) -> None:
    with pytest.raises(ValueError, match="books"):
        practice_site.change(books=3)
    with pytest.raises(ValueError, match="no option"):
        practice_site.change(rate_of_nonsense=1)
