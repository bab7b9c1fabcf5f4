"""What every Python contender is told. Imported by scripts that run in environments of their own: no dependencies."""

import json
import os

FIELDS = ("title", "price", "sku", "stock", "brand", "category", "rating", "description")
CSS = {
    "title": "h1.title::text",
    "price": "div.product p.price::text",
    "sku": "td.sku::text",
    "stock": "p.stock::text",
    "brand": "td.brand::text",
    "category": "ol.breadcrumb li:nth-child(2) a::text",
    "rating": "div.rating::attr(data-stars)",
    "description": "#description p::text",
}

_orders = json.loads(os.environ.get("BENCH", "{}"))
STARTS = _orders.get("starts", [])
HOSTS = frozenset(_orders.get("hosts", []))  # with their port
OUT = _orders.get("out", "items.jsonl")
LOGIN = _orders.get("login", "")  # URL of the login form, or ""
AT_ONCE = _orders.get("at_once", 16)  # requests at once, of all hosts together
PER_HOST = _orders.get("per_host", 16)


class Items:
    """A file of JSON lines."""

    def __init__(self):
        self.file = open(OUT, "w", encoding="utf-8")  # noqa: SIM115 - closed by close()

    def write(self, item):
        self.file.write(json.dumps(item, ensure_ascii=False) + "\n")

    def close(self):
        self.file.close()
