"""aiohttp and selectolax by hand: one event loop, no retries, nothing durable."""

import asyncio
from urllib.parse import urljoin, urlsplit

import aiohttp
import uvloop
from orders import AT_ONCE, HOSTS, LOGIN, PER_HOST, STARTS, Items
from selectolax.lexbor import LexborHTMLParser

CSS = {
    "title": "h1.title",
    "price": "div.product p.price",
    "sku": "td.sku",
    "stock": "p.stock",
    "brand": "td.brand",
    "category": "ol.breadcrumb li:nth-child(2) a",
    "description": "#description p",
}


async def main():
    seen, queue, items, hrefs = set(STARTS), asyncio.Queue(), Items(), {}
    for url in STARTS:
        queue.put_nowait(url)

    def absolute(base, href):
        key = href if href.startswith("/") and HOSTS else (base, href)
        root = base.partition("//")[0] + "//" + base.split("/", 3)[2]
        key = (root, href) if href.startswith("/") else (base, href)
        if key not in hrefs:
            url = urljoin(base, href.partition("#")[0])
            hrefs[key] = url if url.startswith("http") and urlsplit(url).netloc in HOSTS else ""
        return hrefs[key]

    async def work(session):
        while True:
            url = await queue.get()
            try:
                async with session.get(url) as answer:
                    body = await answer.read()
                tree = LexborHTMLParser(body)
                if tree.css_first("div.product"):
                    item = {field: tree.css_first(query).text() for field, query in CSS.items()}
                    item["rating"] = tree.css_first("div.rating").attributes["data-stars"]
                    items.write(item)
                for node in tree.css("a[href]"):
                    found = absolute(url, node.attributes["href"] or "")
                    if found and found not in seen:
                        seen.add(found)
                        queue.put_nowait(found)
            finally:
                queue.task_done()

    connector = aiohttp.TCPConnector(limit=AT_ONCE, limit_per_host=PER_HOST)
    jar = aiohttp.CookieJar(unsafe=True) if LOGIN else aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
        if LOGIN:
            async with session.post(LOGIN.replace("/login.html", "/login"), data={"username": "u", "password": "p"}):
                pass
        workers = [asyncio.create_task(work(session)) for _ in range(AT_ONCE)]
        await queue.join()
        for worker in workers:
            worker.cancel()
    items.close()


uvloop.run(main())
