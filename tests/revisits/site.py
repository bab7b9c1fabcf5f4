"""A site with validators, whose pages a test changes, and a spider that crawls it night by night."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import crawler
from crawler import Request, Response, Spider
from crawler.events import Summary
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host

DATE = "Mon, 23 Nov 2026 03:00:00 GMT"


class Site:
    """A shop: a list of pages, each with one record. Answers conditional requests as RFC 9110 says.

    Attributes:
        pages: Path to body.
        headers: Path to further headers of its answers.
        validators: "etag", "modified", "both", "weak" or "none".
        asked: How often each path was asked for, by status.
    """

    def __init__(self, count: int = 6, validators: str = "etag") -> None:
        self.pages = {f"/p/{number}": page(number) for number in range(count)}
        self.pages["/"] = "".join(f"<a href=/p/{number}>page</a>" for number in range(count))
        self.headers: dict[str, list[tuple[str, str]]] = {}
        self.modified: dict[str, str] = {}
        self.validators = validators
        self.asked: Counter[tuple[str, int]] = Counter()
        self.host = Host({"*": self.answer, "/robots.txt": Answer(404)}, "127.0.0.1", None)
        self.url = self.host.url

    def etag(self, path: str) -> str:
        mark = hashlib.sha256(self.pages[path].encode()).hexdigest()[:12]
        return f'W/"{mark}"' if self.validators == "weak" else f'"{mark}"'

    def answer(self, call: WireRequest) -> Answer:
        body = self.pages.get(call.path)
        if body is None:
            return self._counted(call, Answer(404))
        headers = list(self.headers.get(call.path, []))
        modified = self.modified.get(call.path, DATE)
        knows_tags, knows_dates = self.validators in ("etag", "both", "weak"), self.validators in ("modified", "both")
        if knows_tags:
            headers.append(("ETag", self.etag(call.path)))
        if knows_dates:
            headers.append(("Last-Modified", modified))
        asked_tag, asked_date = call.headers.get("if-none-match"), call.headers.get("if-modified-since")
        by_tag = knows_tags and asked_tag is not None
        same = asked_tag == self.etag(call.path) if by_tag else knows_dates and asked_date == modified
        if same:
            return self._counted(call, Answer(304, headers=headers))
        return self._counted(call, Answer(body=body.encode(), headers=headers))

    def _counted(self, call: WireRequest, answer: Answer) -> Answer:
        self.asked[call.path, answer.status] += 1
        return answer

    def statuses(self) -> dict[int, int]:
        """Answers since the last call, by status."""
        found: Counter[int] = Counter()
        for (_, status), count in self.asked.items():
            found[status] += count
        self.asked.clear()
        return dict(found)

    def close(self) -> None:
        self.host.close()


def page(number: int, price: int = 5) -> str:
    return f"<h1>{number}</h1><p class=price>{price}</p><a href=/>home</a>"


class Shop(Spider):
    name = "shop"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]

    def parse(self, response: Response) -> Iterator[dict[str, Any] | Request]:
        if response.css("h1"):
            yield {"number": int(response.css("h1::text").get()), "price": int(response.css("p.price::text").get())}
        yield from response.follow_all(css="a")


def night(spider: type[Spider], site: Site, folder: Path, *, full: bool = False, **settings: Any) -> Summary:
    """One crawl from its start to its end."""
    given = {"store": str(folder / "crawl.db"), "backoff": 0.05, "full": full, **settings}
    return crawler.run(spider, arguments={"site": site.url}, settings=given)


def rows(folder: Path, run: int, table: str = "items") -> list[tuple[Any, ...]]:
    """What a run has in the result table, without our own columns."""
    with closing(sqlite3.connect(folder / "crawl.db")) as raw:
        names = [row[1] for row in raw.execute(f"PRAGMA table_info({table})") if not row[1].startswith("_")]
        return sorted(raw.execute(f"SELECT {', '.join(names)} FROM {table} WHERE _run = ?", (run,)).fetchall())


def value(folder: Path, sql: str, *bound: Any) -> Any:
    with closing(sqlite3.connect(folder / "crawl.db")) as raw:
        row = raw.execute(sql, bound).fetchone()
        return row[0] if row else None
