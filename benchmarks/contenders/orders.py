"""The orders for every Python contender. Imported by scripts that run in their own environments: no dependencies."""

import json
import os

_orders = json.loads(os.environ.get("BENCH", "{}"))
STARTS = _orders.get("starts", [])
HOSTS = frozenset(_orders.get("hosts", []))  # with port
OUT = _orders.get("out", "items.jsonl")
LOGIN = _orders.get("login", "")  # URL of the login form, or ""
AT_ONCE = _orders.get("at_once", 16)  # concurrent requests to all hosts together
PER_HOST = _orders.get("per_host", 16)
SITE = _orders.get("site", "shop")
_ALL = {  # the mark of a page with an item, its fields, and the field for which all matches are wanted
    "shop": (
        "div.product",
        {
            "title": "h1.title::text",
            "price": "div.product p.price::text",
            "sku": "td.sku::text",
            "stock": "p.stock::text",
            "brand": "td.brand::text",
            "category": "ol.breadcrumb li:nth-child(2) a::text",
            "rating": "div.rating::attr(data-stars)",
            "description": "#description p::text",
        },
        "",
    ),
    "market": (
        "div.product-view",
        {
            "title": "div.product-view h1.product-name::text",
            "price": "table.offers tr.current td.amount::text",
            "brand": "table.facts tr.brand > td.data::text",
            "weight": "table.facts tr:nth-child(3) td::text",
            "seller": ".seller a.name::text",
            "sku": "p.numbers .sku::text",
            "tags": "ul.tags li.tag span::text",
        },
        "tags",
    ),
    "journal": (
        "article.story",
        {
            "headline": "article.story header h1::text",
            "author": "table.meta td.author::text",
            "published": "time.published::attr(datetime)",
            "section": "table.meta td.section > a::text",
            "opening": "article.full div.text p.opening::text",
            "keywords": "p.keywords a.keyword::text",
        },
        "keywords",
    ),
}
DETAIL, CSS, MANY = _ALL[SITE]
# The same for libraries whose queries return elements: the query and the attribute for each field.
ELEMENTS = {
    field: (query.partition("::")[0], query.partition("::attr(")[2].rstrip(")")) for field, query in CSS.items()
}


def fields_of(page):
    """The item of a page parsed by parsel or a similar library; None if there is none."""
    if not page.css(DETAIL):
        return None
    item = {field: page.css(query).get() for field, query in CSS.items() if field != MANY}
    if MANY:
        item[MANY] = "|".join(page.css(CSS[MANY]).getall())
    return item


def of_json(body):
    """Item and links of a JSON answer."""
    told = json.loads(body)
    return told["article"], told["links"]


class Items:
    """Writes items to a file as JSON lines."""

    def __init__(self):
        self.file = open(OUT, "w", encoding="utf-8")  # noqa: SIM115 - closed by close()

    def write(self, item):
        self.file.write(json.dumps(item, ensure_ascii=False) + "\n")

    def close(self):
        self.file.close()
