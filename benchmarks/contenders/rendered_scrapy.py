"""scrapy-playwright: concurrent pages, images aborted, one context; results as JSON lines."""

import json
import os

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy_playwright.page import PageMethod

_orders = json.loads(os.environ["BENCH"])
_META = {"playwright": True, "playwright_page_methods": [PageMethod("wait_for_selector", "#rows li")]}


class Products(scrapy.Spider):
    name = "products"

    async def start(self):
        yield scrapy.Request(_orders["start"], meta=_META)

    def parse(self, response):
        if "/page/" in response.url:
            yield {"title": response.css("h1::text").get(), "rows": response.css("#rows li::text").getall()}
        for href in response.css("a::attr(href)").getall():
            yield response.follow(href, meta=_META)


process = CrawlerProcess(
    {
        "DOWNLOAD_HANDLERS": {"http": "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"},
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        "PLAYWRIGHT_LAUNCH_OPTIONS": {
            "executable_path": _orders["browser"],
            "chromium_sandbox": os.geteuid() != 0,
            "args": ["--disable-dev-shm-usage"],
        },
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": _orders["at_once"],
        "PLAYWRIGHT_ABORT_REQUEST": lambda request: request.resource_type == "image",
        "CONCURRENT_REQUESTS": _orders["at_once"],
        "CONCURRENT_REQUESTS_PER_DOMAIN": _orders["at_once"],
        "DOWNLOAD_DELAY": 0,
        "ROBOTSTXT_OBEY": False,
        "FEEDS": {_orders["out"]: {"format": "jsonlines"}},
        "LOG_LEVEL": "ERROR",
    }
)
process.crawl(Products)
process.start()
