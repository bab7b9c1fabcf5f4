"""Crawlee's PlaywrightCrawler, in memory: concurrent pages, images blocked by its own helper."""

import asyncio
import json
import logging
import os
from datetime import timedelta

from crawlee import ConcurrencySettings
from crawlee.configuration import Configuration
from crawlee.crawlers import PlaywrightCrawler, PlaywrightCrawlingContext, PlaywrightPreNavCrawlingContext
from crawlee.storage_clients import MemoryStorageClient

logging.disable(logging.CRITICAL)
_orders = json.loads(os.environ["BENCH"])
_at_once = _orders["at_once"]


async def main():
    crawler = PlaywrightCrawler(
        browser_type="chromium",
        headless=True,
        browser_launch_options={
            "executable_path": _orders["browser"],
            "chromium_sandbox": os.geteuid() != 0,
            "args": ["--disable-dev-shm-usage"],
        },
        fingerprint_generator=None,
        configuration=Configuration(purge_on_start=False, available_memory_ratio=0.9, max_used_cpu_ratio=1.0),
        storage_client=MemoryStorageClient(),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=_at_once, desired_concurrency=_at_once, max_concurrency=_at_once
        ),
        use_session_pool=False,
        configure_logging=False,
        request_handler_timeout=timedelta(minutes=5),
    )

    @crawler.pre_navigation_hook
    async def lean(context: PlaywrightPreNavCrawlingContext) -> None:
        await context.block_requests(url_patterns=[".png"])

    with open(_orders["out"], "w", encoding="utf-8") as file:

        @crawler.router.default_handler
        async def parse(context: PlaywrightCrawlingContext) -> None:
            await context.page.wait_for_selector("#rows li")
            if "/page/" in context.request.url:
                item = {
                    "title": await context.page.text_content("h1"),
                    "rows": await context.page.locator("#rows li").all_text_contents(),
                }
                file.write(json.dumps(item) + "\n")
            await context.enqueue_links(selector="a")

        await crawler.run([_orders["start"]])


asyncio.run(main())
