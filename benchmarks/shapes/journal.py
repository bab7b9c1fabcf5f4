"""The third site: a journal whose pages have between 5 and 100 kB and up to 1,500 elements.

Most answers are compressed, a third of the pages do not declare a charset, and a fifth of the articles are JSON.
"""

from __future__ import annotations

import html
import json
import random
from collections.abc import Iterator

from benchmarks.shapes.words import LOGIN_PAGE, Words

_LISTED = 30
_SECTIONS = 9
_LEAST_BYTES, _MOST_BYTES = 5_000, 100_000


class Shape:
    """The content of the site, for a given number of pages."""

    FORM = 1
    FIELDS = ("headline", "author", "published", "section", "opening", "keywords")
    HEADERS = (
        ("Cache-Control", "public, max-age=60"),
        ("Vary", "Accept-Encoding"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Powered-By", "Press/5"),
        ("Age", "12"),
    )
    COOKIES = ("reader=$request_id; Path=/",)
    SETS_COOKIES = r"9\.html$"

    def __init__(self, pages: int, address: str = "127.0.0.1") -> None:
        self.details = max(_SECTIONS * 2, round((pages - 1) * _LISTED / (_LISTED + 1)))
        self._address, self._words = address, Words(pages + 2)
        draw = random.Random(pages)
        most, least = _MOST_BYTES, _LEAST_BYTES
        self._sizes = [round(least * (most / least) ** (draw.random() ** 2)) for _ in range(self.details)]
        self.listings = [-(-len(self._of(each)) // _LISTED) for each in range(_SECTIONS)]
        self.pages = 1 + sum(self.listings) + self.details

    def is_compressed(self, path: str) -> bool:
        return sum(path.encode()) % 4 != 0

    def files(self) -> Iterator[tuple[str, str]]:
        """Every file and its text."""
        yield "robots.txt", "User-agent: *\nDisallow: /admin/\n"
        yield "login.html", LOGIN_PAGE
        yield "index.html", self._page("The journal", "<p>Welcome</p>", 0, _LEAST_BYTES)
        for section in range(_SECTIONS):
            for page in range(self.listings[section]):
                yield f"section/{section}/{page}.html", self._listing(section, page)
        for number in range(self.details):
            if _is_json(number):
                yield _path_of(number), self._json(number)
            else:
                yield _path_of(number), self._article(number)

    def item(self, number: int) -> dict[str, str]:
        """The six fields of an article."""
        words = self._words
        return {
            "headline": f"{words.name(number)} » {words.word(number * 7)} & {words.word(number * 13)}: {number}",
            "author": words.name(number % 401),
            "published": f"20{number % 20 + 6:02d}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            "section": f"Section {number % _SECTIONS}",
            "opening": words.prose(number, 300),
            "keywords": "|".join(words.word(number * 3 + step) for step in range(number % 5 + 1)),
        }

    def _of(self, section: int) -> range:
        return range(section, self.details, _SECTIONS)

    def _others(self, number: int, count: int) -> list[int]:
        return [(number * 13 + step * step * 211 + step) % self.details for step in range(1, count + 1)]

    def _json(self, number: int) -> str:
        text = {f"part{each}": self._words.prose(number + each, 500) for each in range(self._sizes[number] // 2_000)}
        links = [f"/{_path_of(other)}" for other in self._others(number, 8)]
        return json.dumps({"article": self.item(number), "links": links, "text": text}, ensure_ascii=False, indent=1)

    def _listing(self, section: int, page: int) -> str:
        last = self.listings[section] - 1
        rows = "".join(
            f'<li class="story"><h2><a href="/{_path_of(number)}">{html.escape(self.item(number)["headline"])}</a></h2>'
            f"<p>{self._words.prose(number, 120)}</p></li>"
            for number in self._of(section)[page * _LISTED : (page + 1) * _LISTED]
        )
        pager = f'<a href="{min(page + 1, last)}.html">older</a> <a href="{max(page - 1, 0)}.html">newer</a>'
        body = f'<ol class="stories">{rows}</ol><p class="pager">{pager} <a href="{last}.html">oldest</a></p>'
        return self._page(f"Section {section}", body, section * 1_000 + page, 9_000)

    def _article(self, number: int) -> str:
        item = {name: html.escape(value) for name, value in self.item(number).items()}
        keywords = "".join(f'<a class="keyword" rel="tag">{each}</a>' for each in item["keywords"].split("|"))
        body = f"""<article class="story full"><header><h1>{item["headline"]}</h1>
<table class="meta"><tbody><tr><th>By</th><td class="author">{item["author"]}</td></tr>
<tr><th>On</th><td><time class="published" datetime="{item["published"]}">then</time></td></tr>
<tr><th>In</th><td class="section"><a href="/section/{number % _SECTIONS}/0.html">{item["section"]}</a></td></tr>
</tbody></table>
</header><div class="text"><p class="opening">{item["opening"]}</p></div><p class="keywords">{keywords}</p></article>"""
        return self._page(self.item(number)["headline"], body, number, self._sizes[number])

    def _page(self, title: str, main: str, number: int, size_bytes: int) -> str:
        sections = "".join(f'<a href="/section/{each}/0.html">Section {each}</a>' for each in range(_SECTIONS))
        charset = "" if number % 3 == 0 else '<meta charset="utf-8">'
        head = f"""<!doctype html><html><head>{charset}<title>{html.escape(title)}</title>
<link rel="alternate" href="/feed.xml"></head><body>
<nav class="sections"><a href="/index.html">Journal</a>{sections}</nav>
<main>{main}</main><section class="discussion"><table class="votes"><tbody>"""
        tail = "</tbody></table></section><footer><p>© The journal</p></footer></body></html>"
        missing, rows, step = size_bytes - len(head.encode()) - len(tail.encode()), [], 0
        while missing > 0:
            text = self._words.prose(number * 19 + step * 71, min(330, max(missing - 260, 20)))
            other = (number * 7 + step * 401 + 3) % self.details
            link = (
                f'<a class="reply" href="#v{step}">reply</a>'
                if step % 3
                else f'<a href="/{_path_of(other)}">see {other}</a>'
            )
            row = (
                f'<tr id="v{step}"><td class="who"><b>{self._words.word(number + step)}</b></td>'
                f'<td class="what"><span>{text}</span></td><td>{link}</td></tr>\n'
            )
            rows.append(row)
            missing -= len(row)
            step += 1
        return head + "".join(rows) + tail


def _is_json(number: int) -> bool:
    return number % 5 == 4


def _path_of(number: int) -> str:
    return f"api/{number // 500}/{number}.json" if _is_json(number) else f"story/{number // 500}/{number}.html"
