"""What users of Scrapy or requests write: one line says what to write instead, and nothing is silently ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

import crawler
from crawler import CrawlSpider, LinkExtractor, Rule, Spider, habits, run
from crawler.errors import SettingsError, SpiderError, UsageError
from crawler.output.reasons import short_reason
from crawler.settings import load

from .conftest import Crawl

HEAD = """from crawler import Request, Spider
class Orders(Spider):
    name = 'orders'
    start_urls = ['http://a.test/']
"""

MISTAKES = {
    "no name": (
        "from crawler import Spider\nclass Orders(Spider):\n    start_urls = ['http://a.test/']\n",
        "class Orders in spiders/orders.py has no name; write in it: name = 'orders'",
    ),
    "nothing in the file": ("", "spiders/orders.py holds none: a spider is a class with `name = 'orders'`"),
    "only functions": ("def parse(response):\n    pass\n", "inherits from crawler.Spider"),
    "start_requests": (f"{HEAD}    def start_requests(self): ...\n", "write it as `def start(self)`"),
    "make_requests_from_url": (f"{HEAD}    def make_requests_from_url(self, url): ...\n", "`def start(self)`"),
    "from_crawler": (f"{HEAD}    @classmethod\n    def from_crawler(cls, crawler): ...\n", "attributes of the spider"),
    "start_url": (f"{HEAD}    start_url = 'http://a.test/'\n", "write start_urls = [...]"),
    "alternate links": (f"{HEAD}    sitemap_alternate_links = True\n", "in `def parse_sitemap(self, response)`"),
    "process_links": (
        "from crawler import Rule\nRULE = Rule(process_links='choose')\n",
        "line 2: TypeError: Rule.__init__() got an unexpected keyword argument 'process_links'; write: choose",
    ),
    "process_request": ("from crawler import Rule\nRULE = Rule(process_request='sign')\n", "`def on_request(self, req"),
    "errback of a rule": ("from crawler import Rule\nRULE = Rule(errback='no')\n", "Request(url, errback=...)"),
    "process_value": (
        "from crawler import LinkExtractor\nLINKS = LinkExtractor(process_value=str)\n",
        "response.follow(url)",
    ),
    "async parse": (f"{HEAD}    async def parse(self, response):\n        yield 1\n", "write `def parse`"),
    "async start": (f"{HEAD}    async def start(self):\n        yield 1\n", "write `def start`"),
    "async callback": (f"{HEAD}    async def parse_page(self, response): ...\n", "write `def parse_page`"),
    "parse without self": (f"{HEAD}    def parse(response): ...\n", "write `def parse(self, response)`"),
    "login without session": (f"{HEAD}    def login(self): ...\n", "write `def login(self, session)`"),
    "is_logged_out with two": (
        f"{HEAD}    def is_logged_out(self, session, response): ...\n",
        "write `def is_logged_out(self, response)`",
    ),
    "yield in login": (
        f"{HEAD}    def login(self, session):\n        yield Request('http://a.test/login')\n",
        "call session.get and session.submit there",
    ),
    "import scrapy": ("import scrapy\n", "write: from crawler import CrawlSpider"),
    "scrapy.http": ("from crawler.http import Request\n", "write: from crawler import Request, Response"),
    "spiders": ("from crawler.spiders import CrawlSpider\n", "write: from crawler import CrawlSpider"),
    "linkextractors": ("from crawler.linkextractors import LinkExtractor\n", "from crawler import LinkExtractor"),
    "loader": ("from crawler.loader import ItemLoader\n", "yield dicts"),
    "FormRequest": ("from crawler import FormRequest\n", "session.submit(page.form(), {...})"),
    "Item": ("from crawler import Item\n", "yield dicts"),
    "Selector": ("from crawler import Selector\n", "from parsel import Selector"),
    "CrawlerProcess": ("from crawler import CrawlerProcess\n", "run(Orders)"),
    "CloseSpider": ("from crawler import CloseSpider\n", "`max_pages` or `max_time` in custom_settings ends a run"),
    "CloseSpider of exceptions": ("from crawler.exceptions import CloseSpider\n", "`max_pages` or `max_time`"),
    "HttpError": ("from crawler.spidermiddlewares.httperror import HttpError\n", "import StatusError"),
    "errors of Twisted": ("from twisted.internet.error import DNSLookupError\n", "import ConnectFailed, TimedOut"),
}


@pytest.mark.parametrize(("source", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_spider_that_cannot_work_is_told_what_to_write(orders: Path, crawl: Crawl, source: str, said: str) -> None:
    (orders / "spiders" / "orders.py").write_text(source)

    done = crawl("run", "orders")

    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert said in done.err


@pytest.mark.parametrize("key", habits.SETTINGS)
def test_a_scrapy_setting_that_does_not_exist_here_names_what_to_use(key: str) -> None:
    with pytest.raises(SettingsError, match=f"{key} .* is a setting of Scrapy; instead: ."):
        load(spider={key: 1}, environ={})


def test_no_hint_is_about_a_name_that_exists() -> None:
    assert not set(habits.SETTINGS) & set(crawler.settings.SCRAPY_NAMES)
    assert not set(habits.NAMES) & set(crawler.__all__)
    for name in (*habits.METHODS, *habits.ATTRIBUTES):
        assert name not in dir(Spider)


def test_names_that_hints_speak_of_can_be_imported() -> None:
    for hint in (*habits.NAMES.values(), *habits.MODULES.values()):
        for line in hint.split("; "):
            if line.startswith("from "):
                exec(line, {})  # noqa: S102 - our own table


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("orders",), r"not 'orders': run\(Orders\); by its name"),
        ((7,), "not a int|not an int"),
    ],
    ids=["a name", "a number"],
)
def test_run_takes_a_class(words: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(*words)


def test_run_takes_no_object_and_no_setting_by_its_name() -> None:
    class Orders(Spider):
        name = "orders"
        start_urls = ("http://a.test/",)

    with pytest.raises(UsageError, match=r"run\(Orders\), not run\(Orders\(\)\)"):
        run(Orders())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"run\(Orders, settings=\{'processes': 2\}\)"):
        run(Orders, processes=2)
    with pytest.raises(UsageError, match="run\\(\\) takes no 'colour'"):
        run(Orders, colour=2)


def test_arguments_that_an_init_does_not_take_are_reported(orders: Path, crawl: Crawl) -> None:
    (orders / "spiders" / "orders.py").write_text(f"{HEAD}    def __init__(self, day):\n        self.day = day\n")

    for words in (("-a", "month=5"), ()):
        done = crawl("run", "orders", *words)

        assert done.code == 2
        assert "write `def __init__(self, **arguments)` and `super().__init__(**arguments)`" in done.err


def test_a_rule_has_to_name_a_method_that_exists() -> None:
    with pytest.raises(
        SpiderError, match="Shop has no method 'parse_itm', which a rule names; did you mean 'parse_item'"
    ):

        class Shop(CrawlSpider):
            rules = (Rule(LinkExtractor(), callback="parse_itm"),)

            def parse_item(self, response: Any) -> None: ...


def test_old_and_new_ways_to_start_may_be_used_side_by_side() -> None:
    class Both(Spider):
        def start(self) -> Any:
            return ()

        def start_requests(self) -> Any:
            return self.start()

    assert list(Both().start_requests()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("TypeError: Request.__init__() got an unexpected keyword argument 'formdata'", "write data={...}"),
        ("AttributeError: 'PreparedRequest' object has no attribute 'meta'", "write response.meta"),
        ("AttributeError: 'Response' object has no attribute 'body_as_unicode'", "write response.text"),
        ("TypeError: 'method' object is not subscriptable", "response.json()['x']"),
        ("TypeError: Orders.parse_page() takes 1 positional argument but 2 were given", "is `self` missing"),
        ("KeyError: 'id'", ""),
    ],
)
def test_a_failed_page_says_what_to_write(error: str, said: str) -> None:
    shown = short_reason(f'{error}\n  File "/srv/shop/spiders/orders.py", line 5, in parse\n    x\n')

    assert shown.startswith(f"{error} at spiders/orders.py, line 5, in parse")
    assert said in shown


def test_attributes_of_scrapy_spiders_are_answered_with_hints(tmp_path: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("x", content_type="text/html")

    class Orders(Spider):
        name = "orders"
        start_urls = (httpserver.url_for("/"),)
        custom_settings = {"robots": False, "store": str(tmp_path / "crawl.db")}

        def parse(self, response: Any) -> Any:
            self.log("a line")

    said: list[str] = []

    run(Orders, observers=[lambda event: said.append(getattr(event, "error", ""))])

    assert any("no attribute 'log'; instead: self.logger.info(...)" in each for each in said)


def test_an_unknown_attribute_is_missing_as_always() -> None:
    spider = Spider()

    assert not hasattr(spider, "colour")
    with pytest.raises(AttributeError, match=r"'Spider' object has no attribute 'colour'\Z"):
        _ = spider.colour  # type: ignore[attr-defined]
