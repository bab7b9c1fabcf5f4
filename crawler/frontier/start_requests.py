"""The first requests of a spider, as its class gives them."""

from __future__ import annotations

from collections.abc import Iterator

from crawler.errors import CrawlError, SpiderError
from crawler.nearest import nearest
from crawler.plain_values import class_name_of
from crawler.request import Request
from crawler.spider import CrawlSpider, SitemapSpider, Spider, several
from crawler.spider_checks import check_rules, check_sitemap_rules


def first_request_url(spider: Spider) -> str | None:
    """The first page of a spider that logs in and names no start URLs: its session is proved there.

    None when it gives none, begins with a sitemap, which proves nothing, or raises (seeding then says so).
    """
    if spider.start_urls or not spider.wants_login() or isinstance(spider, SitemapSpider):
        return None
    try:
        return next((each.url for each in start_requests(spider) if each.method == "GET"), None)
    except CrawlError:
        return None


def start_requests(spider: Spider) -> Iterator[Request]:
    """The spider's first requests.

    Raises:
        SpiderError: It has none, its `start` raised, or gave something that is not a request, or one for a callback
            that does not exist.
    """
    custom = type(spider).start is not Spider.start
    if not custom and not spider.start_urls and not isinstance(spider, SitemapSpider):
        raise SpiderError(f"spider {spider.name!r} has no start_urls and no start method")
    _check_rules(spider)
    checked = ""
    try:
        for request in spider.start():
            if not isinstance(request, Request):
                raise SpiderError(f"{spider.name}.start gave a {class_name_of(request)}; it must yield Requests")
            if not request.callback:
                _check_parse(spider)
            elif request.callback != checked:
                spider.callback(checked := request.callback)
            if request.errback:
                spider.callback(request.errback)
            yield request
    except CrawlError:
        raise
    except Exception as error:
        raise SpiderError(f"{spider.name}.start: {type(error).__name__}: {error}") from error


def _check_rules(spider: Spider) -> None:
    """Those of the object: a class is checked when it is defined."""
    if isinstance(spider, CrawlSpider) and "rules" in vars(spider):
        check_rules(type(spider), several(spider.rules), CrawlSpider.parse)
    if isinstance(spider, SitemapSpider) and spider.sitemap_urls:
        check_sitemap_rules(type(spider), spider.sitemap_rules)
        if type(spider).parse_sitemap is SitemapSpider.parse_sitemap and "parse" in dict(spider.sitemap_rules).values():
            _check_parse(spider)


def _check_parse(spider: Spider) -> None:
    kind = type(spider)
    if kind.parse is Spider.parse and "parse" not in vars(spider):
        own = [each for each in dir(kind) if callable(getattr(kind, each)) and not hasattr(Spider, each)]
        near = nearest("parse", own)
        has = f"; it has `{near[0]}`" if near else ""
        if getattr(kind, "rules", None):
            raise SpiderError(
                f"{kind.__name__} has rules and no parse method: rules are followed by a CrawlSpider; write"
                f" `class {kind.__name__}(CrawlSpider)`"
            )
        raise SpiderError(f"{kind.__name__} has no parse method{has}; write `def parse(self, response)`")
