"""LinkExtractor and Rule: the words that Scrapy's users know mean what they expect."""

from __future__ import annotations

from typing import Any

import pytest

from crawler import Response
from crawler.errors import SpiderError
from crawler.links import Link, LinkExtractor, Rule
from tests.test_messages import page

BODY = """<nav><a href="/nav">Nav</a></nav><main><a href="/a?b=2&a=1">One  <b>two</b></a>
<a href="/a?a=1&b=2#x">again</a><a href="http://other.test/x">away</a><a href="/doc.PDF">pdf</a>
<a href="/n" rel="NoFollow me">n</a><a href="mailto:x@y.test">m</a><a href="#top">t</a><a>none</a></main>
<map><area href="/area"></map><link href="/style.css"><img src="/i.png">"""


def urls(response: Response | None = None, **options: Any) -> list[str]:
    found = LinkExtractor(**options).extract_links(response or page(BODY))
    return [link.url.removeprefix("http://www.shop.test") for link in found]


def test_links_come_in_order_once_each_without_media_and_what_leads_nowhere() -> None:
    assert urls() == ["/nav", "/a?b=2&a=1", "http://other.test/x", "/n", "/area"]


def test_a_link_has_text_and_says_whether_it_may_be_followed() -> None:
    links = {link.url.rpartition("/")[2]: link for link in LinkExtractor().extract_links(page(BODY))}

    assert links["a?b=2&a=1"].text == "One two"
    assert links["n"].nofollow
    assert not links["nav"].nofollow


OPTIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({"allow": r"/a\b"}, ["/a?b=2&a=1"]),
    ({"allow": ["/nav", "/n$"]}, ["/nav", "/n"]),
    ({"deny": "/n"}, ["/a?b=2&a=1", "http://other.test/x", "/area"]),
    ({"allow_domains": "shop.test"}, ["/nav", "/a?b=2&a=1", "/n", "/area"]),
    ({"deny_domains": ["shop.test"]}, ["http://other.test/x"]),
    ({"deny_extensions": ()}, ["/nav", "/a?b=2&a=1", "http://other.test/x", "/doc.PDF", "/n", "/area"]),
    ({"restrict_css": "nav"}, ["/nav"]),
    ({"restrict_css": "nav a"}, ["/nav"]),
    ({"restrict_xpaths": "//a[@rel]"}, ["/n"]),
    ({"restrict_css": ("area", "nav")}, ["/nav", "/area"]),
    ({"restrict_css": ("main a", "main"), "unique": False, "allow": "/[an]\\b"}, ["/a?b=2&a=1", "/a?a=1&b=2", "/n"]),
    ({"restrict_xpaths": "//main"}, ["/a?b=2&a=1", "http://other.test/x", "/n"]),
    ({"restrict_css": "nav", "restrict_xpaths": "//map"}, ["/nav", "/area"]),
    ({"restrict_text": "two$"}, ["/a?b=2&a=1"]),
    ({"tags": ["img"], "attrs": ["src"], "deny_extensions": ()}, ["/i.png"]),
    ({"tags": "img", "attrs": "src", "restrict_css": "img", "deny_extensions": ()}, ["/i.png"]),
    ({"allow": "/a", "unique": False}, ["/a?b=2&a=1", "/a?a=1&b=2", "/area"]),
]


@pytest.mark.parametrize(("options", "expected"), OPTIONS, ids=[str(options) for options, _ in OPTIONS])
def test_links_are_chosen_by_pattern_domain_place_and_text(options: dict[str, Any], expected: list[str]) -> None:
    assert urls(**options) == expected


@pytest.mark.parametrize("url", ["http://notshop.test/", "http://shop.test.evil.test/"])
def test_a_domain_does_not_match_part_of_a_name(url: str) -> None:
    assert not LinkExtractor(allow_domains="shop.test").matches(url)


@pytest.mark.parametrize("where", [{"restrict_css": "a::text"}, {"restrict_xpaths": "//a/@href"}], ids=str)
def test_a_restriction_that_finds_no_elements_is_refused(where: dict[str, Any]) -> None:
    with pytest.raises(SpiderError, match="name elements, not texts or attributes"):
        urls(**where)


@pytest.mark.parametrize("what", [{"css": "nav"}, {"xpath": "//main"}, {"links": "css"}], ids=str)
def test_elements_that_hold_links_and_are_none_are_named(what: dict[str, Any]) -> None:
    response = page(BODY)

    assert not list(response.follow_all(**(what if "links" not in what else {"links": response.css("nav")})))
    assert "name the <a> in them" in response.warnings[0]


@pytest.mark.parametrize("css", ["a", "p.none", "nav a", "a:not([href])"])
def test_links_without_an_address_are_no_such_elements(css: str) -> None:
    response = page(BODY)
    list(response.follow_all(css=css))

    assert not response.warnings


def test_a_broken_page_has_the_links_that_can_be_read() -> None:
    assert urls(page("<a href='/ok'>x<a href='http://[::'>y<a href='/two'")) == ["/ok"]
    assert urls(page(b"")) == []


def test_a_rule_follows_further_unless_it_has_a_callback() -> None:
    assert Rule().follow
    assert not Rule(callback="parse_item").follow
    assert Rule(callback="parse_item", follow=True).follow
    assert Link("http://a.test/").text == ""
