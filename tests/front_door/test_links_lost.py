"""Links that a spider means and that were not followed, through the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, _clean, project
from tests.cli.conftest import crawl as command
from tests.hosts import Host, Net

__all__ = ["_clean", "command", "project"]

BY_RULES = """from crawler import CrawlSpider, LinkExtractor, Rule


class Books(CrawlSpider):
    name = "books"
    start_urls = ["{url}/1"]
    rules = [Rule(LinkExtractor({where}), "page", follow=True)]

    def parse_start_url(self, response):
        return self.page(response)

    def page(self, response):
        yield {{"url": response.url}}
"""


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.close()


def numbered(net: Net, pages: int) -> Host:
    """Pages that are linked by "next" one after the other."""
    answers = {
        f"/{number}": Answer(body=b"<p>x</p><a class=next href=/%d>on</a><a href=/other>o</a>" % (number + 1))
        for number in range(1, pages)
    }
    return net.host({"/robots.txt": Answer(404), **answers, "*": Answer(body=b"<p>the last</p>")})


@pytest.mark.parametrize("where", ["restrict_css='a.next'", "restrict_xpaths='//a[@class=\"next\"]'"])
def test_a_rule_that_is_restricted_to_the_links_themselves_follows_them(
    where: str, net: Net, project: Path, command: Crawl
) -> None:
    site = numbered(net, 5)
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "books.py").write_text(BY_RULES.format(url=site.url, where=where))

    done = command("run", "books", "--quiet")

    assert (done.code, done.err) == (0, "")
    assert [call.path for call in site.calls if call.path != "/robots.txt"] == ["/1", "/2", "/3", "/4", "/5"]
