"""Scrapling: its Spider, robots.txt off, duplicates dropped before a request is made."""

import logging
from urllib.parse import urljoin, urlsplit

from orders import AT_ONCE, HOSTS, PER_HOST, STARTS, Items, fields_of
from scrapling.spiders import Request, Response, Spider

logging.disable(logging.CRITICAL)
items, seen = Items(), set(STARTS)


class Shop(Spider):
    name = "shop"
    start_urls = STARTS
    concurrent_requests = AT_ONCE
    concurrent_requests_per_domain = PER_HOST
    download_delay = 0
    logging_level = logging.CRITICAL

    async def parse(self, response: Response):
        if (item := fields_of(response)) is not None:
            items.write(item)
        for href in response.css("a::attr(href)").getall():
            url = urljoin(response.url, str(href).partition("#")[0])
            if url not in seen and url.startswith("http") and urlsplit(url).netloc in HOSTS:
                seen.add(url)
                yield Request(url, dont_filter=True)


Shop().start()
items.close()
