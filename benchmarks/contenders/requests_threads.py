"""Hand-written requests and parsel with eight threads: one session per thread, no durable storage."""

import queue
import threading
from urllib.parse import urljoin, urlsplit

import requests
from orders import AT_ONCE, HOSTS, LOGIN, STARTS, Items, fields_of, of_json
from parsel import Selector

THREADS = AT_ONCE
seen, waiting, items, lock = set(STARTS), queue.Queue(), Items(), threading.Lock()


def work():
    session = requests.Session()
    session.trust_env = False
    if LOGIN:
        session.post(LOGIN.replace("/login.html", "/login"), data={"username": "u", "password": "p"})
    while (url := waiting.get()) is not None:
        try:
            answer = session.get(url, timeout=30)
            if url.endswith(".json"):
                item, hrefs = of_json(answer.content)
            else:
                page = Selector(answer.content.decode())
                item, hrefs = fields_of(page), page.css("a::attr(href)").getall()
            new = []
            for href in hrefs:
                found = urljoin(url, href.partition("#")[0])
                if found not in seen and found.startswith("http") and urlsplit(found).netloc in HOSTS:
                    new.append(found)
            with lock:
                if item is not None:
                    items.write(item)
                for found in new:
                    if found not in seen:
                        seen.add(found)
                        waiting.put(found)
        finally:
            waiting.task_done()
    session.close()


for start in STARTS:
    waiting.put(start)
threads = [threading.Thread(target=work) for _ in range(THREADS)]
for thread in threads:
    thread.start()
waiting.join()
for _ in threads:
    waiting.put(None)
for thread in threads:
    thread.join()
items.close()
