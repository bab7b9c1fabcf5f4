"""Rules that would not be followed, or would fail page by page, are refused when the class is defined."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from crawler import CrawlSpider, LinkExtractor, Request, Response, Rule, SitemapSpider, Spider
from crawler.errors import SpiderError
from crawler.frontier.start_requests import start_requests
from tests.test_messages import page

ITEMS = '<a href="/item/1">1</a>'
RULES = (Rule(LinkExtractor(), "page"),)


class Base(CrawlSpider):
    """With what a rule calls."""

    def page(self, response: Response) -> Any:
        yield {"url": response.url}

    def on_its_own(self, response: Response) -> Any:
        yield {"own": response.url}


def made(base: type = Base, **members: Any) -> Any:
    return type("Shop", (base,), {"name": "shop", **members})


def test_a_parse_of_its_own_would_replace_the_rules() -> None:
    with pytest.raises(
        SpiderError, match=r"Shop\.parse replaces .* none would be followed; write `def parse_start_url"
    ):
        made(rules=RULES, parse=Base.on_its_own)


def test_the_same_holds_for_rules_of_a_base_class_and_for_a_parse_of_one() -> None:
    ruled = made(rules=RULES)
    with pytest.raises(SpiderError, match=r"Other\.parse replaces"):
        type("Other", (ruled,), {"name": "other", "parse": Base.on_its_own})

    parsed = made(parse=Base.on_its_own)
    with pytest.raises(SpiderError, match=r"Other\.parse replaces"):
        type("Other", (parsed,), {"name": "other", "rules": RULES})


def above(self: Any, response: Response) -> Any:
    yield from super(Base, self).parse(response)


def by_name(self: Any, response: Response) -> Any:
    yield from CrawlSpider.parse(self, response)


def inside(self: Any, response: Response) -> Any:
    def rest() -> Any:
        yield from self._follow(response)

    yield from rest()


def by_another_method(self: Any, response: Response) -> Any:
    yield from self.both(response)


@functools.wraps(above)
def wrapped(*args: Any) -> Any:
    return above(*args)


def by_hand(self: Any, response: Response) -> Any:
    for rule in self.rules:
        yield from response.follow_all(rule.extractor.extract_links(response), self.page)


@pytest.mark.parametrize("parse", [above, by_name, inside, by_another_method, wrapped, by_hand])
def test_a_parse_that_applies_the_rules_itself_or_calls_the_one_above_is_left_alone(parse: Any) -> None:
    found = list(made(rules=RULES, parse=parse, both=by_name)().parse(page(ITEMS)))

    assert [type(each) for each in found] == [Request]


def test_a_parse_without_any_rules_is_left_alone() -> None:
    assert [list(each) for each in made(parse=Base.on_its_own)().parse(page(ITEMS))] == [["own"]]


def test_a_rule_may_not_name_the_parse_that_applies_the_rules() -> None:
    with pytest.raises(SpiderError, match="a rule names `parse`, which applies the rules and yields no items"):
        made(rules=(Rule(LinkExtractor(), callback="parse"),))


def test_rules_that_are_set_for_the_object_are_checked_before_anything_is_sent() -> None:
    spider = made(parse=Base.on_its_own, start_urls=["http://www.shop.test/"])()
    spider.rules = RULES

    with pytest.raises(SpiderError, match=r"Shop\.parse replaces"):
        list(start_requests(spider))


def test_a_start_page_on_which_no_rule_finds_a_link_is_reported_and_others_are_not() -> None:
    spider = made(rules=(Rule(LinkExtractor(restrict_css="a.nxt"), "page"), Rule(LinkExtractor(allow="/item/"))))()
    first, empty, later = page(ITEMS), page("<p>none</p>"), page("<p>none</p>")

    list(spider.parse(first)), list(spider.parse(empty)), list(spider.parse_by_rule(later, 1))

    assert empty.warnings == ["no rule found a link on a page at which the crawl begins"]
    assert not first.warnings
    assert not later.warnings


def test_one_rule_needs_no_comma() -> None:
    spider = made(rules=RULES[0])()

    (request,) = spider.parse(page(ITEMS))

    assert list(spider.parse_by_rule(page(ITEMS), **request.cb_kwargs))


def test_what_is_no_rule_is_refused_with_what_to_write() -> None:
    with pytest.raises(SpiderError, match=r"Shop.rules holds a LinkExtractor; write Rule\(LinkExtractor"):
        made(rules=(LinkExtractor(),))
    with pytest.raises(SpiderError, match="a Rule begins with its LinkExtractor, not with '/item/'"):
        Rule("/item/")  # type: ignore[arg-type]


class Books(SitemapSpider):
    """With what a rule calls."""

    def parse_book(self, response: Response) -> Any: ...


WRONG_PAIRS = {
    "no such method": (
        [("/book/", "parse_bok")],
        "no method 'parse_bok', which sitemap_rules names; did you mean 'parse_b",
    ),
    "no pair": (("/book/", "parse_book"), r"write \[\('/book/', 'parse_book'\)\], not '/book/'"),
    "no pattern": ([("(/book/", "parse_book")], "is no regular expression: missing"),
}


@pytest.mark.parametrize(("rules", "said"), list(WRONG_PAIRS.values()), ids=list(WRONG_PAIRS))
def test_rules_of_a_sitemap_are_checked_when_the_class_is_defined(rules: Any, said: str) -> None:
    with pytest.raises(SpiderError, match=said):
        made(Books, sitemap_rules=rules)


def test_good_rules_of_a_sitemap_are_taken() -> None:
    assert made(Books, sitemap_rules=[("/book/", "parse_book"), ("", Books.parse_book)])
    assert issubclass(made(Books), Spider)


def test_a_sitemap_that_leads_to_no_parse_method_is_not_asked_for() -> None:
    spider = made(SitemapSpider, sitemap_urls=["http://www.shop.test/sitemap.xml"])()

    with pytest.raises(SpiderError, match="Shop has no parse method"):
        list(start_requests(spider))
