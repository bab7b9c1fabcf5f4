"""The site that every contender crawls: a shop as static files, and the truth about what is on it.

Listing pages with pagination, detail pages with eight fields, a navigation on every page, the same link several times,
fragments, relative links, mail addresses. A page has 45 links and about 20 kB. Everything follows from the number of
pages, so that two machines have the same site.
"""

from __future__ import annotations

import hashlib
import html
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIELDS = ("title", "price", "sku", "stock", "brand", "category", "rating", "description")
LINKS = 45
PAGE_BYTES = 20_000

_LISTED = 20  #: details of a listing page
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
_SYLLABLES = ("ba", "den", "lo", "mir", "sa", "tel", "ku", "ran", "vi", "or", "esh", "pol", "ne", "gri", "tam", "u")
_FORM = 5  #: changes whenever the pages change, so that an old folder is not taken for a new one


@dataclass(frozen=True, slots=True)
class Site:
    """A generated site.

    Attributes:
        root: Folder that a server has to serve.
        pages: Pages that can be reached from ``/index.html``.
        items: Detail pages among them.
        digest: Of all items with their fields, in any order.
    """

    root: Path
    pages: int
    items: int
    digest: str


def digest_of(items: Iterable[dict[str, Any]], copies: int = 1) -> tuple[int, str]:
    """Number and digest of items, whatever their order.

    Args:
        copies: How often each item has to be there; where that is not so the digest is "uneven".
    """
    lines = Counter(json.dumps([item.get(field) for field in FIELDS], ensure_ascii=False) for item in items)
    if set(lines.values()) - {copies}:
        return lines.total(), "uneven"
    return lines.total(), hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=16).hexdigest()


def make(folder: Path, pages: int) -> Site:
    """The site of about *pages* pages below *folder*; made only when it is not there."""
    root = folder / f"site-{pages}-{_FORM}"
    note = root.parent / f"{root.name}.json"
    shape = Shape(pages)
    if not note.exists():
        shutil.rmtree(root, ignore_errors=True)
        for path, text in shape.files():
            file = root / path
            if not file.parent.is_dir():
                file.parent.mkdir(parents=True)
            file.write_bytes(text.encode())
        number, digest = digest_of(map(shape.item, range(shape.details)))
        note.write_text(json.dumps({"pages": shape.pages, "items": number, "digest": digest}))
    known = json.loads(note.read_text())
    return Site(root, known["pages"], known["items"], known["digest"])


class Shape:
    """What is where, for a number of pages."""

    def __init__(self, pages: int) -> None:
        fixed = 1 + len(_INFO)
        self.details = max(len(_CATEGORIES) * 2, round((pages - fixed) * _LISTED / (_LISTED + 1)))
        words = random.Random(pages)
        self._words = ["".join(words.choices(_SYLLABLES, k=words.choice((1, 2, 2, 3, 4)))) for _ in range(4_000)]
        self._prose = " ".join(words.choices(self._words, k=60_000))
        self.listings = [self._pages_of(category) for category in range(len(_CATEGORIES))]
        self.pages = fixed + sum(self.listings) + self.details

    def _pages_of(self, category: int) -> int:
        return -(-len(self._of(category)) // _LISTED)

    def _of(self, category: int) -> range:
        return range(category, self.details, len(_CATEGORIES))

    def files(self) -> Iterator[tuple[str, str]]:
        """Every file with its text."""
        yield "robots.txt", "User-agent: *\nDisallow: /private/\nAllow: /\n"
        yield "login.html", _LOGIN
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

    def _prose_of(self, number: int, characters: int) -> str:
        start = (number * 7_919) % (len(self._prose) - characters - 1)
        return self._prose[start : start + characters].strip()

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


_LOGIN = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Log in</title></head><body>
<form id="login" method="post" action="/login"><label>User <input name="username"></label>
<label>Password <input type="password" name="password"></label><button>Log in</button></form></body></html>
"""
