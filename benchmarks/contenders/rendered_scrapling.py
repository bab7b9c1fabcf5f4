"""Scrapling's AsyncStealthySession, its only one with a browser: concurrent pages, resources off, its own parser."""

import asyncio
import json
import logging
import os
from urllib.parse import urljoin

from scrapling.fetchers import AsyncStealthySession

logging.disable(logging.CRITICAL)
_orders = json.loads(os.environ["BENCH"])


async def main():
    async with AsyncStealthySession(
        max_pages=_orders["at_once"],
        headless=True,
        executable_path=_orders["browser"],
        google_search=False,
        blocked_domains=set(),
        page_setup=_lean,
        wait_selector="#rows li",
        additional_args={},
    ) as session:
        first = await session.fetch(_orders["start"])
        waiting = [urljoin(_orders["start"], str(href)) for href in first.css("a::attr(href)").getall()]
        with open(_orders["out"], "w", encoding="utf-8") as file:

            async def work():
                while waiting:
                    page = await session.fetch(waiting.pop())
                    item = {"title": page.css("h1::text").get(), "rows": page.css("#rows li::text").getall()}
                    file.write(json.dumps({"title": str(item["title"]), "rows": list(map(str, item["rows"]))}) + "\n")

            await asyncio.gather(*(work() for _ in range(_orders["at_once"])))


async def _lean(page):
    await page.route("**/*.png", lambda route: route.abort())


asyncio.run(main())
