"""The rows: how the site behaves, which spider crawls it, and what has to come of it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawler import Spider
from crawler.engine import application
from crawler.events import Summary
from tests.members import spiders
from tests.members.site import PASSWORD, USER, Members, Rules

_ONE, _TWO, _FAR = frozenset({7}), frozenset({7, 8}), frozenset({7, 50})
_LAST = frozenset({299})
_MANY = frozenset(range(10, 60))
_OF_ROWS = ("settings", "exit_code", "missing", "banned", "errors", "quick")
_SETTINGS: dict[str, Any] = {"login_budget": 1000, "workers": 8}


@dataclass(frozen=True)
class Row:
    """One situation.

    Attributes:
        most_logins: More than these are too many; 0: only complete and exact.
        exit_code: Of the run.
        missing: Pages that cannot be there.
        banned: Pages that have to be left alone for ending the session; no other may be.
        errors: Kinds of failures and how many of each; empty: they are not compared.
        quick: Also in the test suite, which plays a part of the table.
    """

    name: str
    rules: Rules
    spider: type[Spider] = spiders.Html
    settings: Mapping[str, Any] = field(default_factory=dict)
    most_logins: int = 0
    exit_code: int = 0
    missing: frozenset[int] = frozenset()
    banned: frozenset[int] = frozenset()
    errors: Mapping[str, int] = field(default_factory=dict)
    quick: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a row: the faults found, and the figures."""

    faults: tuple[str, ...]
    summary: Summary
    logins: int
    requests: int
    out: int


def sessions_needed(rules: Rules) -> tuple[int, int]:
    """How many sessions the pages take: the fewest, and what no crawl needs more than.

    Two requests of each go to where the login leads, and to its probe; a third one to the probe that says so, where no
    page shows who is logged in. Data does, where the same address refuses guests; but that is known only after the
    first session, which has to be proved as if it did not.

    A page that ends its session takes two with it until it is a suspect, and two in trials; a third trial follows where
    the first one fell into the session that had lived longest, since nothing says that it would have lived on. Pages
    may share the first two.

    Where a session that is gone shows itself by 403, a page that is forbidden and whose 403 comes at that time may have
    to be fetched again, once.
    """
    plain, by_pages, again = not rules.link, 1, 0
    if rules.requests:
        good_for = max(rules.requests - 3 - plain, 1)
        first = good_for
        if plain or rules.kind == "json":
            first = max(rules.requests - 4 - _lost_with_the_first(rules.requests - 1), 1)
        by_pages = 1 + -(-max(rules.pages - first, 0) // good_for)
        if rules.showing == "403":
            again = -(-(max(rules.pages + len(rules.forbidden) - first, 0)) // good_for) + 1 - by_pages
    if not rules.quits:
        return by_pages, by_pages + again
    return max(by_pages, 3 + 2 * len(rules.quits)), by_pages + 5 * len(rules.quits)


def _lost_with_the_first(life: int) -> int:
    """Pages of the first session that cannot be saved as long as nobody knows how long it lives.

    Whoever has made *k* probes and then asks for *d* pages before the next one loses, where the session ends just
    before that, *d + k - 1* pages of what it was good for. To lose no more than *r*, whatever life it has, the steps
    may be *r + 1* pages, then *r*, then *r - 1*: that lasts for 2 + (r + 1)(r + 2)/2 + r + 1 requests. So this is the
    least *r* that lasts for *life* requests.
    """
    lost = 0
    while 2 + (lost + 1) * (lost + 2) // 2 + lost + 1 < life:
        lost += 1
    return lost


def _row(name: str, spider: type[Spider] = spiders.Html, **rules: Any) -> Row:
    more = {key: rules.pop(key) for key in _OF_ROWS if key in rules}
    spare = rules.pop("spare", 0)
    made = Rules(**rules)
    return Row(name, made, spider, most_logins=sessions_needed(made)[1] + spare, **more)


ROWS = (
    # innocent pages
    _row("12 requests a session", requests=13, pages=300),
    _row("12 requests a session, no sign of being logged in", requests=13, pages=200, link=False),
    _row("4 requests a session", requests=5, pages=30),
    _row("4 requests a session, no sign", requests=5, pages=30, link=False),
    _row("a login form without a cookie that goes", requests=13, showing="quiet form", quick=True),
    _row("a redirect to the login page", requests=13, showing="redirect"),
    _row("a redirect home, no sign", requests=20, showing="home", link=False, quick=True),
    _row("a page that says so", requests=20, showing="short page"),
    _row("one request at a time", spiders.Serial, requests=13),
    _row("32 workers", requests=40, settings={"workers": 32, "per_host": 32}, pages=300, quick=True),
    _row("two processes", requests=30, pages=300, settings={"processes": 2}, spare=3),
    _row("half a second a session", seconds=0.5, pages=300, latency_s=0.01, spare=20),
    # pages that do log out
    _row("a page logs out and says good-bye", quits={7: "good-bye"}, missing=_ONE, banned=_ONE, exit_code=1),
    _row("a page logs out and leads home", quits={7: "home"}, missing=_ONE, banned=_ONE, exit_code=1, requests=60,
         quick=True),
    _row("a page without a sign logs out", quits={7: "page"}, missing=_ONE, banned=_ONE, exit_code=1, link=False),
    _row("two such pages", quits={7: "good-bye", 8: "home"}, missing=_TWO, banned=_TWO, exit_code=1, quick=True),
    _row("two such pages among short sessions", quits={7: "good-bye", 50: "home"}, missing=_FAR, banned=_FAR,
         exit_code=1, requests=25),
    _row("such a page, two processes", quits={7: "good-bye"}, missing=_ONE, banned=_ONE, exit_code=1, pages=300,
         settings={"processes": 2}),
    _row("such a page is the last one, two processes", quits={299: "good-bye"}, missing=_LAST, banned=_LAST,
         exit_code=1, pages=300, settings={"processes": 2}, quick=True),
    _row("such a page, one request at a time", spiders.Serial, quits={7: "home"}, missing=_ONE, banned=_ONE,
         exit_code=1),
    # 403 and others of its kind
    _row("403 when the session is gone", spiders.Basic, login="basic", requests=30, showing="403"),
    _row("403, with a mark", spiders.Marked, login="basic", requests=30, showing="403"),
    _row("403, no sign", spiders.Basic, login="basic", requests=30, showing="403", link=False, quick=True),
    _row("403, and pages that are forbidden", spiders.Basic, login="basic", requests=30, showing="403",
         forbidden=frozenset(range(10, 20)), missing=frozenset(range(10, 20)), exit_code=1, quick=True),
    _row("404 when the session is gone", spiders.Basic, login="basic", requests=30, showing="404"),
    _row("419 when the session is gone", requests=30, showing="419"),
    _row("440 when the session is gone", requests=30, showing="440", quick=True),
    _row("pages that are forbidden, a good session", forbidden=_MANY, missing=_MANY, exit_code=1),
    _row("a link to a login page that answers 401", spiders.LinksToLogin, login="basic", exit_code=1,
         errors={"401": 1}, quick=True),
    # data
    _row("JSON, 39 requests a session", spiders.Json, kind="json", requests=40, showing="json error",
         quick=True),
    _row("JSON, 39 requests a session, one at a time", spiders.Json, kind="json", requests=40, showing="json error",
         settings={"workers": 1}),
    _row("JSON, 9 requests a session", spiders.Json, kind="json", requests=10, showing="json error"),
    _row("JSON, 401", spiders.Json, kind="json", requests=40, showing="401 json", quick=True),
    _row("a token of half a second", spiders.Token, kind="json", login="token", seconds=0.5, showing="401 json",
         pages=200, latency_s=0.01, spare=20),
    _row("a token of 40 requests", spiders.Token, kind="json", login="token", requests=40, showing="401 json",
         pages=200, quick=True),
)  # fmt: skip


def play(row: Row, folder: str | None = None) -> Result:
    """Crawl the site of a row, and compare."""
    folder = folder or tempfile.mkdtemp(prefix="members-")
    store = str(Path(folder) / "crawl.db")
    os.environ.update(CRAWL_DEFAULT_USERNAME=USER, CRAWL_DEFAULT_PASSWORD=PASSWORD)
    with Members(row.rules) as site:
        settings = {**_SETTINGS, **row.settings, "store": store}
        summary = application.run(row.spider, arguments={"site": site.url}, settings=settings)
        counts = site.counts
    with closing(sqlite3.connect(store)) as database:
        got = sorted(int(number) for (number,) in database.execute("SELECT n FROM items"))
        banned = {
            int(url.rsplit("/", 1)[1])
            for (url,) in database.execute("SELECT url FROM crawl_requests WHERE rule LIKE 'guard: learned%'")
        }
    wanted = sorted(set(range(row.rules.pages)) - row.missing)
    faults = []
    if got != wanted:
        faults.append(f"missing {sorted(set(wanted) - set(got))[:5]}, {len(got) - len(set(got))} twice")
    if banned != row.banned:
        faults.append(f"banned {sorted(banned)}")
    if summary.exit_code != row.exit_code:
        faults.append(f"exit {summary.exit_code}: {summary.messages[:1]} {summary.errors}")
    if row.errors and summary.errors != row.errors:
        faults.append(f"failures {summary.errors}")
    if row.most_logins and counts["logins"] > row.most_logins:
        faults.append(f"{counts['logins']} logins")
    if summary.pages != len(got) or summary.item_count != len(got):
        faults.append(f"the summary counts {summary.pages} pages and {summary.item_count} items")
    return Result(tuple(faults), summary, counts["logins"], counts["pages"], counts["out"])
