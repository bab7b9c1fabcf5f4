"""Results of a callback that would be lost, or would fail in each run, through the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, _clean, project
from tests.cli.conftest import crawl as command
from tests.hosts import Host, Net

__all__ = ["_clean", "command", "project"]

SPIDER = """from crawler import Request, Spider


class Cat(Spider):
    name = "cat"
    start_urls = ["{url}/"]

    def parse(self, response):
        {body}
"""


@pytest.fixture
def site() -> Iterator[Host]:
    net = Net()
    page = Answer(body=b"<html><p class=row>one</p></html>")
    yield net.host({"/robots.txt": Answer(404), "*": page})
    net.close()


def write(project: Path, site: Host, body: str) -> None:
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "cat.py").write_text(SPIDER.format(url=site.url, body=body.replace("\n", "\n        ")))


@pytest.mark.parametrize(
    ("returned", "kind"),
    [("{'b': 2}", "dict"), ("[{'b': 2}]", "list"), ("(each for each in [1])", "generator")],
    ids=["an item", "a list", "a generator"],
)
def test_a_value_that_a_callback_returns_besides_yielding_is_reported_with_its_line(
    returned: str, kind: str, site: Host, project: Path, command: Crawl
) -> None:
    write(project, site, f"yield {{'a': 1}}\nif response.css('p'):\n    return {returned}\nyield {{'c': 3}}")

    done = command("run", "cat")

    told = f"spiders/cat.py, line 11: the value of `return` ({kind}) is lost in a callback that yields; write `yield`"
    assert told in done.out + done.err
    assert told in command("status", "cat").out


@pytest.mark.parametrize("returned", ["", " None", " []"], ids=["nothing", "None", "an empty list"])
def test_a_callback_that_yields_and_returns_nothing_is_not_reported(
    returned: str, site: Host, project: Path, command: Crawl
) -> None:
    write(project, site, f"yield {{'a': 1}}\nreturn{returned}")

    done = command("run", "cat", "--quiet")

    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("keyword", ["callback", "errback"])
def test_a_request_with_a_misspelled_callback_is_refused_at_its_line_and_a_retry_after_mending_works(
    keyword: str, site: Host, project: Path, command: Crawl
) -> None:
    body = f"yield {{'a': 1}}\nyield Request(response.urljoin('/next'), {keyword}='parse_itm')"
    write(project, site, body)
    path = project / "spiders" / "cat.py"
    method = "\n    def parse_item(self, response):\n        yield {'b': 2}\n"
    path.write_text(path.read_text() + method)

    done = command("run", "cat")

    assert done.code != 0
    assert "has no method 'parse_itm', which a request names; did you mean 'parse_item'?" in done.out + done.err
    assert "fix spiders/cat.py, line 10, then crawl retry cat" in done.out + done.err

    path.write_text(path.read_text().replace("parse_itm", "parse_item"))
    command("retry", "cat")
    assert command("run", "cat").code == 0


@pytest.mark.parametrize("carried", ["meta={'row': response.css('p')[0]}", "cb_kwargs={'row': object()}"])
def test_what_cannot_go_with_a_request_is_refused_at_its_line(
    carried: str, site: Host, project: Path, command: Crawl
) -> None:
    write(project, site, f"yield Request(response.urljoin('/next'), {carried})")

    done = command("run", "cat")

    assert done.code == 1
    assert "at spiders/cat.py, line 9, in parse" in command("status", "cat").out


def test_a_header_is_text_already(site: Host, project: Path, command: Crawl) -> None:
    write(project, site, "yield {'kind': response.headers['Content-Length'].decode()}")
    command("run", "cat")

    assert "leave `.decode()` out" in command("status", "cat").out


BELOW = """from crawler import Spider


class Deep(Spider):
    name = "deep"
    start_urls = ["http://127.0.0.1:1/"]
"""


def test_a_spider_in_a_folder_within_is_named_where_it_is_missed(site: Host, project: Path, command: Crawl) -> None:
    write(project, site, "yield {'a': 1}")
    (project / "spiders" / "sub" / "lower").mkdir(parents=True)
    (project / "spiders" / "sub" / "lower" / "deep.py").write_text(BELOW)
    (project / "spiders" / "sub" / "helpers.py").write_text("class Helper:\n    name = 'helper'\n")

    done, listed = command("run", "deep"), command("list")

    assert done.code == 2
    assert "no spider 'deep' in spiders/: it is in spiders/sub/lower/deep.py" in done.err
    assert (listed.code, listed.out) == (0, "cat\n")
    assert "deep in spiders/sub/lower/deep.py is not looked at" in listed.err
    assert "helper" not in listed.err + command("run", "helper").err.replace("no spider 'helper'", "")
