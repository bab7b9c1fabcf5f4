"""Everything around the shop: robots.txt, sitemaps, endless traps, and pages that echo the request."""

from __future__ import annotations

import gzip
import secrets
import threading
from collections.abc import Callable
from html import escape

from crawler.testing.books import Shop
from crawler.testing.layout import Layout, VisitorRequest
from crawler.testing.site_options import SiteOptions
from crawler.testing.wire import Answer

Handler = Callable[[VisitorRequest], Answer]
COOKIES_A_CRUMB = 50


class Surroundings:
    """Everything that is neither shop nor login nor fault. Thread-safe."""

    def __init__(self, options: SiteOptions, shop: Shop, layout: Layout) -> None:
        self.options = options
        self._shop, self._layout = shop, layout
        self._lock = threading.Lock()  # guards _sitemaps
        self._sitemaps: dict[tuple[str, str], bytes] = {}

    def routes(self) -> dict[str, Handler]:
        """The handlers, by the first part of the path."""
        return {
            "robots.txt": self.robots,
            "sitemap.xml": self.sitemap,
            "sitemap.xml.gz": self.sitemap,
            "sitemap-1.xml": self.sitemap,
            "sitemap-2.xml.gz": self.sitemap,
            "sitemap_index.xml": self.sitemap_index,
            "books.atom": self.feed,
            "calendar": self.calendar,
            "deep": self.deep,
            "trail": self.trail,
            "crumbs": self.crumbs,
            "echo": self.echo,
            "cookies": self.cookies,
            "go": self.go,
        }

    def robots(self, visit: VisitorRequest) -> Answer:
        """``/robots.txt``, with the status and the delay from the options."""
        options = self.options
        if options.robots_status != 200:
            return Answer.text("", options.robots_status)
        delay = f"Crawl-delay: {options.crawl_delay_s:g}\n" if options.crawl_delay_s is not None else ""
        return Answer.text(
            f"User-agent: *\nDisallow: /private/\n{delay}\nUser-agent: badbot\nDisallow: /\n\n"
            f"Sitemap: {visit.call.base}/sitemap_index.xml\n"
        )

    def sitemap(self, visit: VisitorRequest) -> Answer:
        """All public books: complete (plain and gz), or in two halves (the second one gz)."""
        name = visit.parts[0]
        key = (visit.call.base, name)
        with self._lock:
            content = self._sitemaps.get(key)
            if content is None:
                content = self._sitemaps[key] = self._make_sitemap(visit.call.base, name)
        return Answer(200, content, "application/gzip" if name.endswith(".gz") else "application/xml")

    def sitemap_index(self, visit: VisitorRequest) -> Answer:
        """The two halves."""
        parts = "".join(
            f"<sitemap><loc>{visit.call.base}/{name}</loc></sitemap>" for name in ("sitemap-1.xml", "sitemap-2.xml.gz")
        )
        text = f'{_XML}<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{parts}</sitemapindex>\n'
        return Answer(200, text.encode(), "application/xml")

    def _make_sitemap(self, base: str, name: str) -> bytes:
        half = (len(self._shop.books) + 1) // 2
        books = self._shop.books
        chosen = books[:half] if name == "sitemap-1.xml" else books[half:] if name == "sitemap-2.xml.gz" else books
        rows = "".join(f"<url><loc>{base}/book/{book.id}</loc><lastmod>2026-01-01</lastmod></url>\n" for book in chosen)
        text = f'{_XML}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n'
        return gzip.compress(text.encode(), 6, mtime=0) if name.endswith(".gz") else text.encode()

    def feed(self, visit: VisitorRequest) -> Answer:
        """``/books.atom?page=1``: the catalogue as an Atom feed, with a link to the next page."""
        text = visit.call.query().get("page", "1")
        page = int(text) if text.isdecimal() and len(text) < 10 else 0
        books = self._shop.on_page(page)
        if not books:
            return self._layout.not_found(visit)
        entries = "".join(
            f"<entry><title>{escape(book.title)}</title><id>urn:upc:{book.upc}</id>"
            f'<updated>2026-01-01T00:00:00Z</updated><link href="/book/{book.id}"/></entry>\n'
            for book in books
        )
        following = f'<link rel="next" href="/books.atom?page={page + 1}"/>' if self._shop.on_page(page + 1) else ""
        feed = f'{_XML}<feed xmlns="http://www.w3.org/2005/Atom">\n<title>Books</title>{following}\n{entries}</feed>\n'
        return Answer(200, feed.encode(), "application/atom+xml")

    def calendar(self, visit: VisitorRequest) -> Answer:
        """``/calendar/?month=2026-01``: a month, and a link to the next one, without end."""
        text = visit.call.query().get("month", "2026-01")
        year, _, month = text.partition("-")
        if not (year.isdecimal() and month.isdecimal() and len(text) < 12):
            return self._layout.not_found(visit)
        following = int(year) * 12 + int(month)  # months count from 1 here, so this is the month after
        link = f"/calendar/?month={following // 12:04d}-{following % 12 + 1:02d}"
        return self._layout.page(visit, "Events", f'<h1>{text}</h1><a class="later" href="{link}">next month</a>')

    def deep(self, visit: VisitorRequest) -> Answer:
        """``/deep/a/``: a relative link that makes the path grow with each step."""
        return self._layout.page(visit, "Deeper", f'<h1>{len(visit.parts)} steps down</h1><a href="a/">deeper</a>')

    def trail(self, visit: VisitorRequest) -> Answer:
        """``/trail/?sessid=...``: the same page under a new session id in every link."""
        return self._layout.page(
            visit, "Trail", f'<h1>A trail</h1><a href="/trail/?sessid={secrets.token_hex(16)}">go on</a>'
        )

    def crumbs(self, visit: VisitorRequest) -> Answer:
        """``/crumbs/ID``: fifty new cookies on each page, and a link to the next."""
        number = visit.number() or 1
        answer = self._layout.page(visit, "Crumbs", f'<h1>Crumbs</h1><a href="/crumbs/{number + 1}">more</a>')
        answer.headers += [
            ("Set-Cookie", f"crumb-{number}-{index}={'x' * 60}; Path=/crumbs") for index in range(COOKIES_A_CRUMB)
        ]
        return answer

    def echo(self, visit: VisitorRequest) -> Answer:
        """``/echo``: the request's method, address, header fields, cookies and body, as JSON."""
        call = visit.call
        return Answer.json(
            {
                "method": call.method,
                "url": call.base + call.target,
                "args": call.query(),
                "headers": call.headers,
                "cookies": call.cookies(),
                "body": call.body.decode("utf-8", "replace"),
                "account": visit.session.username if visit.session else None,
            }
        )

    def cookies(self, visit: VisitorRequest) -> Answer:
        """``/cookies``: the cookies sent, as JSON; ``/cookies/set?a=1`` and ``/cookies/delete?a=`` change them."""
        action = visit.parts[1] if len(visit.parts) > 1 else ""
        if action == "":
            return Answer.json({"cookies": visit.call.cookies()})
        if action not in ("set", "delete"):
            return self._layout.not_found(visit)
        answer = Answer.redirect("/cookies")
        gone = "; Max-Age=0" if action == "delete" else ""
        for name, value in visit.call.query().items():
            if any(character in name + value for character in "\r\n\0;"):
                return Answer.text("no control characters in cookies\n", 400)
            answer.headers.append(("Set-Cookie", f"{name}={value}; Path=/{gone}"))
        return answer

    def go(self, visit: VisitorRequest) -> Answer:
        """``/go?to=/path``: a redirect to a path on this site."""
        target = visit.call.query().get("to", "/")
        return Answer.redirect(target if target.startswith("/") and not target.startswith("//") else "/")


_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
