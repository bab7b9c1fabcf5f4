"""An errback is called once for each request that fails for good, also where no request was sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request, Response, Spider
from crawler.errors import FetchError, Unreachable
from crawler.habits import of_text
from crawler.pagework.errbacks import error_of
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.engine.test_dead_hosts import nobody
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture


class Noting(Spider):
    """Asks for `pages` pages of `site`, and stores an item for each that failed."""

    name = "noting"
    pages = 3

    def start(self) -> Iterator[Request]:
        for number in range(self.pages):
            yield Request(f"{self.arguments['site']}/{number}", errback=self.failed, meta={"id": number})

    def parse(self, response: Response) -> Any:
        yield {"id": response.meta["id"], "error": ""}

    def failed(self, error: Any) -> Any:
        assert error.response is None
        yield {"id": error.request.meta["id"], "error": f"{type(error).__name__} {error.url} {error.why}"}


@pytest.mark.parametrize("robots", [True, False], ids=["robots first", "page first"])
def test_the_errback_is_called_where_a_host_refuses_connections_whoever_meets_it(tmp_path: Path, robots: bool) -> None:
    with nobody() as address:
        summary = crawl(Noting, f"http://{address}", tmp_path, robots=robots)

    rows = stored(tmp_path, "id", "error")
    assert [row["id"] for row in rows] == [0, 1, 2]
    assert all(row["error"].startswith(f"Unreachable http://{address}/") for row in rows), rows
    assert all("connection refused" in row["error"] for row in rows), rows
    assert (summary.failed, summary.items, summary.errors) == (3, {"items": 3}, {"Unreachable": 3})


def test_the_errback_of_a_page_that_is_missing_is_called_with_its_answer(tmp_path: Path, quick_net: Net) -> None:
    class Missing(Noting):
        def failed(self, error: Any) -> Any:
            yield {"id": error.request.meta["id"], "error": error.response.status_code}

    own = quick_net.host({f"/{number}": Answer(404) for number in range(3)})
    summary = crawl(Missing, own.url, tmp_path, robots=False)

    assert [row["error"] for row in stored(tmp_path, "error")] == [404, 404, 404]
    assert summary.items == {"items": 3}


def test_the_errback_is_called_where_a_robots_txt_answers_503_until_it_is_given_up(
    tmp_path: Path, quick_net: Net
) -> None:
    own = quick_net.host({"/robots.txt": Answer(503)})

    summary = crawl(Noting, own.url, tmp_path, retries=0)

    assert [row["id"] for row in stored(tmp_path, "id")] == [0, 1, 2]
    assert "robots.txt answers 503" in stored(tmp_path, "error")[0]["error"]
    assert (summary.failed, summary.waiting) == (3, 0)


def test_the_errback_is_called_for_what_waits_for_a_host_that_is_given_up(tmp_path: Path) -> None:
    class Many(Noting):
        pages = 60

    with nobody() as address:
        summary = crawl(Many, f"http://{address}", tmp_path, robots=False)

    assert [row["id"] for row in stored(tmp_path, "id")] == list(range(60))
    assert (summary.failed, summary.items) == (60, {"items": 60})


def test_what_an_errback_of_an_unsent_request_yields_is_followed(tmp_path: Path, quick_net: Net) -> None:
    class Elsewhere(Noting):
        pages = 1
        allowed_domains = ("127.0.0.1",)

        def failed(self, error: Any) -> Any:
            time.sleep(0.3)  # it takes its time: the run does not end meanwhile
            yield Request(f"{self.arguments['other']}/x", meta=error.request.meta)

    own = quick_net.host()
    with nobody() as address:
        settings = {"store": str(tmp_path / "crawl.db")}
        arguments = {"site": f"http://{address}", "other": own.url}
        summary = crawler.run(Elsewhere, arguments=arguments, settings=settings)

    assert (len(own.seen("/x")), summary.pages, summary.failed) == (1, 1, 1)


def test_an_errback_that_raises_keeps_the_cause_and_the_run_goes_on(tmp_path: Path, quick_net: Net) -> None:
    class Raising(Noting):
        def failed(self, error: Any) -> Any:
            return error.value.response

    own = quick_net.host({f"/{number}": Answer(404) for number in range(3)})
    sent = crawl(Raising, own.url, tmp_path / "sent", robots=False)
    with nobody() as address:
        unsent = crawl(Raising, f"http://{address}", tmp_path / "unsent")

    for summary, cause in ((sent, "StatusError: 404"), (unsent, "Unreachable: connection refused")):
        assert summary.errors == {"AttributeError": 3}
        assert summary.failed == 3
        assert len(summary.causes) == 1
        assert f"in the errback for {cause}" in summary.causes[0]["cause"]
        assert "in failed; an errback gets the error itself" in summary.causes[0]["cause"]


def test_a_failed_request_is_retried_by_the_next_run_with_its_errback(tmp_path: Path) -> None:
    with nobody() as address:
        crawl(Noting, f"http://{address}", tmp_path)
        second = crawl(Noting, f"http://{address}", tmp_path, retry=True)

    assert second.failed == 3
    assert [row["id"] for row in stored(tmp_path, "id")] in ([0, 1, 2], [0, 0, 1, 1, 2, 2])


def test_the_errback_is_called_for_a_page_that_shows_the_logged_out_sign_to_a_good_session(
    tmp_path: Path, quick_net: Net
) -> None:
    class Signed(Noting):
        pages = 1
        logged_out_css = "form.login"

        def login(self, session: crawler.Session) -> None:
            session.get(f"{self.arguments['site']}/login")

    def page(call: WireRequest) -> Answer:
        return Answer(body=b"<form class=login></form>")

    own = quick_net.host({"/0": page, "/login": Answer(body=b"hello", headers=[("Set-Cookie", "a=1")])})
    Signed.probe_url = own.url + "/home"
    summary = crawl(Signed, own.url, tmp_path, robots=False)

    assert summary.errors == {"LoggedOutPage": 1}
    assert stored(tmp_path, "error")[0]["error"].startswith("FetchError")


FAILURE = {
    "value": "error.response",
    "check": "isinstance(error, StatusError)",
    "type": "type(error)",
    "getErrorMessage": "str(error)",
}


@pytest.mark.parametrize(("name", "instead"), FAILURE.items(), ids=FAILURE)
def test_what_scrapys_failure_has_is_answered_with_what_the_error_has(name: str, instead: str) -> None:
    error = f"AttributeError: 'StatusError' object has no attribute '{name}', in the errback for StatusError: 404"

    assert instead in of_text(error)
    assert not of_text(error.partition(", in")[0])


SAID = [
    ("Unreachable: connection refused (http://a.test/1)", Unreachable, "connection refused"),
    ("RobotsUnreachable: http://a.test/robots.txt answers 503; later", FetchError, "answers 503; later"),
    ("StatusError: 503 from http://a.test/1", FetchError, "503"),
    ("EndsSession: fetched alone, this page ended the session", FetchError, "this page ended the session"),
    ("QuotaSpent: enough", FetchError, "enough"),
    ("nothing known", FetchError, "nothing known"),
]


@pytest.mark.parametrize(("text", "kind", "why"), SAID, ids=[text.partition(":")[0] for text, *_ in SAID])
def test_the_error_of_a_request_that_was_not_sent_is_made_from_what_is_said_of_it(
    text: str, kind: type[FetchError], why: str
) -> None:
    error = error_of(text, "http://a.test/2")

    assert type(error) is kind
    assert error.why.endswith(why)
    assert error.url == "http://a.test/2"
