"""The second site: a marketplace where hardly any two links are written alike.

Links to detail pages are relative with ``..``, absolute, without a scheme, with an upper-case scheme, with a query and
with character references; links to other hosts have URLs that occur once. Fields are in tables and in elements with
classes. The server sends ten additional headers, and sometimes two cookies. A page has some 300 elements, 50 links,
20 kB.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator

from benchmarks.shapes.words import LOGIN_PAGE, Words

_PAGE_BYTES = 20_000
_LISTED = 24
_DEPARTMENTS = 14
_COLOURS = ("red", "green", "blue", "white")


class Shape:
    """The content of the site, for a given number of pages."""

    FORM = 1
    FIELDS = ("title", "price", "brand", "weight", "seller", "sku", "tags")
    HEADERS = (
        ("Cache-Control", "private, max-age=0, must-revalidate"),
        ("Content-Security-Policy", "default-src 'self'; img-src *; script-src 'self' https://cdn.market.example"),
        ("Strict-Transport-Security", "max-age=31536000"),
        ("Vary", "Accept-Language, Cookie"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "SAMEORIGIN"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
        ("Permissions-Policy", "geolocation=(), camera=()"),
        ("X-Request-Id", "$request_id"),
        ("Link", "</static/main.css>; rel=preload; as=style"),
    )
    COOKIES = ("visit=$request_id; Path=/; Max-Age=1800; SameSite=Lax", "currency=EUR; Path=/; Max-Age=31536000")
    SETS_COOKIES = r"17\.html$"

    def __init__(self, pages: int, address: str = "127.0.0.1") -> None:
        self.details = max(_DEPARTMENTS * 2, round((pages - 1) * _LISTED / (_LISTED + 1)))
        self._address, self._words = address, Words(pages + 1)
        self.listings = [-(-len(self._of(each)) // _LISTED) for each in range(_DEPARTMENTS)]
        self.pages = 1 + sum(self.listings) + self.details

    def is_compressed(self, path: str) -> bool:
        return False

    def files(self) -> Iterator[tuple[str, str]]:
        """Every file and its text."""
        yield "robots.txt", "User-agent: *\nDisallow: /basket/\nDisallow: /*?sort=\nAllow: /\n"
        yield "login.html", LOGIN_PAGE
        yield "index.html", self._page("Market", "", self._words.prose(1, 2_000), 1)
        for department in range(_DEPARTMENTS):
            for page in range(self.listings[department]):
                yield f"browse/d{department}/page-{page}.html", self._listing(department, page)
        for number in range(self.details):
            yield _file_of(number, self._words), self._detail(number)

    def item(self, number: int) -> dict[str, str]:
        """The seven fields of a detail page."""
        words = self._words
        return {
            "title": f"{words.name(number)} {'für' if number % 6 == 0 else 'for'} {words.word(number * 3)} ({number})",
            "price": f"{(number * 53) % 12_000 / 10 + 2:.2f} €",
            "brand": words.word(number % 211).title(),
            "weight": f"{number % 977 + 3} g",
            "seller": words.name(number % 1_009),
            "sku": f"{number % 89:02d}-{number:08d}",
            "tags": "|".join(words.word(number + step * 37) for step in range(number % 4 + 2)),
        }

    def _of(self, department: int) -> range:
        return range(department, self.details, _DEPARTMENTS)

    def _href(self, number: int, up: str, way: int) -> str:
        """A link to a detail page, written in one of eight ways, from a page where *up* leads to the root."""
        address, path = self._address, _address_of(number, self._words)
        ways: tuple[Callable[[], str], ...] = (
            lambda: f"{up}{path}",
            lambda: f"/{path}",
            lambda: f"{up}static/../{path}",
            lambda: f"&#47;{path}",
            lambda: f"http://{address}/{path}",
            lambda: f"//{address}/{path}",
            lambda: f"HTTP://{address}/{path}",
            lambda: f"{up}{path}#c{number % 5}",
        )
        return ways[way % 8]()

    def _listing(self, department: int, page: int) -> str:
        last, rows = self.listings[department] - 1, []
        for number in self._of(department)[page * _LISTED : (page + 1) * _LISTED]:
            item, href = self.item(number), self._href(number, "../../", number % 4)
            rows.append(
                f'<tr class="hit {"odd" if number % 2 else "even"}"><td class="name">'
                f'<a class="hit-link" href="{href}">{html.escape(item["title"])}</a>'
                f'</td><td class="amount">{item["price"]}</td><td>{html.escape(item["seller"])}</td></tr>'
            )
        pager = [
            f'<a class="next" href="page-{min(page + 1, last)}.html">next</a>',
            f'<a class="previous" href="./page-{max(page - 1, 0)}.html">previous</a>',
            f'<A HREF="../d{department}/page-{last}.html">last</A>',
        ]
        table = f'<table class="hits"><tbody>{"".join(rows)}</tbody></table><div class="pager">{" ".join(pager)}</div>'
        return self._page(f"Department {department}, page {page + 1}", "../../", table, department * 997 + page)

    def _detail(self, number: int) -> str:
        item = {name: html.escape(value) for name, value in self.item(number).items()}
        words, department = self._words, number % _DEPARTMENTS
        facts = "".join(
            f'<tr class="row {name.lower()} {"odd" if place % 2 else "even"}"><th class="label" scope="row">{name}</th>'
            f'<td class="data">{value}</td></tr>'
            for place, (name, value) in enumerate(
                [
                    ("Brand", item["brand"]),
                    ("Material", words.word(number * 11)),
                    ("Weight", item["weight"]),
                    ("Colour", _COLOURS[number % 4]),
                    ("Depth", f"{number % 71} mm"),
                    ("Width", f"{number % 83} mm"),
                    ("Origin", words.word(number * 5).title()),
                    ("Warranty", f"{number % 4 + 1} years"),
                ]
            )
        )
        offers = "".join(
            f'<tr class="{"current" if place == 1 else "former"}"><td class="when">{2025 + place}</td>'
            f'<td class="amount">{item["price"] if place == 1 else f"{number % 50 + place}.00 €"}</td></tr>'
            for place in range(3)
        )
        tags = "".join(f'<li class="tag"><span>{tag}</span></li>' for tag in item["tags"].split("|"))
        others = []
        for step in range(1, 25):
            other = (number * 31 + step * step * 577 + step) % self.details
            others.append(
                f'<tr><td class="pic"><img src="../../img/{other}.webp" alt=""></td><td><a class="also" '
                f'href="{self._href(other, "../../", number + step)}">{html.escape(self.item(other)["title"])}</a></td>'
                f'<td class="amount">{self.item(other)["price"]}</td></tr>'
            )
        share = "".join(
            f'<a rel="nofollow noopener" href="https://{host}.example/share?u=%2Fitem%2F{number}&amp;t={item["sku"]}">'
            f"{host}</a> "
            for host in ("chirp", "pinboard", "WWW.Faces")
        )
        body = f"""<div class="crumbs"><a href="../../index.html">Market</a> &rsaquo;
<a href="../../browse/d{department}/page-0.html">Department {department}</a></div>
<div class="columns"><div class="main product-view" data-id="{number}">
<h1 class="heading product-name">{item["title"]}</h1>
<p class="numbers"><span class="label">Article</span> <span class="value sku">{item["sku"]}</span></p>
<table class="offers"><tbody>{offers}</tbody></table>
<div class="seller box"><span>Sold by</span>
<a class="name" href="/browse/d{number % _DEPARTMENTS}/page-0.html">{item["seller"]}</a></div>
<table class="facts striped"><tbody>{facts}</tbody></table><ul class="tags">{tags}</ul>
<p class="share">{share}<a href="mailto:?subject={item["sku"]}">mail</a> <a href="javascript:void(0)">print</a></p>
<p><a href="#top">top</a> <a href="../../{_address_of(number, words)}#c1">first comment</a></p></div>
<div class="aside"><table class="also-bought"><tbody>{"".join(others)}</tbody></table></div></div>"""
        return self._page(self.item(number)["title"], "../../", body, number)

    def _page(self, title: str, up: str, main: str, number: int) -> str:
        departments = "".join(
            f'<li class="nav-item level-0"><a href="{up}browse/d{each}/page-0.html">'
            f"<span>Department {each}</span></a></li>"
            for each in range(_DEPARTMENTS)
        )
        head = f"""<!DOCTYPE html>
<html class="no-js" lang="de"><head><meta http-equiv="X-UA-Compatible" content="IE=edge"><meta charset="UTF-8">
<title>{html.escape(title)} - Market</title><link rel="canonical" href="/{number}"><base target="_self">
<script>var dataLayer = [{{"page": {number}}}];</script></head><body id="top" class="page page-{number % 7}">
<div class="wrapper"><div class="header"><a class="brand" href="{up}index.html">Market</a>
<ul class="nav">{departments}</ul></div>{main}<div class="comments">"""
        tail = f"""</div><div class="footer"><a href="https://help.market.example/?from={number}">Help</a>
<a href="https://cdn.market.example/terms.pdf">Terms</a></div></div></body></html>"""
        missing, step, comments = _PAGE_BYTES - len(head.encode()) - len(tail), 0, []
        while missing > 0:
            text = self._words.prose(number * 17 + step * 91, min(700, max(missing - 220, 20)))
            comment = (
                f'<div class="comment" id="c{step}"><div class="by"><b>{self._words.word(number + step)}</b> '
                f'<span class="stars s{step % 5}"></span></div><p class="text">{text}</p></div>\n'
            )
            comments.append(comment)
            missing -= len(comment)
            step += 1
        return head + "".join(comments) + tail


def _address_of(number: int, words: Words) -> str:
    """Path and query of a detail page, as they stand in HTML."""
    folder = f"item/g{number // 500}"
    if number % 5 == 1:
        return f"{folder}/Artikel-{number}.html"
    if number % 5 == 2:
        return f"{folder}/{number}.html?id={number}&amp;colour={_COLOURS[number % 4]}"
    if number % 5 == 3:
        return f"{folder}/caf%C3%A9-{number}.html"
    return f"{folder}/{words.word(number * 3)}-{number}.html"


def _file_of(number: int, words: Words) -> str:
    return _address_of(number, words).partition("?")[0].replace("%C3%A9", "é")
