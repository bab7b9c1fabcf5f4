"""A name without a prefix that finds nothing because its elements are in a namespace: that is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.response import Response
from crawler.testing.wire import Answer
from tests.authoring.test_first_spider import page
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPACE = "http://www.w3.org/2005/Atom"
FEED = f"""<feed xmlns="{SPACE}" xmlns:x="urn:x"><title>Books</title>
<entry><title>One</title><x:price>1</x:price></entry><entry><x:price>2</x:price></entry></feed>"""
RSS = """<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><link>/</link><atom:link rel="next"/>
<item><title>One</title></item></channel></rss>"""
Ask = Callable[[Response], Any]


def feed(xml: str = FEED) -> Response:
    return page(xml, "application/atom+xml")


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        pytest.param(lambda r: r.css("entry"), "entry", id="css"),
        pytest.param(lambda r: r.css("entry > title::text").get(), "entry", id="css-text"),
        pytest.param(lambda r: r.xpath("//entry[@x]/title"), "entry", id="xpath"),
        pytest.param(lambda r: r.xpath("/child::feed"), "feed", id="axis"),
        pytest.param(lambda r: r.xpath("normalize-space(//title)"), "title", id="text-of-nothing"),
        pytest.param(lambda r: r.xpath("count(//entry)"), "entry", id="number-of-nothing"),
        pytest.param(lambda r: r.selector.css("entry"), "entry", id="selector"),
        pytest.param(lambda r: r.xpath("//*[local-name()='entry']")[0].css("title"), "title", id="in-a-row"),
        pytest.param(lambda r: r.xpath("//*[local-name()='entry']").css("price::text"), "price", id="prefixed-in-rows"),
    ],
)
def test_a_plain_name_that_misses_elements_of_a_namespace_is_named_once(ask: Ask, name: str) -> None:
    response = feed()

    ask(response)
    ask(response)

    assert len(response.warnings) == 1
    assert f"write *[local-name()='{name}']" in response.warnings[0]
    assert f"<{name}> is in the namespace" in response.warnings[0]
    assert "response.selector.remove_namespaces()" in response.warnings[0]


@pytest.mark.parametrize(
    ("xml", "ask"),
    [
        pytest.param(FEED, lambda r: r.css("missing"), id="no-such-element"),
        pytest.param(FEED, lambda r: r.xpath("//a:entry/b", namespaces={"a": SPACE}), id="prefixed"),
        pytest.param(FEED, lambda r: r.xpath("//*[local-name()='entry'][@entry='title']/@title"), id="attribute"),
        pytest.param(FEED, lambda r: r.xpath("//*[local-name()='entry'][$title = '']", title="x"), id="variable"),
        pytest.param(RSS, lambda r: r.css("item").css("link::text"), id="also-without-namespace"),
        pytest.param("<feed><entry/></feed>", lambda r: r.css("entry > title"), id="no-namespace"),
    ],
)
def test_nothing_is_said_where_a_namespace_is_not_the_cause(xml: str, ask: Ask) -> None:
    response = feed(xml)

    assert not ask(response)
    assert response.warnings == []


ROWS = "//*[local-name()='entry']"


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda r: [r.css("entry"), r.xpath(ROWS)], id="local-name"),
        pytest.param(lambda r: [r.xpath(ROWS), r.css("entry")], id="the-other-way-round"),
        pytest.param(lambda r: [r.css("entry"), r.xpath("//*[name() = 'entry']/@x | //*[name()='title']")], id="name"),
        pytest.param(lambda r: [r.css("entry"), r.xpath("//*[$n=local-name()]", n="entry")], id="variable"),
        pytest.param(lambda r: [r.css("entry"), r.xpath("//a:entry", namespaces={"a": SPACE})], id="namespaces"),
        pytest.param(lambda r: [r.css("title"), r.xpath("//a:title/text()", namespaces={"a": SPACE})], id="text"),
        pytest.param(
            lambda r: [r.css("entry"), r.selector.register_namespace("a", SPACE), r.css("a|entry")], id="registered"
        ),
        pytest.param(
            lambda r: [r.css("entry"), r.selector.remove_namespaces(), r.css("entry"), r.css("b")], id="removed"
        ),
        pytest.param(
            lambda r: [
                r.css("entry"),
                r.css("title"),
                [[row.css("title"), row.xpath("string(*[local-name()='title'])")] for row in r.xpath(ROWS)],
            ],
            id="in-rows-of-which-one-has-none",
        ),
    ],
)
def test_nothing_is_said_of_a_name_whose_elements_were_found_in_another_way(ask: Ask) -> None:
    response = feed()
    response.warnings.append("another")

    ask(response)

    assert response.warnings == ["another"]


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        pytest.param(lambda r: [r.css("entry"), r.css("title"), r.xpath(ROWS)], "title", id="another-name"),
        pytest.param(lambda r: [r.css("title"), r.css("entry"), r.xpath(ROWS)], "title", id="an-earlier-one"),
        pytest.param(lambda r: [r.css("entry"), r.xpath("//b:entry", namespaces={"b": "u"})], "entry", id="found-none"),
        pytest.param(lambda r: [r.css("entry"), r.xpath("//*[@x:entry]", namespaces={"x": "u"})], "entry", id="nor-so"),
        pytest.param(lambda r: [r.css("entry"), r.xpath("//*")], "entry", id="all-elements"),
        pytest.param(lambda r: [r.css("entry"), r.xpath("//*[local-name()='title']")], "entry", id="only-its-child"),
    ],
)
def test_what_was_found_of_other_names_takes_nothing_back(ask: Ask, name: str) -> None:
    response = feed()

    ask(response)

    (said,) = response.warnings
    assert f"XML: {name!r} without a prefix finds nothing" in said


def test_what_the_warning_says_to_write_finds_the_elements() -> None:
    assert len(feed().xpath("//*[local-name()='entry']")) == 2
    response = feed()
    response.selector.register_namespace("atom", SPACE)
    assert len(response.css("atom|entry")) == len(response.xpath("//atom:entry")) == 2
    assert response.xpath("//atom:entry")[0].xpath("normalize-space(atom:title)").get() == "One"
    response.selector.remove_namespaces()
    assert [each.css("title::text").get() for each in response.css("entry")] == ["One", None]
    assert response.warnings == []


SPIDER = """
from crawler import Spider


class Feed(Spider):
    name = "feed"
    start_urls = ["{url}/a", "{url}/b"]

    def parse(self, response):
        for row in response.css("entry"):
            yield {{"title": row.css("title::text").get()}}
"""


def test_a_run_that_finds_no_entries_says_why_in_one_line(project: Path, crawl: Crawl) -> None:
    answer = Answer(body=FEED.encode(), content_type="application/atom+xml")
    with closing(Host({"/robots.txt": Answer(404), "*": answer}, "127.0.0.1", None)) as host:
        (project / "spiders").mkdir()
        (project / "spiders" / "feed.py").write_text(SPIDER.format(url=host.url))
        run = crawl("run", "feed", "-s", "delay=0")
        told = json.loads(crawl("status", "feed", "--json").out)["warned_by"]

    assert "2 pages have a warning (XML: 'entry' without a prefix finds nothing, because <entry> is in" in run.out
    assert [each["pages"] for each in told.values()] == [2]
