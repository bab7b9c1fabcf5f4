"""Traps, logout links and plain links over whole crawls (rows U4 to U7)."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request, Response, Spider
from crawler.engine import processes
from crawler.frontier.admission import Admission, AdmissionRules
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, credentials, stored
from tests.hosts import Certificates, Net, cookie_page
from tests.urls_and_traps.test_redirects import Follower, links

NUMBERS = itertools.count(1)


def growing(call: WireRequest) -> Answer:
    return Answer(body=b"<a href='deeper/page'>x</a><a href='/a/'>y</a>")


def calendar(call: WireRequest) -> Answer:
    month = int(call.query().get("n", "0"))
    year, rest = divmod(2020 * 12 + month, 12)
    return Answer(body=f"<a href='/calendar?date={year}-{rest + 1:02d}-01&n={month + 1}'>next</a>".encode())


def session_ids(call: WireRequest) -> Answer:
    return Answer(body=f"<a href='/page?PHPSESSID={next(NUMBERS):032x}'>x</a>".encode())


def cookies_each_page(call: WireRequest) -> Answer:
    number = int(call.path.rpartition("/")[2] or 0)
    answer = cookie_page(*(f"c{next(NUMBERS)}={'x' * 50}" for _ in range(50)))
    answer.body = f"<a href='/p/{number + 1}'>x</a>".encode() if number < 40 else b"<p>end</p>"
    too_much = len(call.headers.get("cookie", "")) > 8190
    return Answer(400, b"too much") if too_much else answer


TRAPS = {"growing-path": (growing, 300), "calendar": (calendar, 400), "session-ids": (session_ids, 60)}


@pytest.mark.parametrize("trap", TRAPS)
def test_U4_a_trap_ends_by_itself_and_the_summary_names_the_rule(quick_net: Net, tmp_path: Path, trap: str) -> None:
    route, most = TRAPS[trap]
    own = quick_net.host({"*": route})

    summary = crawl(Follower, own.url, tmp_path, max_pages=2_000)

    assert summary.ending == "finished", summary
    assert len(own.calls) <= most
    if trap != "session-ids":  # those are one page already, by the key of the URL
        assert any(rule.startswith("trap") for rule in summary.skipped_by), summary.skipped_by


class Pager(Spider):
    name = "pager"
    rows = "p.row"

    def start(self) -> Any:
        yield Request(self.arguments["site"] + "/status?start=0")

    def parse(self, response: Response) -> Any:
        yield from ({"row": row} for row in response.css(f"{self.rows}::text").getall())
        yield from response.follow_all(css="a.next")


class PagerWithFrame(Pager):
    """Takes what is on each page for rows, too, as a selector that is too wide does."""

    name = "pager-with-frame"
    rows = "p"


def status(rows: Any, *, ends: int = 0) -> Any:
    """Pages of ten, and a link to the next one on each: beyond the last one, too, where no end is given."""

    def page(call: WireRequest) -> Answer:
        start = int(call.query().get("start", "0"))
        here = "".join(f"<p class=row>host {number}</p>" for number in rows if start <= number < start + 10)
        said = f"<p>Matching services</p><div>Results {start} - {start + 10}, at 12:{start % 60:02d}</div>"
        more = "" if ends and start >= ends else f"<a class=next href='/status?start={start + 10}'>Next Page</a>"
        return Answer(body=f"<html><body>{said}{here}{more}</body></html>".encode())

    return page


@pytest.mark.parametrize("spider", [Pager, PagerWithFrame], ids=lambda kind: kind.name)
def test_a_pager_that_offers_a_next_page_for_ever_ends_and_is_named(
    quick_net: Net, tmp_path: Path, spider: type[Pager]
) -> None:
    own = quick_net.host({"/robots.txt": Answer(404, b""), "*": status(range(30))})

    summary = crawl(spider, own.url, tmp_path, max_pages=1_000)

    assert (summary.ending, summary.exit_code) == ("finished", 0)
    assert summary.pages < 410
    assert [rule for rule in summary.skipped_by if "nothing new but a link to the next one" in rule], summary.skipped_by
    rows = [item["row"] for item in stored(tmp_path, "row")]
    assert {row for row in rows if row.startswith("host")} == {f"host {number}" for number in range(30)}


def test_a_year_of_empty_pages_before_the_rows_is_followed(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/robots.txt": Answer(404, b""), "*": status([3_665], ends=3_660)})

    summary = crawl(Pager, own.url, tmp_path)

    assert (summary.ending, summary.pages, sum(summary.items.values())) == ("finished", 367, 1)


def test_U4_new_cookies_on_every_page_never_lock_us_out(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"*": cookies_each_page})

    summary = crawl(Follower, own.url, tmp_path)

    assert (summary.ending, summary.failed, summary.pages) == ("finished", 0, 41)
    too_long = [header for header in own.header("cookie") if len(header) > 8190]
    assert len(too_long) == 1  # what the server refuses once it is not sent again


def test_U4_depth_and_pages_of_a_host_are_limited_by_settings(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"*": lambda call: links(f"/p{int(call.path[2:] or 0) + 1}")})

    by_depth = crawl(Follower, own.url, tmp_path, max_depth=7)
    by_pages = crawl(Follower, own.url, tmp_path / "b", max_pages_per_host=12)

    assert by_depth.pages == 8
    assert any(rule.startswith("depth") for rule in by_depth.skipped_by)
    assert by_pages.pages <= 13
    assert any("host" in rule for rule in by_pages.skipped_by), by_pages.skipped_by


def test_pages_of_a_host_are_limited_over_all_processes(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "WAKE_AT", 0)  # the others begin at once

    def tree(call: WireRequest) -> Answer:
        number = int(call.path[2:] or 0)
        time.sleep(0.1)  # what one process counts is known to the others after so long
        return links(f"/p{2 * number + 1}", f"/p{2 * number + 2}")

    own = quick_net.host({"*": tree})

    summary = crawl(Follower, own.url, tmp_path, processes=3, per_host=3, workers=1, max_pages_per_host=60)

    assert (summary.exit_code, summary.processes) == (0, 3), summary
    assert 55 <= len(own.calls) <= 60 * 1.6, "and not 180"


class Everything(Members):
    """Follows every link of the site."""

    name = "everything"

    def parse(self, response: Response) -> Any:
        if "/members/book/" in response.url:
            yield from self.parse_book(response)
        yield from response.follow_all(css="a", callback=self.parse)


FIELDS = ("id", "title", "upc", "price")


@pytest.mark.parametrize("guard", [True, False], ids=["guarded", "rule-off"])
def test_U5_logout_links_in_every_spelling_cost_no_item(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, guard: bool
) -> None:
    site = make_practice_site(books=20, logout_links="all")
    credentials(monkeypatch, default=site.accounts[0])

    summary = crawl(Everything, site.url, tmp_path, logout_guard=guard, login_budget=60)

    items = [{field: item[field] for field in FIELDS} for item in site.truth.member_items("alice")]
    assert stored(tmp_path, *FIELDS) == items, summary
    if guard:
        assert site.record.logins == {"alice": 1}
        assert not site.record.logouts
        assert any("logout" in rule for rule in summary.skipped_by)


def test_U5_a_redirect_to_a_logout_is_not_followed_by_a_session_that_is_logged_in(
    quick_net: Net, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def site(call: WireRequest) -> Answer:
        if call.method == "POST":
            return cookie_page("sid=1", location="/")
        if call.path == "/login":
            return Answer(body=b"<form method=post><input name=u><input type=password name=p></form>")
        if call.path == "/innocent":
            return Answer.redirect("/logout")
        return links("/innocent", "/good") if "sid=1" in call.headers.get("cookie", "") else Answer.redirect("/login")

    class In(Follower):
        name = "in"

        def login(self, session: Any) -> None:
            session.submit(session.get(f"{self.arguments['site']}/login").form(), {"u": "a", "p": "secret-word"})

    own = quick_net.host({"*": site})

    summary = crawl(In, own.url, tmp_path)

    assert own.seen("/logout") == []
    assert any(rule.startswith("guard") for rule in summary.skipped_by), summary.skipped_by
    assert len(own.seen("/good")) == 1


def test_U5_a_sitemap_cannot_log_us_out(quick_net: Net, tmp_path: Path) -> None:
    entries = "<urlset><url><loc>/account/log-out?token=1</loc></url><url><loc>/good</loc></url></urlset>"
    own = quick_net.host({"/sitemap.xml": Answer(body=entries.encode(), content_type="application/xml")})

    class Mapped(crawler.SitemapSpider):
        name = "mapped"
        custom_settings = {"robots": False}
        probe_url = None

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.sitemap_urls = [f"{arguments['site']}/sitemap.xml"]

        def login(self, session: Any) -> None:
            pass

        def parse(self, response: Response) -> Any:
            yield {"id": 1}

    crawl(Mapped, own.url, tmp_path)

    assert [call.path for call in own.calls] == ["/sitemap.xml", "/good"]


def test_U6_delete_links_are_left_alone_when_logged_in(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Orders(Everything):
        name = "orders"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/orders/"]

        def parse(self, response: Response) -> Any:
            yield from response.follow_all(css="a[href*=orders]", callback=self.parse)

    site = make_practice_site(books=20, delete_links=True)
    credentials(monkeypatch, default=site.accounts[0])

    summary = crawl(Orders, site.url, tmp_path)

    assert summary.pages > 20
    assert site.record.deleted == []
    assert any("guard" in rule for rule in summary.skipped_by)


def test_U6_a_link_is_only_ever_asked_for_by_get(quick_net: Net, tmp_path: Path) -> None:
    page = b"""<form method=post action=/delete><button>x</button></form>
        <a href=/good data-method=delete>y</a><button formaction=/purge>z</button>"""
    own = quick_net.host({"/": Answer(body=page)})

    crawl(Follower, own.url, tmp_path)

    assert {(call.method, call.path) for call in own.calls} == {("GET", "/"), ("GET", "/good")}


def test_U7_secure_cookies_are_not_sent_when_a_page_links_to_plain_http(net: Net, certificates: Certificates) -> None:
    plain = net.host()
    secure = net.host({"/in": cookie_page("sid=1; Secure; Path=/")}, tls=certificates.context("shop.test"))
    session = net.session(secure.named("shop.test"), verify=certificates.file, names={"shop.test": "127.0.0.1"})
    session.get(secure.named("shop.test", "/in"))

    session.send(session.prepare_link(Request(plain.named("shop.test", "/page"))))
    session.get(secure.named("shop.test", "/page"))

    assert secure.header("cookie", "/page") == ["sid=1"]
    assert plain.header("cookie") == []


def test_U7_plain_links_of_a_secure_site_are_asked_for_over_https_when_a_setting_says_so() -> None:
    def admitted(url: str, upgraded: Any = frozenset({"shop.test"})) -> str:
        admission = Admission(AdmissionRules(domains=["shop.test"], default_session="default", upgraded=upgraded))
        found = admission.admit(Request(url), depth=1)
        assert found is not None
        return found.url

    assert admitted("http://shop.test/a?b=1") == "https://shop.test/a?b=1"
    assert admitted("http://shop.test:8080/a") == "http://shop.test:8080/a"
    assert admitted("http://other.test/a") == "http://other.test/a"
    assert admitted("http://shop.test/a", frozenset()) == "http://shop.test/a"
    assert admitted("http://shop.test/a", None) == "http://shop.test/a"


def test_U7_both_spellings_are_one_page_when_links_are_upgraded() -> None:
    admission = Admission(AdmissionRules(domains=["shop.test"], default_session="default", upgraded={"shop.test"}))

    rows = admission.admit_all([Request("http://shop.test/a"), Request("https://shop.test/a")], depth=1)

    assert [row.url for row in rows] == ["https://shop.test/a"]
