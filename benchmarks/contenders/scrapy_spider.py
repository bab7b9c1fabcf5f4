"""Scrapy, with costly features that are not needed switched off, and duplicates dropped before a Request is made."""

import sys
from urllib.parse import urljoin, urlsplit

from orders import AT_ONCE, HOSTS, LOGIN, OUT, PER_HOST, STARTS, fields_of, of_json
from scrapy import FormRequest, Request, Spider
from scrapy.crawler import CrawlerProcess


class Shop(Spider):
    name = "shop"

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seen = set(STARTS)
        self.links = {}

    async def start(self):
        if LOGIN:
            yield Request(LOGIN, callback=self.log_in, dont_filter=True)
            return
        for url in STARTS:
            yield Request(url, dont_filter=True)

    def log_in(self, response):
        return FormRequest.from_response(
            response, formdata={"username": "u", "password": "p"}, callback=self.parse, dont_filter=True
        )

    def parse(self, response):
        if response.url.endswith(".json"):
            item, hrefs = of_json(response.body)
        else:
            item, hrefs = fields_of(response), response.css("a::attr(href)").getall()
        if item is not None:
            yield item
        base = response.url
        for href in hrefs:
            url = urljoin(base, href.partition("#")[0])
            if url not in self.seen and url.startswith("http") and urlsplit(url).netloc in HOSTS:
                self.seen.add(url)
                yield Request(url, dont_filter=True)


process = CrawlerProcess(
    {
        "LOG_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "COOKIES_ENABLED": bool(LOGIN),
        "REDIRECT_ENABLED": bool(LOGIN),
        "RETRY_ENABLED": False,
        "HTTPPROXY_ENABLED": False,
        "METAREFRESH_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "REFERER_ENABLED": False,
        "DOWNLOAD_DELAY": 0,
        "CONCURRENT_REQUESTS": AT_ONCE,
        "CONCURRENT_REQUESTS_PER_DOMAIN": PER_HOST,
        "MEMUSAGE_ENABLED": False,
        "ASYNCIO_EVENT_LOOP": "uvloop.Loop",
        "FEEDS": {OUT: {"format": "jsonlines", "encoding": "utf8"}},
    }
)
process.crawl(Shop)
process.start()
sys.exit(0)
