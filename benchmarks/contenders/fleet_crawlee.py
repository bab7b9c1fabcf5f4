"""Crawlee for Python with its SQL (PostgreSQL) or Redis storage; several processes share a named queue."""

import asyncio
import logging
import os
import urllib.parse
import urllib.request
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

from crawlee import ConcurrencySettings
from crawlee.configuration import Configuration
from crawlee.crawlers import ParselCrawler, ParselCrawlingContext
from crawlee.http_clients import ImpitHttpClient
from crawlee.storage_clients import RedisStorageClient, SqlStorageClient
from crawlee.storages import RequestQueue
from orders import AT_ONCE, HOSTS, LOGIN, STARTS, fields_of

logging.disable(logging.WARNING)
STORE = os.environ["FLEET_STORE"]


class Stay(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, request, answer, code, message, headers):
        return answer


def logged_in():
    form = urllib.parse.urlencode({"username": "u", "password": "p"}).encode()
    with urllib.request.build_opener(Stay).open(LOGIN.replace("/login.html", "/login"), form) as answer:
        return answer.headers["Set-Cookie"].partition(";")[0]


async def main():
    configuration = Configuration(purge_on_start=False, available_memory_ratio=0.9, max_used_cpu_ratio=1.0)
    made = RedisStorageClient if STORE.startswith("redis") else SqlStorageClient
    storage, seen = made(connection_string=STORE), set(STARTS)
    queue = await RequestQueue.open(name="shop", storage_client=storage, configuration=configuration)
    crawler = ParselCrawler(
        configuration=configuration,
        storage_client=storage,
        request_manager=queue,
        http_client=ImpitHttpClient(headers={"Cookie": logged_in()}),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=AT_ONCE, desired_concurrency=AT_ONCE, max_concurrency=AT_ONCE
        ),
        use_session_pool=False,
        configure_logging=False,
        request_handler_timeout=timedelta(minutes=5),
    )

    @crawler.router.default_handler
    async def parse(context: ParselCrawlingContext) -> None:
        page = context.selector
        if (item := fields_of(page)) is not None:
            await context.push_data(item, dataset_name="items")
        new = []
        for href in page.css("a::attr(href)").getall():
            url = urljoin(context.request.url, href.partition("#")[0])
            if url not in seen and url.startswith("http") and urlsplit(url).netloc in HOSTS:
                seen.add(url)
                new.append(url)
        if new:
            await context.add_requests(new)

    await crawler.run(STARTS)


asyncio.run(main())
