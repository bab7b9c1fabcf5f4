"""A key that the account does not have is named, with where to put it, instead of an error of Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from crawler import Spider


class Api(Spider):
    name = "api"
    start_urls = ["{url}/items"]

    def login(self, session):
        {line}

    def parse(self, response):
        yield {{"n": response.json()["n"]}}
"""


@pytest.fixture
def site() -> Iterator[Host]:
    """An API with a key."""

    def page(call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        good = call.headers.get("x-api-key") == "abc" or call.path == "/open"
        return Answer(200 if good else 401, b'{"n": 1}' if good else b"{}", content_type="application/json")

    host = Host({"*": page}, "127.0.0.1", None)
    yield host
    host.close()


LINES = {
    "header": 'session.headers["X-Api-Key"] = session.account.get("api_key")',
    "auth": 'session.get("{url}/open", auth=("me", session.account.get("api_key")))',
    "auth of the session": 'session.auth = ("me", session.account.get("api_key")); session.get("{url}/open")',
}


def write(folder: Path, site: Host, line: str) -> None:
    (folder / "spiders").mkdir()
    (folder / "spiders" / "api.py").write_text(SPIDER.format(url=site.url, line=line.format(url=site.url)))


@pytest.mark.parametrize("case", LINES)
def test_a_key_that_is_missing_is_named_with_where_to_put_it(
    case: str, site: Host, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "me")
    write(project, site, LINES[case])

    result = crawl("run", "api", "--quiet")

    assert result.code == 3
    assert "no api_key found; looked in CRAWL_DEFAULT_API_KEY" in result.err
    assert "AttributeError" not in result.err
    assert not [call for call in site.calls if call.path != "/robots.txt"]


def test_a_key_that_is_there_is_sent_and_a_header_without_a_value_is_left_out(
    site: Host, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "me")
    monkeypatch.setenv("CRAWL_DEFAULT_API_KEY", "abc")
    write(project, site, LINES["header"] + '; session.headers["Accept-Language"] = None')

    assert crawl("run", "api", "--quiet").code == 0
    assert "accept-language" not in site.seen("/items")[-1].headers
