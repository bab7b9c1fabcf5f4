"""What sends the requests of a session: by the setting, by the session, and installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import crawler
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host
from tests.installed import install_entry_points

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from crawler import Identity, Spider


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/a"]
    sessions = ["one", Identity("two", transport="{own}")]

    def parse(self, response):
        yield {{"session": response.session_name, "by": type(response.connection).__name__}}
"""


@pytest.fixture
def host(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host({}, "127.0.0.1", None)
    (project / "spiders").mkdir()
    install_entry_points(project, {"crawler.transports": {"plain": "tests.plain_transport:PlainTransport"}})
    monkeypatch.syspath_prepend(str(project))
    yield host
    host.close()


def spider(project: Path, host: Host, own: str) -> None:
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=host.url, own=own))


@pytest.mark.parametrize(
    ("own", "setting", "used"),
    [
        ("plain", "curl", {"one": "CurlAdapter", "two": "PlainTransport"}),
        ("", "plain", {"one": "PlainTransport", "two": "PlainTransport"}),
        ("curl", "urllib3", {"one": "Urllib3Adapter", "two": "CurlAdapter"}),
    ],
)
def test_a_session_is_sent_by_the_transport_that_it_names_or_by_that_of_the_setting(
    host: Host, project: Path, crawl: Crawl, own: str, setting: str, used: dict[str, str]
) -> None:
    spider(project, host, own)

    assert crawl("run", "shop", "-s", f"transport={setting}").code == 0

    rows = crawler.results("shop", store="data/crawl.db").rows()
    assert {row["session"]: row["by"] for row in rows} == used


@pytest.mark.parametrize(("own", "setting"), [("plan", "curl"), ("", "plan")])
def test_a_transport_that_is_not_installed_is_refused_before_anything_is_sent(
    host: Host, project: Path, crawl: Crawl, own: str, setting: str
) -> None:
    spider(project, host, own)

    refused = crawl("run", "shop", "-s", f"transport={setting}")

    assert refused.code == 2
    assert "no transport 'plan' is installed; there are: curl, urllib3, chrome, firefox, safari, plain" in refused.err
    assert not host.calls
