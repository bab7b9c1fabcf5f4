"""This crawler, as `crawl new` would have it: an ordinary spider; robots.txt, cookies and commits as they are."""

import json
import os

from crawler import Spider

_orders = json.loads(os.environ["BENCH"])


class Shop(Spider):
    name = "shop"
    start_urls = _orders["starts"]

    def parse(self, response):
        if response.css("div.product"):
            yield {
                "title": response.css("h1.title::text").get(),
                "price": response.css("div.product p.price::text").get(),
                "sku": response.css("td.sku::text").get(),
                "stock": response.css("p.stock::text").get(),
                "brand": response.css("td.brand::text").get(),
                "category": response.css("ol.breadcrumb li:nth-child(2) a::text").get(),
                "rating": response.css("div.rating::attr(data-stars)").get(),
                "description": response.css("#description p::text").get(),
            }
        yield from response.follow_all(css="a")


if _orders.get("login"):

    class Shop(Shop):
        def login(self, session):
            page = session.get(_orders["login"])
            session.submit(page.form(), {"username": "u", "password": "p"})
