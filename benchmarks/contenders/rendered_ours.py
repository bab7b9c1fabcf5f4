"""This crawler, rendering each page: robots.txt, a commit for each page and results in SQLite, as by default."""

import json
import os

from crawler import Render, Spider, results, run

_orders = json.loads(os.environ["BENCH"])


class Products(Spider):
    name = "products"
    start_urls = (_orders["start"],)
    render = Render("#rows li")

    def parse(self, response):
        if "/page/" in response.url:
            yield {"title": response.css("h1::text").get(), "rows": response.css("#rows li::text").getall()}
        yield from response.follow_all(css="a")


summary = run(Products, settings={"store": "crawl.db", "render_pages": _orders["at_once"]})
with open(_orders["out"], "w", encoding="utf-8") as file:
    for row in results("products", store="crawl.db").rows():
        rows = row["rows"] if isinstance(row["rows"], list) else json.loads(row["rows"])
        file.write(json.dumps({"title": row["title"], "rows": rows}) + "\n")
raise SystemExit(summary.exit_code)
