"""A spider may be called as headers and fields that hold secrets are: its reasons are shown, and no secret is."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from crawler import Spider
from crawler.cli.exits import line_for
from crawler.cli.text import safe
from crawler.errors import SpiderError
from crawler.output.notices import of_error
from crawler.output.notifiers import Webhook
from crawler.sessions.secrets import hide, hide_after
from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

NAMES = ("cookie", "set-cookie", "password", "secret", "m-secret", "token", "authorization", "session", "orders")
SECRET = "Tr0ub4dor-x9Kq"
SPIDER = """from crawler import Spider


class One(Spider):
    name = "{name}"
    start_urls = ["{url}/?token=Tr0ub4dor-x9Kq"]
    custom_settings = {{"robots": False, "retries": 0}}

    def parse(self, response):
        yield {{"a": 1}}
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_quiet_run_says_why_whatever_the_spider_is_called(project: Path, crawl: Crawl, name: str) -> None:
    file = project / "spiders" / f"{name.replace('-', '_')}.py"
    file.parent.mkdir()
    with closing(Host({"*": Answer(500)}, "127.0.0.1", None)) as host:
        file.write_text(SPIDER.format(name=name, url=host.url))
        done = crawl("run", name, "--quiet")

    assert done.err.startswith(f"crawl: {name}: failures (run 1): 0 pages, 0 items, 1 failed; ")
    assert f"next: crawl retry {name}" in done.err
    assert SECRET not in done.err


@pytest.mark.parametrize("name", NAMES)
def test_a_notice_says_what_it_is_about_whatever_the_spider_is_called(name: str) -> None:
    error = SpiderError(f"the site said password={SECRET}")
    with closing(Host({"*": Answer(204)}, "127.0.0.1", None)) as host:
        Webhook(f"{host.url}/hook", ()).send(of_error(name, error, 2))
        sent = json.loads(host.seen("/hook")[0].body)

    assert sent["title"] == f"{name}: did not run to its end"
    assert sent["text"].startswith(f"{name}: did not run to its end\nthe site said ")
    assert SECRET not in json.dumps(sent)


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_the_name_is_still_searched_for_secrets(name: str) -> None:
    for secret in (f"cookie: sid={SECRET}", f"?token={SECRET}", f"password: {SECRET}", f"Basic {SECRET}"):
        assert SECRET not in hide_after(name, f"{name}: failures; {secret}")
        assert SECRET not in safe(f"{name}: {secret}", after=name)


@pytest.mark.parametrize("name", ["cookie", "password", "m-secret", "token"])
def test_in_any_other_text_the_word_stands_before_a_secret_as_always(name: str) -> None:
    assert SECRET not in hide(f"{name}: {SECRET}")
    assert SECRET not in hide_after("orders", f"{name}: {SECRET}")


def test_sessions_that_share_a_name_are_reported_whatever_the_spider_is_called() -> None:
    class One(Spider):
        name = "cookie"
        sessions = ("a", "a")

    with pytest.raises(SpiderError) as refused:
        One().identities()

    assert line_for(refused.value) == "sessions of cookie need different names, none of them 'spread', not ['a', 'a']"
