"""The first site: a shop whose pages are alike.

Listing pages with pagination, detail pages with eight fields, a navigation on every page, the same link several times,
fragments, relative links, mail addresses. A page has 45 links and about 20 kB.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator

from benchmarks.shapes.words import LOGIN_PAGE, Words

LINKS = 45
PAGE_BYTES = 20_000

_LISTED = 20  #: detail pages per listing page
_INFO = ("about", "terms", "shipping", "contact")
_CATEGORIES = (
    "Garden & Patio",
    "Books",
    "Lamps",
    "Café",
    "Tools",
    "Toys",
    "Music",
    "Bicycles",
    "Paper",
    "Kitchen",
    "Wool",
    "Tea",
)


class Shape:
    """The content of the site, for a given number of pages."""

    FORM = 6
    FIELDS = ("title", "price", "sku", "stock", "brand", "category", "rating", "description")
    HEADERS: tuple[tuple[str, str], ...] = ()
    COOKIES: tuple[str, ...] = ()
    SETS_COOKIES = ""

    def __init__(self, pages: int, address: str = "127.0.0.1") -> None:
        fixed = 1 + len(_INFO)
        self.details = max(len(_CATEGORIES) * 2, round((pages - fixed) * _LISTED / (_LISTED + 1)))
        words = Words(pages)
        self._words, self._prose_of = words.all, words.prose
        self.listings = [self._pages_of(category) for category in range(len(_CATEGORIES))]
        self.pages = fixed + sum(self.listings) + self.details

    def is_compressed(self, path: str) -> bool:
        return False

    def _pages_of(self, category: int) -> int:
        return -(-len(self._of(category)) // _LISTED)

    def _of(self, category: int) -> range:
        return range(category, self.details, len(_CATEGORIES))

    def files(self) -> Iterator[tuple[str, str]]:
        """Every file and its text."""
        yield "robots.txt", "User-agent: *\nDisallow: /private/\nAllow: /\n"
        yield "login.html", LOGIN_PAGE
        yield "index.html", self._page("Home", self._prose_of(1, 1_500), self._teasers(0, "p/0/"), 0)
        for number, name in enumerate(_INFO):
            yield (
                f"info/{name}.html",
                self._page(name, self._prose_of(number, 3_000), self._teasers(number, "/p/0/"), number),
            )
        for category, name in enumerate(_CATEGORIES):
            for page in range(self.listings[category]):
                yield f"c/{category}/{page}.html", self._listing(category, name, page)
        for number in range(self.details):
            yield path_of(number), self._detail(number)

    def item(self, number: int) -> dict[str, str]:
        """The eight fields of a detail page."""
        words = self._words
        name = f"{words[number % 3_989]} {words[(number * 7 + 11) % 3_967]}".title()
        return {
            "title": f"{name} & Söhne No. {number}" if number % 10 == 0 else f"{name} No. {number}",
            "price": f"€ {(number * 37) % 9_000 / 10 + 1:.2f}",
            "sku": f"SKU-{number:07d}",
            "stock": "sold out" if number % 13 == 0 else f"{number % 29 + 1} in stock",
            "brand": words[number % 97].title(),
            "category": _CATEGORIES[number % len(_CATEGORIES)],
            "rating": f"{number % 41 / 10 + 1:.1f}",
            "description": self._prose_of(number, 400),
        }

    def _teasers(self, number: int, folder: str) -> str:
        ids = [(number * 31 + step * 17) % min(self.details, 1_000) for step in range(1, 23)]
        return "\n".join(
            f'<li class="teaser"><a href="{folder}{each}.html">{html.escape(self.item(each)["title"])}</a></li>'
            for each in ids
        )

    def _listing(self, category: int, name: str, page: int) -> str:
        last = self.listings[category] - 1
        rows = []
        for number in self._of(category)[page * _LISTED : (page + 1) * _LISTED]:
            item = self.item(number)
            rows.append(
                f'<article class="card"><h3><a href="../../{path_of(number)}">{html.escape(item["title"])}</a></h3>'
                f'<p class="price">{item["price"]}</p><p class="teaser">{item["description"][:90]}</p></article>'
            )
        links = [
            f'<a href="0.html">first</a> <a href="{max(page - 1, 0)}.html" rel="prev">previous</a>',
            f'<a href="{min(page + 1, last)}.html" rel="next">next</a> <a href="{last}.html">last</a>',
            '<a href="#top">top</a> <a href="mailto:shop@example.org">mail</a>',
        ]
        body = f'<h1 class="listing">{html.escape(name)}, page {page + 1}</h1><div class="cards">{"".join(rows)}</div>'
        return self._page(
            f"{name} {page + 1}", "", f'{body}<nav class="pages">{" ".join(links)}</nav>', category * 1_000 + page
        )

    def _detail(self, number: int) -> str:
        item = {key: html.escape(value) for key, value in self.item(number).items()}
        category = number % len(_CATEGORIES)
        related = []
        for step in range(1, 11):
            other = (number + step * step * len(_CATEGORIES)) % self.details
            target = path_of(other) if step % 2 else f"{path_of(other)}#reviews"
            related.append(
                f'<li><a class="image" href="/{path_of(other)}"><img src="/i/{other}.jpg" alt=""></a>'
                f'<a href="/{target}">{html.escape(self.item(other)["title"])}</a></li>'
            )
        body = f"""<ol class="breadcrumb"><li><a href="/index.html">Home</a></li>
<li><a href="/c/{category}/0.html">{item["category"]}</a></li></ol>
<div class="product" id="product-{number}"><h1 class="title">{item["title"]}</h1>
<p class="price">{item["price"]}</p><p class="stock {"out" if number % 13 == 0 else "in"}">{item["stock"]}</p>
<div class="rating" data-stars="{item["rating"]}"><span class="bar"></span></div>
<table class="facts"><tr><th>SKU</th><td class="sku">{item["sku"]}</td></tr>
<tr><th>Brand</th><td class="brand">{item["brand"]}</td></tr></table>
<div id="description"><p>{item["description"]}</p></div>
<p><a href="#description">description</a> <a href="#reviews">reviews</a> <a href="#top">top</a>
<a href="mailto:shop@example.org?subject={item["sku"]}">ask</a> <a href="javascript:print()">print</a>
<a href="/{path_of(number)}#reviews">{number % 7} reviews</a></p></div>
<ul class="related">{"".join(related)}</ul>"""
        return self._page(self.item(number)["title"], "", body, number)

    def _page(self, title: str, prose: str, main: str, number: int) -> str:
        navigation = "".join(
            f'<li class="entry"><a href="/c/{each}/0.html">{html.escape(name)}</a></li>'
            for each, name in enumerate(_CATEGORIES)
        )
        information = "".join(f'<a href="/info/{name}.html">{name}</a> ' for name in _INFO)
        head = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)} | The shop</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css">
<script type="application/ld+json">{{"@type": "WebPage", "name": {json.dumps(title)}, "number": {number}}}</script>
</head><body id="top"><header><a class="logo" href="/index.html">The shop</a><nav><ul>{navigation}</ul></nav></header>
<main>{main}<p class="prose">{prose}</p><section id="reviews"><h2>What people say</h2>"""
        tail = f"""</section></main><footer>{information}</footer>
<script>window.page = {{number: {number}, kind: "shop"}};</script></body></html>"""
        reviews = []
        missing = PAGE_BYTES - len(head.encode()) - len(tail)
        step = 0
        while missing > 0:
            text = self._prose_of(number * 13 + step * 101, min(500, max(missing - 180, 20)))
            review = (
                f'<div class="review"><h4>{self._words[(number + step) % 4_000].title()}</h4>'
                f'<span class="stars">{(number + step) % 5 + 1}</span><p>{text}</p>'
                f'<p class="meta"><time>2025-0{step % 9 + 1}-1{number % 10}</time>'
                f" <b>{step * 3} found this helpful</b></p></div>\n"
            )
            reviews.append(review)
            missing -= len(review)
            step += 1
        return head + "".join(reviews) + tail


def path_of(number: int) -> str:
    """Path of a detail page."""
    return f"p/{number // 1_000}/{number}.html"
