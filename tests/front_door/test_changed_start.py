"""A spider whose start requests were changed while its crawl was unfinished."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Spider
from crawler.events import Summary
from crawler.testing import Account
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials
from tests.hosts import Host


class Office:
    """Two lists behind a login that knows one password."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.host = Host({"/login": self.login, "*": self.page}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        if call.method == "POST" and b"password=right" in call.body:
            return Answer(302, headers=[("Location", "/"), ("Set-Cookie", "sid=one; Path=/")])
        form = "<form method=post><input name=username><input name=password type=password><button>Log in</button>"
        return Answer(body=f"<html><title>Log in</title>{form}</form></html>".encode())

    def page(self, call: WireRequest) -> Answer:
        if "sid=one" not in call.headers.get("cookie", ""):
            return Answer(302, headers=[("Location", "/login")])
        self.asked.append(call.path)
        return Answer(body=f"<html><title>{call.path}</title><a href='/logout'>Log out</a></html>".encode())


class Orders(Spider):
    name = "orders"
    paths: tuple[str, ...] = ("/old",)

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + path for path in self.paths]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response: Any) -> Any:
        yield {"title": response.css("title::text").get()}


class Renamed(Orders):
    paths = ("/new",)


class Longer(Orders):
    paths = ("/old", "/older", "/new")


class OfItsOwn(Orders):
    def start(self) -> Iterator[Request]:
        yield from (Request(url, dont_filter=True) for url in self.start_urls)


class OfItsOwnRenamed(OfItsOwn):
    paths = ("/new",)


class Broken(Orders):
    def start(self) -> Iterator[Request]:
        raise ValueError("the list is not there")
        yield


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.host.close()


def told(summary: Summary) -> list[str]:
    return [message for message in summary.messages if "start" in message]


def refused(spider: type[Spider], office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fetches nothing; afterwards the password is right."""
    credentials(monkeypatch, default=Account("ann", "wrong"))
    assert crawl(spider, office.host.url, folder).pages == 0
    credentials(monkeypatch, default=Account("ann", "right"))


def test_a_crawl_that_has_fetched_nothing_begins_anew_where_the_start_urls_are_others(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(Orders, office, tmp_path, monkeypatch)
    office.asked.clear()

    summary = crawl(Renamed, office.host.url, tmp_path)

    assert summary.ending == "finished"
    assert "/new" in office.asked
    assert "/old" not in office.asked
    assert len(told(summary)) == 1
    assert "begins anew" in told(summary)[0]


def test_a_crawl_that_has_fetched_nothing_goes_on_where_the_start_urls_are_the_same(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(Orders, office, tmp_path, monkeypatch)

    summary = crawl(Orders, office.host.url, tmp_path)

    assert (summary.ending, summary.resumed, told(summary)) == ("finished", True, [])


def test_what_a_start_of_its_own_gave_is_kept_and_what_it_gives_now_is_added(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(OfItsOwn, office, tmp_path, monkeypatch)
    office.asked.clear()

    summary = crawl(OfItsOwnRenamed, office.host.url, tmp_path)

    assert summary.pages == 2
    assert {"/old", "/new"} <= set(office.asked)
    assert "1 start request was added" in told(summary)[0]


def test_new_start_urls_are_added_to_a_crawl_that_has_fetched_pages_and_once(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch, default=Account("ann", "right"))

    class Two(Orders):
        paths = ("/old", "/older")

    assert crawl(Two, office.host.url, tmp_path, max_pages=1, workers=1).waiting == 1
    summary = crawl(Longer, office.host.url, tmp_path, max_pages=1, workers=1)

    assert "1 start request was added" in told(summary)[0]
    assert "/new" in told(summary)[0]
    last = crawl(Longer, office.host.url, tmp_path)
    assert (last.ending, last.waiting, told(last)) == ("finished", 0, [])
    assert {"/old", "/older", "/new"} <= set(office.asked)


def test_a_start_that_fails_today_does_not_keep_a_crawl_from_going_on(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(Orders, office, tmp_path, monkeypatch)

    summary = crawl(Broken, office.host.url, tmp_path)

    assert (summary.ending, summary.pages) == ("finished", 1)
    assert "the list is not there" in told(summary)[0]


class Keyed(Orders):
    key = "title"


class KeyedRenamed(Keyed):
    paths = ("/new", "/newer")


def test_records_below_a_start_url_that_is_not_given_any_more_stay_and_are_told(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch, default=Account("ann", "right"))
    first = crawl(Keyed, office.host.url, tmp_path)

    second, third = (crawl(KeyedRenamed, office.host.url, tmp_path) for _ in range(2))

    assert first.notes == []
    for night in (second, third):
        assert (night.exit_code, night.changes["items"]["gone"]) == (0, 0)
        (said,) = [message for message in night.notes if "did not meet" in message]
        assert 'that stay: 1, such as items {"title":"/old"}; what listed them was not asked for' in said
