"""Crawlee for Python: its ParselCrawler, in memory, with duplicates dropped before a request is made."""

import asyncio
import logging
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

from crawlee import ConcurrencySettings
from crawlee.configuration import Configuration
from crawlee.crawlers import ParselCrawler, ParselCrawlingContext
from crawlee.storage_clients import MemoryStorageClient
from orders import AT_ONCE, HOSTS, STARTS, Items, fields_of

logging.disable(logging.CRITICAL)


async def main():
    items, seen = Items(), set(STARTS)
    crawler = ParselCrawler(
        configuration=Configuration(purge_on_start=False, available_memory_ratio=0.9, max_used_cpu_ratio=1.0),
        storage_client=MemoryStorageClient(),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=AT_ONCE, desired_concurrency=AT_ONCE, max_concurrency=AT_ONCE
        ),
        max_request_retries=0,
        use_session_pool=False,
        configure_logging=False,
        request_handler_timeout=timedelta(minutes=5),
    )

    @crawler.router.default_handler
    async def parse(context: ParselCrawlingContext) -> None:
        page = context.selector
        if (item := fields_of(page)) is not None:
            items.write(item)
        new = []
        for href in page.css("a::attr(href)").getall():
            url = urljoin(context.request.url, href.partition("#")[0])
            if url not in seen and url.startswith("http") and urlsplit(url).netloc in HOSTS:
                seen.add(url)
                new.append(url)
        if new:
            await context.add_requests(new)

    await crawler.run(STARTS)
    items.close()


asyncio.run(main())
