"""This crawler with an ordinary spider, as from `crawl new`; robots.txt, cookies and commits at their defaults."""

import json
import os

from crawler import Spider

_orders = json.loads(os.environ["BENCH"])


class Site(Spider):
    start_urls = _orders["starts"]

    if _orders.get("login"):

        def login(self, session):
            page = session.get(_orders["login"])
            session.submit(page.form(), {"username": "u", "password": "p"})


class Shop(Site):
    name = "shop"

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


class Market(Site):
    name = "market"

    def parse(self, response):
        if response.css("div.product-view"):
            yield {
                "title": response.css("div.product-view h1.product-name::text").get(),
                "price": response.css("table.offers tr.current td.amount::text").get(),
                "brand": response.css("table.facts tr.brand > td.data::text").get(),
                "weight": response.css("table.facts tr:nth-child(3) td::text").get(),
                "seller": response.css(".seller a.name::text").get(),
                "sku": response.css("p.numbers .sku::text").get(),
                "tags": "|".join(response.css("ul.tags li.tag span::text").getall()),
            }
        yield from response.follow_all(css="a")


class Journal(Site):
    name = "journal"

    def parse(self, response):
        if not response.has_elements:
            told = response.json()
            yield told["article"]
            yield from response.follow_all(told["links"])
            return
        if response.css("article.story"):
            yield {
                "headline": response.css("article.story header h1::text").get(),
                "author": response.css("table.meta td.author::text").get(),
                "published": response.css("time.published::attr(datetime)").get(),
                "section": response.css("table.meta td.section > a::text").get(),
                "opening": response.css("article.full div.text p.opening::text").get(),
                "keywords": "|".join(response.css("p.keywords a.keyword::text").getall()),
            }
        yield from response.follow_all(css="a")
