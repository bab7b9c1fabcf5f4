"""Spider classes: arguments, sessions, callbacks, rules and sitemaps."""

from __future__ import annotations

from typing import Any

import pytest

from crawler import CrawlSpider, Identity, LinkExtractor, Request, Response, Rule, SitemapSpider, Spider
from crawler.errors import SpiderError
from crawler.response import SPREAD
from tests.test_messages import page


class Shop(Spider):
    name = "shop"
    start_urls = ("http://shop.test/a", "http://shop.test/b")

    def parse(self, response: Response) -> Any:
        return []


def test_arguments_become_attributes() -> None:
    spider = Shop(category="books")

    assert (spider.category, spider.arguments) == ("books", {"category": "books"})  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["parse", "login", "_private", "not a name", "start", "", "name", "logger"])
def test_an_argument_cannot_replace_what_a_spider_does(name: str) -> None:
    with pytest.raises(SpiderError):
        Shop(**{name: "x"})


@pytest.mark.parametrize("field", ["start_urls", "allowed_domains"])
def test_a_text_where_a_list_belongs_is_refused_with_the_class(field: str) -> None:
    with pytest.raises(SpiderError, match=rf"Wrong\.{field} is a text; write a list: {field} = \['shop\.test'\]"):
        type("Wrong", (Spider,), {field: "shop.test"})


def test_it_begins_at_each_start_url_in_each_session() -> None:
    spider = Shop()
    spider.sessions = ["buyer", Identity("auditor", serial=True)]

    assert [(request.url[-1], request.session) for request in spider.start()] == [
        ("a", "buyer"),
        ("b", "buyer"),
        ("a", "auditor"),
        ("b", "auditor"),
    ]


@pytest.mark.parametrize("sessions", [[], ["a", "a"], [SPREAD], [""], ["a", Identity("a")]], ids=str)
def test_sessions_have_names_of_their_own(sessions: list[Any]) -> None:
    spider = Shop()
    spider.sessions = sessions

    with pytest.raises(SpiderError, match="different names"):
        spider.identities()


def test_one_session_may_be_given_as_a_word() -> None:
    spider = Shop()
    spider.sessions = "buyer"

    assert [identity.name for identity in spider.identities()] == ["buyer"]


def test_a_spider_wants_a_login_when_it_has_a_step_for_it() -> None:
    class In(Shop):
        def login(self, session: Any) -> None:
            pass

    class InBrowser(Shop):
        def login_browser(self, page: Any, session: Any) -> None:
            pass

    assert not Shop.wants_login()
    assert In.wants_login()
    assert InBrowser.wants_login()


def test_a_spider_without_parse_says_so() -> None:
    class Empty(Spider):
        name = "empty"

    with pytest.raises(SpiderError, match="Empty has no parse"):
        Empty().parse(page("x"))


RULED = '<a href="/item/1">1</a><a href="/list/2">2</a><a href="/other">3</a><a href="/item/1">again</a>'


class Ruled(CrawlSpider):
    name = "ruled"
    rules = (
        Rule(LinkExtractor(allow="/item/"), callback="parse_item", cb_kwargs={"kind": "item"}),
        Rule(LinkExtractor(allow="/list/")),
    )

    def parse_item(self, response: Response, kind: str) -> Any:
        yield {"kind": kind, "url": response.url}


def test_rules_choose_links_and_the_first_that_fits_wins() -> None:
    spider = Ruled()

    found = list(spider.parse(page(RULED)))

    assert [request.url.partition("test")[2] for request in found] == ["/item/1", "/list/2"]
    assert [request.cb_kwargs for request in found] == [{"rule_number": 0}, {"rule_number": 1}]
    assert {request.callback for request in found} == {"parse_by_rule"}


def test_a_rule_with_a_callback_calls_it_and_follows_nothing() -> None:
    spider = Ruled()
    response = page(RULED, url="http://www.shop.test/item/1")

    assert list(spider.parse_by_rule(response, 0)) == [{"kind": "item", "url": "http://www.shop.test/item/1"}]
    assert [type(each) for each in spider.parse_by_rule(response, 1)] == [Request, Request]


def test_a_callback_of_a_rule_may_return_one_item_or_one_request() -> None:
    class Single(CrawlSpider):
        name = "single"
        rules = (Rule(LinkExtractor(), callback="parse_item"),)

        def parse_item(self, response: Response) -> Any:
            return {"url": response.url} if response.url.endswith("/1") else response.follow("/item/1")

        def parse_start_url(self, response: Response) -> Any:
            return {"start": response.url}

    spider = Single()
    first, second = page(RULED, url="http://www.shop.test/1"), page(RULED, url="http://www.shop.test/2")

    assert list(spider.parse_by_rule(first, 0)) == [{"url": "http://www.shop.test/1"}]
    assert [type(each) for each in spider.parse_by_rule(second, 0)] == [Request]
    assert next(iter(spider.parse(first))) == {"start": "http://www.shop.test/1"}


def test_what_a_callback_of_a_rule_returns_besides_is_a_warning() -> None:
    class Both(CrawlSpider):
        name = "both"
        rules = (Rule(LinkExtractor(), callback="parse_item"),)

        def parse_item(self, response: Response) -> Any:
            yield {"url": response.url}
            return {"lost": 1}

    response = page(RULED)

    assert len(list(Both().parse_by_rule(response, 0))) == 1
    assert "the value of `return` (dict) is lost in a callback that yields; write `yield`" in response.warnings[-1]


def test_a_callback_of_a_rule_that_returns_a_text_is_refused() -> None:
    class Text(CrawlSpider):
        name = "text"
        rules = (Rule(LinkExtractor(), callback="parse_item"),)

        def parse_item(self, response: Response) -> Any:
            return "a text"

    with pytest.raises(SpiderError, match="a callback returned str; yield Requests and items"):
        list(Text().parse_by_rule(page(RULED), 0))


def test_rules_follow_nothing_on_an_answer_that_is_not_a_web_page() -> None:
    assert list(Ruled().parse(page(RULED, "text/plain"))) == []


class Mapped(SitemapSpider):
    name = "mapped"
    sitemap_urls = ("http://www.shop.test/sitemap.xml",)
    sitemap_rules = (("/book/", "parse_book"), ("/author/", "parse_author"))
    sitemap_follow = ("books",)

    def parse_book(self, response: Response) -> Any: ...

    def parse_author(self, response: Response) -> Any: ...


def sitemap(*locations: str, index: bool = False, **options: Any) -> Response:
    outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "".join(f"<{inner}><loc>{location}</loc></{inner}>" for location in locations)
    response = page(f"<{outer}>{entries}</{outer}>", "application/xml", url="http://www.shop.test/sitemap.xml")
    response.asked = Request("http://www.shop.test/sitemap.xml", **options)
    return response


def test_entries_go_to_the_callback_of_the_first_rule_that_fits() -> None:
    found = list(Mapped().parse_sitemap(sitemap("/book/1", "/author/2", "/about", "http://other.test/book/9")))

    assert [(request.url[-1], request.callback) for request in found] == [("1", "parse_book"), ("2", "parse_author")]


def test_an_index_leads_to_the_sitemaps_that_are_wanted_and_counts_its_depth() -> None:
    found = list(Mapped().parse_sitemap(sitemap("/books.xml", "/news.xml", index=True)))

    assert [(request.url[-9:], request.callback) for request in found] == [("books.xml", "parse_sitemap")]
    assert found[0].meta == {"sitemap_nesting": 1}


def test_robots_txt_names_sitemaps() -> None:
    response = page("Sitemap: /one.xml\nsitemap: http://www.shop.test/two.xml\n", "text/plain")
    response.url = "http://www.shop.test/robots.txt"

    assert [request.url[-7:] for request in Mapped().parse_sitemap(response)] == ["one.xml", "two.xml"]


def test_sitemaps_are_asked_for_first() -> None:
    (request,) = Mapped().start()

    assert (request.callback, request.priority) == ("parse_sitemap", 10)
