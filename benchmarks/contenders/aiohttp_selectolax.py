"""Hand-written aiohttp and selectolax: one event loop, no retries, no durable storage."""

import asyncio
from urllib.parse import urljoin, urlsplit

import aiohttp
import uvloop
from orders import AT_ONCE, DETAIL, ELEMENTS, HOSTS, LOGIN, MANY, PER_HOST, STARTS, Items, of_json
from selectolax.lexbor import LexborHTMLParser


def value(tree, query, attribute):
    node = tree.css_first(query)
    return node.attributes[attribute] if attribute else node.text(deep=False)


async def main():
    seen, queue, items, links = set(STARTS), asyncio.Queue(), Items(), {}
    for url in STARTS:
        queue.put_nowait(url)

    def absolute(base, href):
        root = base.partition("//")[0] + "//" + base.split("/", 3)[2]
        key = (root, href) if href.startswith("/") else (base, href)
        if key not in links:
            url = urljoin(base, href.partition("#")[0])
            links[key] = url if url.startswith("http") and urlsplit(url).netloc in HOSTS else ""
        return links[key]

    async def work(session):
        while True:
            url = await queue.get()
            try:
                async with session.get(url) as answer:
                    body = await answer.read()
                if url.endswith(".json"):
                    item, hrefs = of_json(body)
                    items.write(item)
                else:
                    tree = LexborHTMLParser(body)
                    if tree.css_first(DETAIL):
                        item = {field: value(tree, *wanted) for field, wanted in ELEMENTS.items() if field != MANY}
                        if MANY:
                            item[MANY] = "|".join(node.text() for node in tree.css(ELEMENTS[MANY][0]))
                        items.write(item)
                    hrefs = [node.attributes["href"] or "" for node in tree.css("a[href]")]
                for href in hrefs:
                    found = absolute(url, href)
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
